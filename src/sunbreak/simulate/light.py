"""What clouds and their shadows do to the light that a sensor sees, for one band or several at once.

Constants are worked out band by band; what is done with them is written for arrays of NumPy and tensors of PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sunbreak.bands import OPTICAL_BANDS, Level
from sunbreak.simulate.array_library import Array, library_of
from sunbreak.simulate.atmosphere import Air, diffuse_share, gas_transmittance, path_reflectance
from sunbreak.simulate.cloud_layers import Sky
from sunbreak.simulate.cloud_optics import (
    ANISOTROPY,
    Absorption,
    absorption,
    depth_in_band,
    sharp_share,
    two_stream,
)
from sunbreak.simulate.parallax import away, band_shift
from sunbreak.simulate.sampling import reduce_mean, spread, surroundings

COARSEST_CLOUD: Final = 2
"""Coarsest sample of clouds in pixels of 10 m; 60 m would put cloud into pixels whose other bands are clear."""
CLOUD_GLOW: Final = 0.2
"""Share of the blocked direct light that comes back to the shadow, scattered by the clouds around it."""
RELIEF_STEP: Final = 30.0
"""Metres towards the sun over which the relief of a cloud's top is looked at."""


@dataclass(frozen=True)
class View:
    """How an image is taken: bands, level, pixels, air and sky."""

    bands: tuple[str, ...]
    """Names of the bands, in the order of the arrays."""
    level: Level
    """Processing level."""
    sky: Sky
    """The clouds and the sun."""
    air: Air
    """The air around the clouds."""
    pixel: int = 1
    """Side of the image's pixels in pixels of 10 m."""

    def path(self, band: str) -> float:
        """Light that never touched the ground.

        Args:
            band: Band name.

        Returns:
            Reflectance; 0 at level L2A, which has it removed.
        """
        if self.level == "L2A":
            return 0.0
        return path_reflectance(band, self.air) * gas_transmittance(band, self.air)

    def above(self, band: str, height: float) -> float:
        """Transmittance of the gases above a cloud.

        Args:
            band: Band name.
            height: Height of the cloud in m.

        Returns:
            0..1; 1 at level L2A, which has gas absorption removed.
        """
        return gas_transmittance(band, self.air, height) if self.level == "L1C" else 1.0


class LayerOptics(NamedTuple):
    """Constants of one layer of cloud in one band; of several bands at once, arrays that broadcast against fields."""

    shift: Any
    """Displacement in whole pixels (rows, columns) against the green band."""
    ahead: Any
    """Displacement in whole pixels (rows, columns) towards the sun over which relief is looked at."""
    scale: Any
    """Optical depth in the band per optical depth at 550 nm."""
    bright: Any
    """Reflectance factor seen from above the gases over the cloud, per albedo."""
    relief: Any
    """How much sides that face the sun are brighter."""
    absorbed: Absorption | None
    """What absorbs; None where nothing does."""


class BandOptics(NamedTuple):
    """Constants of one band; of several at once, arrays that broadcast against fields."""

    direct: Any
    """Share of the light on the ground that a shadow lacks."""
    path: Any
    """Reflectance of light that never touched the ground."""
    layers: tuple[LayerOptics, ...]
    """The layers, from the lowest up."""


class Shade(NamedTuple):
    """Where light is lost."""

    lost: Any
    """(..., y, x) at 10 m, share of direct sunlight lost on the ground."""
    shaded: Any
    """(..., y, x), bool: there is shadow in the image's pixel."""
    cloudy: Any
    """(..., y, x), bool: there is cloud in the image's pixel."""


class LayerInSight(NamedTuple):
    """A layer of cloud as bands see it."""

    depth: Any
    """(..., y, x) at 10 m, optical depth at 550 nm in the line of sight."""
    ahead: Any
    """(..., y, x) the same a step towards the sun."""
    optics: LayerOptics
    """Constants."""


def sample_of(band: str) -> int:
    """Side of the samples that clouds are worked out on.

    Args:
        band: Band name.

    Returns:
        Pixels of 10 m.
    """
    return min(OPTICAL_BANDS[band].resolution // 10, COARSEST_CLOUD)


def band_optics(view: View, band: str) -> BandOptics:
    """The constants of a band.

    Args:
        view: How the image is taken.
        band: Band name.

    Returns:
        Plain numbers.
    """
    towards = away(-RELIEF_STEP, view.sky.spec.sun_azimuth)
    layers = tuple(
        LayerOptics(
            band_shift(band, layer.base),
            towards,
            depth_in_band(band, layer.exponent),
            ANISOTROPY * view.above(band, layer.base + 0.5 * layer.thickness),
            0.3 if layer.shape == "heap" else 0.12,
            absorption(band, layer.phase),
        )
        for layer in view.sky.layers
    )
    return BandOptics((1.0 - diffuse_share(band, view.air)) * (1.0 - CLOUD_GLOW), view.path(band), layers)


def seen_through(
    clear: Array, shade: Shade, layers: Sequence[LayerInSight], optics: BandOptics, samples: tuple[int, int]
) -> Array:
    """See clear ground through the clouds.

    Args:
        clear: (..., y, x) clear reflectance.
        shade: Where light is lost.
        layers: The layers of cloud in sight, from the lowest up.
        optics: Constants of the band, or of the bands along an axis before the last two.
        samples: Sides of the samples that clouds are worked out on, and of the image's pixels, in pixels of 10 m.

    Returns:
        (..., y, x) cloudy reflectance; bit-identical to the input where there is neither cloud nor shadow.
    """
    where, factor, pixel = library_of(clear).where, *samples
    dark = spread(reduce_mean(shade.lost, factor), factor // pixel) * optics.direct
    ground = clear - dark * library_of(clear).clip(clear - optics.path, 0.0, None)
    ground = seen = where(shade.shaded, ground, clear)
    for layer in layers:
        seen = _through(seen, layer, factor, pixel)
    result: Array = where(shade.cloudy, seen, ground)
    return result


def _through(seen: Array, layer: LayerInSight, factor: int, pixel: int) -> Array:
    """See through one layer: R + T (sharp rho + rest of its surroundings) / (1 - rho R)."""
    optics = layer.optics
    native = reduce_mean(layer.depth, factor) * optics.scale
    up, through = two_stream(native, optics.absorbed)
    bright = up * optics.bright
    bright *= reduce_mean(_relief(layer), factor)
    fields = (up, bright, through, sharp_share(native))
    reflected, shine, passed, sharp = (spread(field, factor // pixel) for field in fields)
    below = sharp * seen + (1.0 - sharp) * surroundings(seen, pixel)
    result: Array = shine + passed * below / (1.0 - library_of(below).clip(below, 0.0, 0.95) * reflected)
    return result


def _relief(layer: LayerInSight) -> Any:
    """Brightness of cloud tops by their own relief: sides that face the sun are brighter, the far sides darker."""
    return 1.0 + layer.optics.relief * (layer.depth - layer.ahead) / (layer.depth + layer.ahead + 4.0)
