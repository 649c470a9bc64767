"""Clear reflectance of a landscape in every band: mixed from materials, lit by the sun, sampled by the sensor."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from sunbreak.bands import L1C_BANDS, OPTICAL_BANDS, Level
from sunbreak.simulate.atmosphere import Air, at_sensor
from sunbreak.simulate.cover import Landscape
from sunbreak.simulate.ground import Ground
from sunbreak.simulate.mesh import Mesh, Octaves, fractal
from sunbreak.simulate.noise import Floats, gaussian, key_of
from sunbreak.simulate.sampling import reduce_mean, spread
from sunbreak.simulate.spec import CloudSpec
from sunbreak.simulate.spectra import REGION, SPECTRA

SKYLIGHT: Final = 0.18
"""Share of light that relief does not shade; one value for all bands, as relief is soft at 40 m."""
NOISE_RELATIVE, NOISE_ABSOLUTE = 0.006, 0.0006
"""Standard deviation of sensor noise: a signal-to-noise ratio of about 150 and a floor of 6 DN."""


def sun_vector(sun: CloudSpec) -> tuple[float, float]:
    """Direction to the sun on the image.

    Args:
        sun: Sun geometry.

    Returns:
        Unit vector (rows, columns): rows grow towards the south.
    """
    azimuth = math.radians(sun.sun_azimuth)
    return -math.cos(azimuth), math.sin(azimuth)


def illumination(land: Landscape, sun: CloudSpec) -> Floats:
    """Light on sloping ground relative to level ground.

    Args:
        land: A window of landscape.
        sun: Sun geometry.

    Returns:
        (y, x), 1 on level ground: cos(local incidence) / cos(solar zenith) on the direct share.
    """
    towards_y, towards_x = sun_vector(sun)
    # the plane drops towards the sun where its rise in that direction is negative
    rise = land.terrain.slope_x * np.float32(towards_x) + land.terrain.slope_y * np.float32(towards_y)
    steepness = land.terrain.slope_x**2 + land.terrain.slope_y**2
    tangent = 1.0 / math.tan(math.radians(sun.sun_elevation))
    direct = (np.float32(1.0) - np.float32(tangent) * rise) / np.sqrt(np.float32(1.0) + steepness)
    result: Floats = np.float32(SKYLIGHT) + np.float32(1.0 - SKYLIGHT) * np.clip(direct, 0.05, 1.9)
    return result


def _variety(land: Landscape, region: int) -> Floats:
    """Factor about 1 by which a spectral region differs from the table: parcel by parcel and smoothly."""
    key = key_of(land.seed, f"variety{region}")
    smooth = fractal(Mesh(land.grid, 8), Octaves(90.0, 6.0, 0.6), key)
    own = land.luck(41 + region) * np.float32(3.46)
    return np.exp(np.float32(0.055) * smooth + np.float32(0.085 if region else 0.07) * own)


def clear_reflectance(land: Landscape, materials: Ground, sun: CloudSpec, level: Level, air: Air) -> Floats:
    """See the landscape without clouds.

    Args:
        land: A window of landscape, aligned to 60 m.
        materials: Its materials.
        sun: Sun geometry.
        level: Processing level.
        air: The air; without effect at level L2A.

    Returns:
        (band, y, x) float32 reflectance at 10 m; the outermost two pixels lack neighbours.
    """
    light = illumination(land, sun)
    # what all bands share: gaps and shade in canopies, crusts and furrows on soil
    tone = fractal(Mesh(land.grid, 8), Octaves(60.0, 6.0, 0.6), key_of(land.seed, "tone"))
    shade = np.float32(0.055) * materials.texture + np.float32(0.08) * tone + np.float32(0.28) * land.luck(44)
    lit = materials.shares * (light * np.exp(shade))
    bands = [name for name in L1C_BANDS if level == "L1C" or name != "B10"]
    out = np.empty((len(bands), land.grid.height, land.grid.width), np.float32)
    for resolution in (10, 20, 60):
        factor = resolution // 10
        shares = reduce_mean(lit, factor)
        variety = {region: reduce_mean(_variety(land, region), factor) for region in (0, 1, 2)}
        for name in bands:
            if OPTICAL_BANDS[name].resolution == resolution:
                column = L1C_BANDS.index(name)
                native = shares[0] * SPECTRA[0, column]
                for material in range(1, SPECTRA.shape[0]):
                    native += shares[material] * SPECTRA[material, column]
                native *= variety[REGION[name]]
                if level == "L1C":
                    native = at_sensor(native, name, air)
                out[bands.index(name)] = spread(_blurred(_noisy(native, land, name, factor), factor), factor)
    return out


def _noisy(native: Floats, land: Landscape, band: str, factor: int) -> Floats:
    rows = np.arange(native.shape[0], dtype=np.int64)[:, np.newaxis] + land.grid.row // factor
    cols = np.arange(native.shape[1], dtype=np.int64)[np.newaxis, :] + land.grid.col // factor
    noise = gaussian(rows, cols, key_of(land.seed, f"sensor{band}"))
    noise *= native * np.float32(NOISE_RELATIVE) + np.float32(NOISE_ABSOLUTE)
    noise += native
    return noise


def _blurred(native: Floats, factor: int) -> Floats:
    """Point spread of 10 m bands, whose pixels are as small as the optics resolve; coarser samples average anyway."""
    if factor > 1:
        return native
    out = native.copy()
    side, centre = np.float32(0.14), np.float32(0.72)
    out[1:-1] = centre * native[1:-1] + side * (native[:-2] + native[2:])
    native = out.copy()
    out[:, 1:-1] = centre * native[:, 1:-1] + side * (native[:, :-2] + native[:, 2:])
    return out
