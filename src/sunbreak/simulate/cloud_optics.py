"""What a cloud layer does to light: two-stream reflectance and transmittance, and how much of the ground it blurs.

Sources: two-stream solutions for conservative and absorbing layers, Liou (2002), An Introduction to Atmospheric
Radiation, chapter 6; size of single-scattering albedos of water and ice clouds in the short-wave infrared, King et al.
(1997), MODIS cloud ATBD; forward-peak scaling, Joseph, Wiscombe & Weinman (1976), J. Atmos. Sci. 33.
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from sunbreak.bands import OPTICAL_BANDS
from sunbreak.simulate.array_library import Array, library_of
from sunbreak.simulate.noise import Floats

Phase = Literal["water", "ice"]

ASYMMETRY: Final = 0.85
"""Mean cosine of scattering angles in clouds."""
FORWARD: Final = ASYMMETRY * ASYMMETRY
"""Share of scattered light in the forward peak, which still counts as unscattered."""
ANISOTROPY: Final = 1.18
"""Reflectance factor seen from above per albedo: bright clouds are not Lambertian, and the sun is not diffuse."""
ABSORBING: Final[dict[Phase, dict[str, float]]] = {
    "water": {"B09": 0.9999, "B10": 0.9995, "B11": 0.9940, "B12": 0.9820},
    "ice": {"B09": 0.9999, "B10": 0.9960, "B11": 0.9560, "B12": 0.9420},
}
"""Single-scattering albedo where it is not 1: ice absorbs most at 1.6 and 2.2 um and is dark there."""

THIN_DEPTH: Final = 0.14
"""Smallest optical depth at 550 nm that counts as cloud: two-stream reflectance 0.01 over a dark surface."""
THICK_DEPTH: Final = 4.0
"""Optical depth at 550 nm from which the surface is lost: below a fifth of its contrast gets through, as
`sharp_share` x upward transmittance x light on the ground is 0.33 x 0.77 x 0.77 there."""


def depth_in_band(band: str, exponent: float) -> float:
    """Optical depth in a band per optical depth at 550 nm.

    Args:
        band: Band name.
        exponent: Exponent gamma of wavelength**-gamma: 0 for cloud drops, up to 1.5 for haze.

    Returns:
        A factor.
    """
    result: float = (OPTICAL_BANDS[band].wavelength / 550.0) ** -exponent
    return result


class Absorption(NamedTuple):
    """Constants of the two-stream solution in a band in which cloud absorbs; float32 numbers, or arrays of them."""

    deep: Any
    """Albedo of a cloud without end."""
    square: Any
    """Its square."""
    rest: Any
    """1 less that."""
    rate: Any
    """Loss of diffuse light per optical depth."""


def absorption(band: str, phase: Phase) -> Absorption | None:
    """How cloud absorbs in a band.

    Args:
        band: Band name.
        phase: Water drops or ice crystals.

    Returns:
        Its constants; None where nothing absorbs.
    """
    albedo = ABSORBING[phase].get(band)
    if albedo is None:
        return None
    ratio = math.sqrt((1.0 - albedo * ASYMMETRY) / (1.0 - albedo))
    deep, rate = np.float32((ratio - 1.0) / (ratio + 1.0)), math.sqrt((1.0 - albedo) * (1.0 - albedo * ASYMMETRY))
    return Absorption(float(deep), float(deep * deep), float(np.float32(1.0) - deep * deep), rate)


def two_stream(depth: Array, absorbed: Absorption | None) -> tuple[Array, Array]:
    """Albedo and transmittance of a layer under diffuse light.

    Args:
        depth: Optical depth in the band, >= 0; any shape.
        absorbed: What absorbs in the band; of several bands at once, arrays that broadcast against the depth.

    Returns:
        Reflectance R and transmittance T, each 0..1, R + T <= 1. Where nothing absorbs, R = (1-g) tau / (2 + (1-g) tau)
        and T = 1 - R.
    """
    if absorbed is None:
        scaled: Any = depth * (1.0 - ASYMMETRY)
        up: Any = scaled / (scaled + 2.0)
        return up, 1.0 - up
    fade: Any = library_of(depth).exp(depth * -absorbed.rate)
    left = fade * fade
    # written so that T is 1 to the last bit where the depth is 0
    whole = 1.0 - absorbed.square * left
    return absorbed.deep * (1.0 - left) / whole, absorbed.rest * fade / whole


def sharp_share(depth: Array) -> Array:
    """Share of the light from the ground that still forms an image.

    Args:
        depth: Optical depth, >= 0; any shape.

    Returns:
        1 without cloud; the rest is scattered and shows the mean of the surroundings.
    """
    result: Array = library_of(depth).exp(depth * (FORWARD - 1.0))
    return result


def beam(depth: Floats, sun_cosine: float) -> Floats:
    """Direct sunlight that passes a layer.

    Args:
        depth: Vertical optical depth, >= 0.
        sun_cosine: Cosine of the solar zenith angle.

    Returns:
        0..1, the forward peak counted as direct.
    """
    result: Floats = np.exp(depth * np.float32((FORWARD - 1.0) / max(sun_cosine, 0.2)))
    return result
