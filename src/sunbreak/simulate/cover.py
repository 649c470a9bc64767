"""The land-cover map of a simulated landscape, in the classes of ESA WorldCover."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sunbreak.simulate.biomes import Biome, biome_of
from sunbreak.simulate.mesh import Mesh, Octaves, fractal
from sunbreak.simulate.noise import Floats, Grid, key_of
from sunbreak.simulate.parcels import Parcels, draw, parcels, settlement
from sunbreak.simulate.terrain import Terrain, terrain

TREE: Final = 10
SHRUB: Final = 20
GRASS: Final = 30
CROP: Final = 40
BUILT: Final = 50
BARE: Final = 60
SNOW: Final = 70
WATER: Final = 80
WETLAND: Final = 90
MANGROVE: Final = 95
MOSS: Final = 100


class Landscape(NamedTuple):
    """One window of land before anything grows, is lit or is seen; fields are (y, x)."""

    grid: Grid
    """The window."""
    biome: Biome
    """Kind of country."""
    seed: int
    """Seed of the scene."""
    land_cover: NDArray[np.uint8]
    """ESA WorldCover codes."""
    terrain: Terrain
    """The lie of the land."""
    parcels: Parcels
    """The division of the land."""
    town: Floats
    """How much of a town each place is."""
    growth: Floats
    """Favour to trees, standard deviation about 1."""
    wetness: Floats
    """Wetness of the ground, about -2 dry .. 2 wet."""
    road: NDArray[np.bool_]
    """Roads between blocks; about one pixel wide."""
    tilled: Floats
    """How far parcels differ from each other: 1 on fields, little in woods, 0 where nobody works the land."""

    def luck(self, salt: int) -> Floats:
        """Draw one number per parcel, damped where parcels do not show.

        Args:
            salt: Which quantity to draw.

        Returns:
            (y, x) float32, mean 0, within -0.5..0.5.
        """
        return (draw(self.parcels.parcel, salt) - np.float32(0.5)) * self.tilled


def _above(score: Floats, share: float) -> NDArray[np.bool_]:
    """The given share of a field with standard normal distribution, its highest part."""
    return score > np.float32(ndtri(1.0 - share)) if share > 0.0 else np.zeros(score.shape, np.bool_)


def landscape(grid: Grid, seed: int, biome: Biome | None = None, town: Floats | None = None) -> Landscape:
    """Lay out one window of a landscape.

    Args:
        grid: The window.
        seed: Seed of the scene.
        biome: Kind of country; None draws it from the seed.
        town: How much of a town each place is, as `parcels.settlement` returns it; None: as the seed settles it.

    Returns:
        The window of land with its land cover.
    """
    biome = biome_of(seed) if biome is None else biome
    key = key_of(seed, "cover")
    mesh = Mesh(grid, 8)
    land, plots = terrain(grid, biome, seed), parcels(grid, biome, seed)
    town = settlement(grid, biome, seed) if town is None else town
    luck = (draw(plots.parcel, 11) - np.float32(0.5)) * np.float32(3.4641)  # unit variance
    steep = np.minimum(np.hypot(land.slope_x, land.slope_y) * np.float32(4.0), np.float32(1.5))
    growth = fractal(mesh, Octaves(230.0, 3.0, 0.6), key_of(key, "growth"))
    wetness = np.float32(0.6) * fractal(mesh, Octaves(330.0, 12.0, 0.55), key_of(key, "wetness"))
    wetness -= np.float32(0.55) * land.height
    wetness += np.exp(-np.maximum(land.river, np.float32(0.0)) / np.float32(9.0))
    # woods follow parcels where people till, and slopes where they do not
    tilled = np.float32(min(biome.crop, 0.7))
    woods = (np.float32(0.9) * growth + tilled * np.float32(0.55) * luck) / np.sqrt(0.81 + (tilled * 0.55) ** 2)
    woods = woods.astype(np.float32) + np.float32(0.6) * steep - np.float32(0.28)
    dry = fractal(mesh, Octaves(420.0, 4.0, 0.58), key_of(key, "dry")) + np.float32(0.3) * luck * tilled

    cover = np.where(draw(plots.parcel, 12) < np.float32(biome.crop), np.uint8(CROP), np.uint8(GRASS))
    cover[(steep > 0.7) & (cover == CROP)] = GRASS
    cover[_above(np.float32(0.75) * dry - np.float32(0.65) * growth, biome.shrub)] = SHRUB
    cover[_above(np.float32(0.6) * dry - np.float32(0.8) * woods, biome.moss)] = MOSS
    cover[_above(woods, biome.tree) | (land.stream < 1.6) & (growth > -0.4) & (biome.tree > 0.1)] = TREE
    cover[_above(wetness - np.float32(0.35) * growth, biome.wet)] = WETLAND
    cover[_above(np.float32(0.8) * dry + np.float32(0.6) * land.height, biome.bare)] = BARE
    cover[(land.coast < 0.009 * growth) & (biome.mangrove <= 0.0)] = BARE  # beaches
    cover[(land.coast < biome.mangrove * (0.7 + 0.5 * growth)) & (biome.mangrove > 0.0)] = MANGROVE
    cover[_above(land.height + np.float32(0.25) * growth, biome.snow)] = SNOW
    urban = town + np.float32(0.09) * luck > np.float32(0.5)
    cover[urban & (steep < 1.2)] = BUILT
    road = (plots.margin < 0.75) & (plots.border < min(0.25 + biome.towns, 0.6)) & (steep < 0.9)
    road &= (cover == CROP) | (cover == GRASS) | (cover == BUILT)
    cover[land.water] = WATER
    road &= ~land.water
    return Landscape(grid, biome, seed, cover, land, plots, town, growth, wetness, road, _tilled(cover, biome))


def _tilled(cover: NDArray[np.uint8], biome: Biome) -> Floats:
    used = min(1.0, 2.0 * biome.crop)
    table = np.zeros(256, np.float32)
    table[[TREE, SHRUB, GRASS, CROP, BUILT]] = (0.3 * used, 0.15 * used, 0.85 * used, 1.0, 0.7)
    return table[cover]
