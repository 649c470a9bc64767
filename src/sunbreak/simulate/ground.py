"""What the ground is made of: the share of each material in every pixel, by class, season, parcel and texture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sunbreak.simulate import cover
from sunbreak.simulate.biomes import Biome
from sunbreak.simulate.cover import Landscape
from sunbreak.simulate.mesh import Mesh, Octaves, fractal
from sunbreak.simulate.noise import Floats, key_of, lattice_noise
from sunbreak.simulate.parcels import draw
from sunbreak.simulate.spectra import INDEX, MATERIALS

COMPOSITION: dict[int, tuple[float, float, float, float, float]] = {
    # class: canopy, herbs, built, water, lichen; bare ground is the rest
    cover.TREE: (0.93, 0.05, 0.0, 0.0, 0.0),
    cover.SHRUB: (0.42, 0.30, 0.0, 0.0, 0.0),
    cover.GRASS: (0.03, 0.88, 0.0, 0.0, 0.0),
    cover.CROP: (0.01, 0.95, 0.0, 0.0, 0.0),
    cover.BUILT: (0.14, 0.20, 0.58, 0.0, 0.0),
    cover.BARE: (0.01, 0.05, 0.0, 0.0, 0.0),
    cover.SNOW: (0.0, 0.0, 0.0, 0.0, 0.0),
    cover.WATER: (0.0, 0.0, 0.0, 1.0, 0.0),
    cover.WETLAND: (0.08, 0.67, 0.0, 0.2, 0.0),
    cover.MANGROVE: (0.86, 0.0, 0.0, 0.12, 0.0),
    cover.MOSS: (0.02, 0.1, 0.0, 0.0, 0.72),
}
"""Mean share of each cover inside a pixel of the class."""


class Ground(NamedTuple):
    """What lies in each pixel of one window."""

    shares: Floats
    """(material, y, x), in the order of `spectra.MATERIALS`; sums to 1."""
    moisture: Floats
    """(y, x) moisture of the soil, 0 dry .. 1 wet."""
    texture: Floats
    """(y, x) fine texture of the surface, standard deviation 1."""


def _by_class(land_cover: NDArray[np.uint8], column: int) -> Floats:
    table = np.zeros(256, np.float32)
    for code, row in COMPOSITION.items():
        table[code] = row[column]
    return table[land_cover]


def leaves(biome: Biome, day: float) -> float:
    """Share of leaves that broad-leaved trees carry.

    Args:
        biome: Kind of country.
        day: Day of the year.

    Returns:
        0..1: out in spring, shed in autumn.
    """
    out = 1.0 / (1.0 + np.exp(-(day - 115.0) / 9.0)) - 1.0 / (1.0 + np.exp(-(day - 298.0) / 9.0))
    return float(biome.winter_leaf + (1.0 - biome.winter_leaf) * out)


def _away(day: Floats | float, peak: Floats | float) -> Floats:
    """Days between two days of the year, the short way round."""
    result: Floats = np.abs(
        (np.asarray(day, np.float32) - peak + np.float32(182.5)) % np.float32(365.0) - np.float32(182.5)
    )
    return result


def _greenness(land: Landscape, day: float, moisture: Floats, texture: Floats) -> Floats:
    """Share of herbs that are green: meadows follow the season, crops the calendar of their parcel."""
    biome, parcel = land.biome, land.parcels.parcel
    season = np.exp(-0.5 * (_away(day, float(biome.peak)) / np.float32(biome.season)) ** 2)
    meadow = np.float32(biome.green) * (np.float32(0.42) + np.float32(0.58) * season)
    meadow = (
        meadow * (np.float32(0.72) + np.float32(0.5) * moisture)
        - np.float32(0.35) * (draw(parcel, 21) < 0.22) * land.tilled
    )
    kind, lag = draw(parcel, 22), (draw(parcel, 23) - np.float32(0.5)) * np.float32(44.0)
    # winter cereals peak before the meadows do, summer crops after; leys stay green, fallow stays bare
    peak = np.where(kind < 0.42, np.float32(biome.peak - 18), np.float32(biome.peak + 55)) + lag
    length = np.float32(36.0) + np.float32(14.0) * draw(parcel, 24)
    crop = np.exp(-0.5 * (_away(day, peak) / length) ** 2) * (np.float32(0.6) + np.float32(0.4) * biome.green)
    crop = np.where(kind > 0.8, np.where(kind > 0.93, np.float32(0.06), meadow), crop)
    is_crop = land.land_cover == cover.CROP
    green = np.where(is_crop, crop, meadow) + np.float32(0.06) * texture + np.float32(0.07) * land.growth
    result: Floats = np.clip(green, 0.02, 0.97).astype(np.float32)
    return result


def ground(land: Landscape, day: float) -> Ground:
    """Fill every pixel with materials.

    Args:
        land: A window of landscape.
        day: Day of the year.

    Returns:
        Shares of materials, moisture and texture.
    """
    grid, key = land.grid, key_of(land.seed, "ground")
    texture = np.float32(0.75) * lattice_noise(grid.y, grid.x, 1.7, key_of(key, "fine"))
    texture += np.float32(0.66) * lattice_noise(grid.y, grid.x, 5.3, key_of(key, "coarse"))
    moisture = np.clip(np.float32(0.42) + np.float32(0.17) * land.wetness + np.float32(0.35) * land.luck(31), 0.0, 1.0)
    shares = np.zeros((len(MATERIALS), grid.height, grid.width), np.float32)
    patch = fractal(Mesh(grid, 8), Octaves(34.0, 2.0, 0.62), key_of(key, "patch"))
    canopy = _by_class(land.land_cover, 0) * np.clip(np.float32(0.96) + np.float32(0.09) * patch, 0.5, 1.05)
    herbs = np.minimum(_by_class(land.land_cover, 1), np.float32(1.0) - canopy)
    _trees(shares, land, canopy, patch, leaves(land.biome, day))
    green = _greenness(land, day, moisture, texture)
    shares[INDEX["herb"]] += herbs * green
    # what is not green is straw on meadows, stubble on some fields, and soil between the rows
    litter = np.where(land.land_cover == cover.CROP, draw(land.parcels.parcel, 25) ** 2, np.float32(0.7))
    shares[INDEX["straw"]] += herbs * (np.float32(1.0) - green) * litter
    _built(shares, land)
    _water(shares, land, key)
    shares[INDEX["lichen"]] += _by_class(land.land_cover, 4)
    shares[INDEX["snow"]] += np.where(land.land_cover == cover.SNOW, np.float32(1.0), np.float32(0.0))
    _soils(shares, land, moisture, patch)
    return Ground(shares, moisture.astype(np.float32), texture)


def _trees(shares: Floats, land: Landscape, canopy: Floats, patch: Floats, leaf: float) -> None:
    """Split canopy into needles, leaves and bark; stands keep to parcels and to the terrain."""
    stand = np.float32(0.5) - np.float32(0.12) * land.terrain.height + np.float32(1.2) * land.luck(32)
    stand += np.float32(0.2) * patch + np.float32(0.08) * land.growth
    needle = np.clip((np.float32(land.biome.conifer) - stand) * np.float32(2.6) + np.float32(0.5), 0.0, 1.0)
    needle = np.where(land.land_cover == cover.MANGROVE, np.float32(0.0), needle)
    leafy = canopy * (np.float32(1.0) - needle)
    shares[INDEX["needleleaf"]] += canopy * needle
    shares[INDEX["broadleaf"]] += leafy * np.float32(leaf)
    shares[INDEX["bark"]] += leafy * np.float32(1.0 - leaf)


def _built(shares: Floats, land: Landscape) -> None:
    """Streets and houses in towns, halls on their outskirts, roads across the fields."""
    along, across, parcel = land.parcels.along, land.parcels.across, land.parcels.parcel
    built = _by_class(land.land_cover, 2) * np.clip(np.float32(0.45) + np.float32(0.75) * land.town, 0.3, 1.35)
    built = np.minimum(built, np.float32(0.66))  # what canopy and herbs of the class leave free
    hall = (land.land_cover == cover.BUILT) & (draw(parcel, 33) < 0.16) & (land.town < 0.85)
    house = np.floor(along / np.float32(2.6)).astype(np.int64).astype(np.uint32) * np.uint32(0x85EBCA6B)
    house ^= np.floor(across / np.float32(2.1)).astype(np.int64).astype(np.uint32) * np.uint32(0xC2B2AE35)
    kind = draw(land.parcels.block ^ house, 34)
    street = ((along * np.float32(1 / 13.0)) % np.float32(1.0) < 0.09) | ((across / np.float32(8.0)) % 1.0 < 0.13)
    roof = np.where(
        hall, np.float32(0.85), np.where(street, np.float32(0.0), np.float32(0.35) + np.float32(0.5) * kind)
    )
    bright = np.where(hall, draw(parcel, 35) ** 2, np.clip((kind - np.float32(0.8)) * np.float32(3.0), 0.0, 0.6))
    roof = built * roof
    shares[INDEX["bright roof"]] += roof * bright
    shares[INDEX["tile roof"]] += roof * (np.float32(1.0) - bright) * np.where(hall, np.float32(0.2), np.float32(0.7))
    shares[INDEX["pavement"]] += built - shares[INDEX["bright roof"]] - shares[INDEX["tile roof"]]
    keep = np.where(land.road, np.float32(0.4), np.float32(1.0))
    shares *= keep
    shares[INDEX["pavement"]] += np.float32(1.0) - keep


def _water(shares: Floats, land: Landscape, key: int) -> None:
    """Clear water offshore, turbid water in rivers, small lakes and along shores."""
    water = _by_class(land.land_cover, 3)
    tone = fractal(Mesh(land.grid, 8), Octaves(240.0, 12.0, 0.5), key_of(key, "turbid"))
    shore = np.exp(-np.abs(land.terrain.coast) / np.float32(0.12)) * np.float32(0.7)
    inland = (land.terrain.river < 1.0) & (land.terrain.coast > -0.03)  # a river ends where the sea begins
    river = np.where(inland, np.float32(0.45), np.float32(0.0))
    turbid = np.clip(np.float32(0.14) + np.float32(0.16) * tone + np.maximum(shore, river), 0.0, 1.0)
    shares[INDEX["turbid water"]] += water * turbid
    shares[INDEX["clear water"]] += water * (np.float32(1.0) - turbid)


def _soils(shares: Floats, land: Landscape, moisture: Floats, patch: Floats) -> None:
    """Fill what is left with soil, sand and rock; moisture darkens soil."""
    rest = np.float32(1.0) - shares[0]
    for share in shares[1:]:
        rest -= share
    np.maximum(rest, np.float32(0.0), out=rest)
    light = np.float32(land.biome.soil) + np.float32(0.3) * land.luck(36)
    light = np.clip(light + np.float32(0.09) * patch - np.float32(0.5) * (moisture - np.float32(0.42)), 0.0, 1.0)
    bare = land.land_cover == cover.BARE
    beach = bare & (land.terrain.coast < 0.06)
    drift = np.clip(np.float32(land.biome.sand) + np.float32(0.22) * land.growth, 0.0, 1.0)
    sand = np.where(bare, np.where(beach, np.float32(0.9), drift), np.float32(0.0))
    stone = np.where(bare & ~beach, np.float32(0.55), np.float32(0.08)) * (np.float32(1.0) - sand)
    shares[INDEX["sand"]] += rest * sand
    shares[INDEX["rock"]] += rest * stone
    rest *= np.float32(1.0) - sand - stone
    shares[INDEX["light soil"]] += rest * light
    shares[INDEX["dark soil"]] += rest * (np.float32(1.0) - light)
