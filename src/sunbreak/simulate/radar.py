"""Radar backscatter of a landscape: sigma0 of materials, relief by local incidence, speckle, noise floor."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sunbreak.bands import RADAR_BANDS
from sunbreak.simulate import cover
from sunbreak.simulate.cover import Landscape
from sunbreak.simulate.ground import Ground
from sunbreak.simulate.mesh import Mesh, Octaves, between, fractal
from sunbreak.simulate.noise import Floats, Grid, gaussian, key_of, scalar
from sunbreak.simulate.parcels import draw
from sunbreak.simulate.spectra import MATERIALS

LOOKS: Final = 4.4
"""Equivalent number of looks of ground range detected, high-resolution products of the interferometric wide swath."""
CORRELATION: Final = (0.0587, 0.2434, 0.3958, 0.2434, 0.0587)
"""Weights, along each axis, of the filter that correlates speckle over about 2 pixels (a Gaussian of 0.84 px)."""
INCIDENCE: Final = 39.0
"""Incidence angle in degrees in the middle of the swath."""
FLOOR_DB: Final = -26.5
"""Noise-equivalent sigma0 in dB."""

SIGMA0_DB: Final[dict[str, tuple[float, float]]] = {
    "broadleaf": (-8.3, -13.8),
    "needleleaf": (-9.2, -14.8),
    "herb": (-11.0, -16.6),
    "straw": (-11.8, -18.6),
    "bark": (-8.9, -14.9),
    "light soil": (-13.0, -21.5),
    "dark soil": (-11.2, -19.6),
    "sand": (-17.5, -25.5),
    "rock": (-10.5, -17.5),
    "clear water": (-22.0, -30.0),
    "turbid water": (-22.0, -30.0),
    "pavement": (-12.0, -20.0),
    "bright roof": (-2.5, -11.0),
    "tile roof": (-3.0, -10.5),
    "snow": (-11.5, -18.0),
    "lichen": (-11.5, -18.5),
}
"""Mean sigma0 of each material in VV and VH at the swath's middle; typical of C band."""


def speckle(grid: Grid, key: int) -> Floats:
    """Multiplicative speckle of a detected multi-look image.

    Args:
        grid: The window.
        key: Key of the field.

    Returns:
        (y, x) float32, mean 1, gamma distributed with 4.4 looks, correlated over about 2 pixels. A correlated Gaussian
        is turned into a gamma variable by the cube of Wilson & Hilferty (1931), PNAS 17.
    """
    wide = grid.grown(2)
    white = gaussian(wide.rows[:, np.newaxis], wide.cols[np.newaxis, :], key)
    norm = np.float32(1.0 / sum(weight * weight for weight in CORRELATION))
    smooth = np.float32(CORRELATION[0]) * white[: grid.height]
    for tap in range(1, 5):
        smooth += np.float32(CORRELATION[tap]) * white[tap : tap + grid.height]
    normal = np.float32(CORRELATION[0]) * smooth[:, : grid.width]
    for tap in range(1, 5):
        normal += np.float32(CORRELATION[tap]) * smooth[:, tap : tap + grid.width]
    normal *= norm
    ninth = 1.0 / (9.0 * LOOKS)
    root = np.maximum(np.float32(1.0 - ninth) + np.float32(math.sqrt(ninth)) * normal, np.float32(0.05))
    result: Floats = root * root * root
    return result


def relief_gain(slope: Floats) -> Floats:
    """Change of sigma0 on a slope, relative to level ground.

    Args:
        slope: (y, x) rise away from the radar, m per m; positive where the ground faces the radar.

    Returns:
        (y, x) factor tan(incidence) / tan(local incidence): slopes that face the radar are bright.
        Source: the volume model of Ulander (1996), IEEE TGRS 34.
    """
    tangent = np.float32(math.tan(math.radians(INCIDENCE)))
    local = (tangent - slope) / (np.float32(1.0) + tangent * slope.clip(-1.0, 1.0))
    return np.clip(tangent / np.maximum(local, np.float32(0.1)), 0.15, 6.0)


def backscatter(land: Landscape, materials: Ground) -> Floats:
    """See the landscape by radar.

    Args:
        land: A window of landscape.
        materials: Its materials.

    Returns:
        (2, y, x) float32 sigma0 in dB, VV and VH.
    """
    key = key_of(land.seed, "radar")
    look = math.radians(100.0 if scalar(key_of(key, "pass")) < 0.5 else 260.0) + between(-0.06, 0.06, key)
    # the radar looks from the left of its track: the ground faces it where it rises along the look direction
    slope = land.terrain.slope_x * np.float32(math.sin(look)) - land.terrain.slope_y * np.float32(math.cos(look))
    gain = relief_gain(slope)
    table = np.array([SIGMA0_DB[name] for name in MATERIALS], np.float32)
    power = (10.0 ** (table / 10.0)).astype(np.float32)
    rough = _roughness(land, materials, key)
    out = np.empty((len(RADAR_BANDS), land.grid.height, land.grid.width), np.float32)
    for index, name in enumerate(RADAR_BANDS):
        sigma = materials.shares[0] * power[0, index]
        for material in range(1, len(MATERIALS)):
            sigma += materials.shares[material] * power[material, index]
        # shape and row direction matter more for VV; both polarisations share most of it
        own = fractal(Mesh(land.grid, 8), Octaves(60.0, 4.0, 0.7), key_of(key, f"own{name}"))
        sigma *= np.exp(rough + np.float32(0.2) * own)
        sigma = sigma * gain * speckle(land.grid, key_of(key, f"speckle{name}")) + _floor(land.grid, key, name)
        out[index] = np.float32(10.0) * np.log10(sigma)
    return out


def _roughness(land: Landscape, materials: Ground, key: int) -> Floats:
    """Logarithm of the factor by which moisture, tillage, street directions and wind change sigma0."""
    tillage = land.luck(51) * np.float32(1.1)
    damp = (materials.moisture - np.float32(0.42)) * np.float32(0.9)
    # streets square to the look direction make corners of wall and ground
    corner = (draw(land.parcels.block, 52) - np.float32(0.6)) * np.float32(1.6) + np.float32(0.55) * materials.texture
    wind = fractal(Mesh(land.grid, 8), Octaves(500.0, 20.0, 0.6), key_of(key, "wind"))
    wind = np.float32(0.35) * wind + np.float32(between(-0.7, 1.1, key_of(key, "gale")))
    stand = land.luck(53) * np.float32(0.8) + np.float32(0.1) * land.growth
    code = land.land_cover
    out = np.where(code == cover.TREE, stand, tillage + damp)
    out = np.where(code == cover.BUILT, corner, out)
    return np.where(code == cover.WATER, wind, out).astype(np.float32)


def _floor(grid: Grid, key: int, name: str) -> Floats:
    """Thermal noise: a power of its own with speckle of its own."""
    noise: NDArray[np.float32] = speckle(grid, key_of(key, f"floor{name}"))
    return np.float32(10.0 ** (FLOOR_DB / 10.0)) * noise
