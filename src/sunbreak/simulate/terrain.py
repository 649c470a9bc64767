"""The lie of the land: height, slopes, sea, lakes and rivers."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sunbreak.simulate.biomes import Biome
from sunbreak.simulate.mesh import Mesh, Octaves, between, fractal, fractal_at, swirl
from sunbreak.simulate.noise import Doubles, Floats, Grid, key_of, point_noise

STEP: Final = 4
"""Pixels between the nodes on which terrain is computed: 40 m, about what relief shows from orbit."""
PIXEL: Final = 10.0
"""Metres a pixel."""


class Terrain(NamedTuple):
    """The lie of the land in one window; every field is (y, x) float32 unless stated."""

    height: Floats
    """Height relative to the scene's mean, in standard deviations."""
    slope_x: Floats
    """Rise towards the east, m per m."""
    slope_y: Floats
    """Rise towards the south (down the image), m per m."""
    coast: Floats
    """Height above the sea in units of its own field; below 0 lies the sea."""
    river: Floats
    """Distance to the nearest river in pixels, less half its width; negative inside."""
    stream: Floats
    """Distance to the nearest stream in pixels."""
    water: NDArray[np.bool_]
    """Sea, lakes and rivers."""


def _relief(y: Doubles, x: Doubles, biome: Biome, key: int) -> Floats:
    """Height in standard deviations: rolling hills blended with ridges that are rougher the higher they stand."""
    rolling = fractal_at(y, x, Octaves(900.0, 20.0, 0.45), key_of(key, "rolling"))
    ridges = np.zeros(y.shape, np.float32)
    strength = np.ones(y.shape, np.float32)
    for index, (spacing, height) in enumerate(Octaves(150.0, 9.0, 0.58).ladder()):
        crest = 1.0 - np.abs(point_noise(y, x, spacing, key_of(key, f"ridge{index}")))
        crest *= strength
        ridges += np.float32(height) * crest
        # detail grows on crests and dies in valleys, as erosion leaves it
        strength = np.clip(crest * np.float32(1.4) + np.float32(0.25), 0.1, 1.2).astype(np.float32)
    share = np.float32(biome.ridged)
    sharp = np.float32(0.55) * rolling + ridges - np.float32(0.4)
    return ((np.float32(1.0) - share) * rolling + share * sharp).astype(np.float32)


def _channel(mesh: Mesh, octaves: Octaves, warp: tuple[Floats, Floats], key: int) -> Floats:
    """Distance in pixels to the zero line of a smooth field: a line that winds and never ends inside the land."""
    y, x = mesh.nodes
    level = fractal_at(y + warp[0], x + warp[1], octaves, key)
    rise_y, rise_x = _differences(level, mesh.step)
    steepness = np.hypot(rise_y, rise_x) + np.float32(0.12 / octaves.longest)
    return (np.abs(level) / steepness).astype(np.float32)


def _differences(values: Floats, step: float) -> tuple[Floats, Floats]:
    """Central differences along rows and columns over nodes `step` apart; the outermost are wrong and never used."""
    rows, cols = np.zeros_like(values), np.zeros_like(values)
    scale = np.float32(0.5 / step)
    rows[1:-1] = (values[2:] - values[:-2]) * scale
    cols[:, 1:-1] = (values[:, 2:] - values[:, :-2]) * scale
    return rows, cols


def terrain(grid: Grid, biome: Biome, seed: int) -> Terrain:
    """Lay out the land of one window.

    Args:
        grid: The window.
        biome: Kind of country.
        seed: Seed of the scene.

    Returns:
        The lie of the land.
    """
    key = key_of(seed, "terrain")
    mesh = Mesh(grid, STEP)
    y, x = mesh.nodes
    warp = swirl(mesh, 70.0, 16.0, key_of(key, "warp"))
    height = _relief(y + warp[0], x + warp[1], biome, key)
    river = _channel(mesh, Octaves(620.0, 60.0, 0.42), warp, key_of(key, "river"))
    stream = _channel(mesh, Octaves(190.0, 40.0, 0.42), warp, key_of(key, "stream"))
    # rivers lie in valleys, streams in hollows
    height -= np.float32(0.9) * np.exp(-river / np.float32(45.0)) + np.float32(0.25) * np.exp(
        -stream / np.float32(18.0)
    )
    slope_y, slope_x = _differences(height, STEP * PIXEL)  # standard deviations per m
    scale = np.float32(biome.relief)
    width = between(1.0, 5.5, key_of(key, "width")) * (1.0 + 0.35 * point_noise(y, x, 210.0, key_of(key, "broad")))
    river_at, coast, lakes = (
        mesh.refine(river - width.astype(np.float32)),
        _coast(mesh, biome, key),
        _lakes(mesh, biome, key),
    )
    ragged = fractal(mesh, Octaves(24.0, 3.0, 0.6), key_of(key, "ragged"))
    water = (coast + np.float32(0.012) * ragged < 0.0) | (lakes + np.float32(0.05) * ragged > 0.0)
    water |= river_at + np.float32(0.25) * ragged < 0.0
    return Terrain(
        height=mesh.refine(height),
        slope_x=mesh.refine(slope_x) * scale,
        slope_y=mesh.refine(slope_y) * scale,
        coast=coast,
        river=river_at,
        stream=mesh.refine(stream),
        water=water,
    )


def _coast(mesh: Mesh, biome: Biome, key: int) -> Floats:
    """Height above the sea: a field so long that most scenes hold one shore or none."""
    if biome.sea <= 0.0:
        return np.full((mesh.grid.height, mesh.grid.width), 9.0, np.float32)
    field = fractal(mesh, Octaves(1100.0, 14.0, 0.43), key_of(key, "coast"))
    return field - np.float32(ndtri(biome.sea))


def _lakes(mesh: Mesh, biome: Biome, key: int) -> Floats:
    """Positive inside lakes."""
    y, x = mesh.nodes
    field = fractal_at(y, x, Octaves(150.0, 14.0, 0.42), key_of(key, "lake"))
    return mesh.refine(field) - np.float32(ndtri(1.0 - biome.lake))
