"""Clouds by alpha blending: a second generator that shares nothing with the physical one.

What is trained under the clouds of `simulate.lay` can be tested under these, so that a gain is not tied to one
generator. Noise with a power-law spectrum is cut at the quantile of the cover; a cloud of one colour is blended over
the image, x' = (1 - a) x + a c, and a faint shadow lies beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sunbreak.bands import OPTICAL_BANDS
from sunbreak.errors import OptionError
from sunbreak.legend import Quality

Floats = NDArray[np.float32]

THIN_OPACITY: Final = 0.05
"""Opacity from which a pixel counts as cloud."""
THICK_OPACITY: Final = 0.6
"""Opacity from which the surface counts as lost."""
SHADOW_LOSS: Final = 0.1
"""Share of light lost from which a clear pixel counts as shadow."""
REACH: Final = 24
"""Pixels around the image on which clouds are drawn, so that their shadows can come in from outside."""


@dataclass(frozen=True)
class BlendedWindow:
    """An image under blended clouds."""

    optical: Floats
    """(band, y, x) float32 reflectance, 1.0 = 100 %, NaN = no data."""
    quality: NDArray[np.uint8]
    """(y, x) `legend.Quality`: 0 nodata, 1 clear, 2 thin cloud, 3 thick cloud, 4 shadow."""
    opacity: Floats
    """(y, x) float32 opacity of the cloud, 0..1."""


def blend_clouds(reflectance: Floats, *, bands: Sequence[str], cover: float, seed: int) -> BlendedWindow:
    """Blend clouds and their shadows over a clear image.

    Args:
        reflectance: (band, y, x) clear reflectance, 1.0 = 100 %, NaN = no data. Not changed.
        bands: Names of its bands, as in `bands.OPTICAL_BANDS`.
        cover: Share of the pixels under thin or thick cloud, 0..1.
        seed: Seed of the clouds.

    Returns:
        The cloudy image. Pixels without cloud and shadow keep their bits; a cover of 0 changes nothing.

    Raises:
        OptionError: The cover is outside 0..1, or the bands do not fit the array.

    Example:
        >>> clear = np.full((2, 64, 64), 0.1, np.float32)
        >>> cloudy = blend_clouds(clear, bands=["B02", "B08"], cover=0.5, seed=1)
        >>> round(float(np.isin(cloudy.quality, (2, 3)).mean()), 1)
        0.5
    """
    if not 0.0 <= cover <= 1.0:  # also refuses NaN
        raise OptionError(f"cover is {cover}; it must lie between 0 and 1")
    if reflectance.ndim != 3 or reflectance.shape[0] != len(bands):
        raise OptionError(f"reflectance has shape {reflectance.shape}; expected ({len(bands)}, rows, columns)")
    unknown = [name for name in bands if name not in OPTICAL_BANDS]
    if unknown:
        raise OptionError(f"bands {unknown} are unknown; each must be one of {list(OPTICAL_BANDS)}")
    height, width = reflectance.shape[1:]
    draw = np.random.default_rng(seed)
    field = _noise((height + 2 * REACH, width + 2 * REACH), draw)
    opacity = _opacity(field, cover, draw)
    dark = _shadow(opacity, draw)
    inner = np.s_[REACH : REACH + height, REACH : REACH + width]
    here, texture = opacity[inner], field[inner]
    colour = _colour(bands, draw)[:, np.newaxis, np.newaxis]
    # cloud is a little brighter where it is deeper
    colour = colour * (np.float32(0.94) + np.float32(0.06) * np.tanh(texture))
    clear = reflectance.astype(np.float32)
    lit = np.where(dark > 0.0, clear * (np.float32(1.0) - dark), clear)
    optical = np.where(here > 0.0, lit + here * (colour - lit), lit).astype(np.float32)
    return BlendedWindow(optical, _classes(clear, here, dark), here.copy())


def _noise(shape: tuple[int, int], draw: np.random.Generator) -> Floats:
    """Gaussian noise whose amplitude falls as a power of the wave number; mean 0, standard deviation 1."""
    power = draw.uniform(1.5, 2.3)
    rows, cols = np.fft.fftfreq(shape[0])[:, np.newaxis], np.fft.rfftfreq(shape[1])[np.newaxis, :]
    wave = np.hypot(rows, cols)
    wave[0, 0] = np.inf
    white = draw.standard_normal((2, *wave.shape))
    field = np.fft.irfft2((white[0] + 1j * white[1]) * wave**-power, s=shape)
    field -= field.mean()
    result: Floats = (field / field.std()).astype(np.float32)
    return result


def _opacity(field: Floats, cover: float, draw: np.random.Generator) -> Floats:
    """Opacity by height above the quantile of the cover: soft at the edge, level inside."""
    peak, width = draw.uniform(0.8, 1.0), draw.uniform(0.3, 1.4)
    if cover == 0.0:
        return np.zeros_like(field)
    inside = field[REACH:-REACH, REACH:-REACH]
    # of full cover the thinnest place lies on the edge, somewhere in its outer half
    outer = float(inside.min()) - draw.uniform(0.02, 0.5) * width
    level = outer if cover == 1.0 else float(np.quantile(inside, 1.0 - cover))
    # the edge begins outside the quantile, and has reached the opacity of thin cloud there
    start = _rise_of(THIN_OPACITY / peak)
    rise = np.clip((field - level) / width + start, 0.0, 1.0)
    result: Floats = (peak * rise * rise * (3.0 - 2.0 * rise)).astype(np.float32)
    return result


def _rise_of(height: float) -> float:
    """Where the soft step 3 t^2 - 2 t^3 reaches a height."""
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if middle * middle * (3.0 - 2.0 * middle) < height else (low, middle)
    return high


def _shadow(opacity: Floats, draw: np.random.Generator) -> Floats:
    """Share of light lost beside the clouds, on the image."""
    strength, away, turn = draw.uniform(0.15, 0.4), draw.uniform(6.0, REACH), draw.uniform(0.0, 2.0 * np.pi)
    top, left = REACH + round(away * np.sin(turn)), REACH + round(away * np.cos(turn))
    height, width = opacity.shape[0] - 2 * REACH, opacity.shape[1] - 2 * REACH
    result: Floats = np.float32(strength) * opacity[top : top + height, left : left + width]
    return result


def _colour(bands: Sequence[str], draw: np.random.Generator) -> Floats:
    """Reflectance of the cloud in every band: near white, darker where water and ice absorb, dim in the cirrus band."""
    bright, slope = draw.uniform(0.45, 0.95), draw.uniform(-0.12, 0.06)
    swir, vapour, cirrus = draw.uniform(0.4, 0.8), draw.uniform(0.55, 0.85), draw.uniform(0.035, 0.15)
    special = {"B09": vapour, "B11": swir, "B12": swir * draw.uniform(0.7, 0.95)}
    out = []
    for name in bands:
        micron = OPTICAL_BANDS[name].wavelength / 1000.0
        tint = 1.0 + slope * (min(micron, 1.0) - 0.55) + draw.uniform(-0.01, 0.01)
        out.append(cirrus if name == "B10" else bright * tint * special.get(name, 1.0))
    return np.array(out, np.float32)


def _classes(clear: Floats, opacity: Floats, dark: Floats) -> NDArray[np.uint8]:
    out = np.full(opacity.shape, Quality.CLEAR, np.uint8)
    out[dark > np.float32(SHADOW_LOSS)] = Quality.SHADOW
    # a hair below, as the quantile itself lies on the edge
    out[opacity >= np.float32(THIN_OPACITY * 0.999)] = Quality.THIN_CLOUD
    out[opacity >= np.float32(THICK_OPACITY)] = Quality.THICK_CLOUD
    out[np.isnan(clear).all(axis=0)] = Quality.NODATA
    return out
