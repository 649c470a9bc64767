"""Small patches of ten scene classes, seen clear by both sensors, from two unlike parts of the world.

Every patch lies in a country of its own: a biome in which its class is common. The land is laid out, and the square in
which the class has the share that was drawn for this patch is taken, so that patches are as mixed as real ones. What
the classes look like is the package's own landscape and no measurement; the two domains differ by climate, season, sun
and sensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sunbreak.bands import BANDS_BY_LEVEL, LEVELS, Level
from sunbreak.errors import OptionError
from sunbreak.simulate import cover
from sunbreak.simulate.atmosphere import air_of
from sunbreak.simulate.biomes import BIOMES, Biome
from sunbreak.simulate.cover import Landscape, landscape
from sunbreak.simulate.ground import ground
from sunbreak.simulate.mesh import Mesh, Octaves, between, fractal
from sunbreak.simulate.noise import Floats, Grid, key_of, scalar
from sunbreak.simulate.radar import backscatter
from sunbreak.simulate.sampling import aligned
from sunbreak.simulate.spec import CloudSpec
from sunbreak.simulate.surface import clear_reflectance

Domain = Literal["source", "target"]
"""source: temperate and mediterranean land in the growing season under a high sun, seen by another sensor; target:
colder, drier and wetter land from spring to autumn under a lower sun, seen by Sentinel-2."""
Fields = TypeVar("Fields", bound=tuple[Any, ...])

SIZES: Final = (32, 256)
"""Smallest and largest side of a patch in pixels."""
ROOM: Final = 128
"""Pixels by which the land that is searched for a patch is wider than the patch."""
MARGIN: Final = 6
"""Pixels around a patch that its light comes from: point spread and interpolation of 20 m samples."""
STRIDE: Final = 6
"""Pixels between the squares that are compared."""
PLACES: Final = 8
"""Places of a country that are searched before the best square so far is taken."""
STEEPEST: Final = 120.0
"""Largest relief in m: where slopes turn dark, they hide what grows on them."""
NEAR: Final = 0.06
"""A square whose share is that close to the one drawn ends the search."""


class Spots(NamedTuple):
    """Spots of another cover that lie scattered in a class, too small for the landscape's own layers."""

    cover: int
    """ESA WorldCover code of the spots."""
    share: float
    """Share of the class that they take, 0..1."""
    spacing: float
    """Typical distance between them in pixels."""


class SceneClass(NamedTuple):
    """A class of patches: which cover makes it, how much of it, and the country where it is common."""

    name: str
    """Name in words."""
    cover: int
    """ESA WorldCover code that counts."""
    shares: tuple[float, float]
    """Range of the share that is drawn for a patch."""
    country: Mapping[str, float]
    """Fields of `Biome` that differ from those of the base biome."""
    spots: Spots | None = None
    """What lies scattered in it; spots count as the class."""


_CALM: Final = {"snow": 0.0, "moss": 0.0, "sea": 0.0, "mangrove": 0.0, "shrub": 0.02, "bare": 0.01, "wet": 0.01}
"""What most countries share: nothing of the other classes beyond a trace."""

SCENE_CLASSES: Final[tuple[SceneClass, ...]] = (
    SceneClass("annual crop", cover.CROP, (0.65, 0.95), {"tree": 0.06, "crop": 0.98, "relief": 18.0}),
    SceneClass(
        "pasture", cover.GRASS, (0.6, 0.9), {"tree": 0.16, "crop": 0.06, "shrub": 0.01}, Spots(cover.TREE, 0.04, 4.0)
    ),
    SceneClass("broadleaved forest", cover.TREE, (0.6, 0.95), {"tree": 0.8, "conifer": 0.08}),
    SceneClass("coniferous forest", cover.TREE, (0.6, 0.95), {"tree": 0.8, "conifer": 0.92}),
    SceneClass(
        "shrubland",
        cover.SHRUB,
        (0.6, 0.9),
        {"tree": 0.06, "shrub": 0.8, "crop": 0.1, "bare": 0.06},
        Spots(cover.BARE, 0.16, 5.0),
    ),
    SceneClass("bare ground", cover.BARE, (0.6, 0.95), {"tree": 0.03, "bare": 0.8, "shrub": 0.08, "crop": 0.1}),
    SceneClass("settlement", cover.BUILT, (0.55, 0.9), {"tree": 0.15, "relief": 12.0}),
    SceneClass("river or shore", cover.WATER, (0.2, 0.5), {"lake": 0.35, "tree": 0.3}),
    SceneClass("open water", cover.WATER, (0.8, 1.0), {"lake": 0.9, "tree": 0.3}),
    SceneClass(
        "wetland",
        cover.WETLAND,
        (0.55, 0.85),
        {"wet": 0.7, "tree": 0.12, "moss": 0.5, "lake": 0.1},
        Spots(cover.WATER, 0.2, 9.0),
    ),
)
"""The classes, in the order of the labels."""


class _Part(NamedTuple):
    """One domain: base biomes, days of the year and heights of the sun."""

    biomes: tuple[str, ...]
    days: tuple[float, float]
    sun: tuple[float, float]


_PARTS: Final[dict[Domain, _Part]] = {
    "source": _Part(("temperate farmland", "temperate coast", "mediterranean"), (150.0, 215.0), (52.0, 66.0)),
    "target": _Part(("boreal forest", "steppe", "mountains", "tropical delta"), (115.0, 270.0), (36.0, 55.0)),
}
SENSOR: Final = (0.04, 0.003)
"""Largest relative gain and largest offset in reflectance by which a band of the source's sensor differs."""


@dataclass(frozen=True)
class SceneClassSpec:
    """A simulated patch of one scene class."""

    label: int
    """Place of its class in `SCENE_CLASSES`."""
    seed: int = 0
    """Seed of its land; another seed is another place on Earth."""
    domain: Domain = "target"
    """Which part of the world, and which sensor."""
    size: int = 64
    """Height and width in pixels of 10 m, 32..256."""
    level: Level = "L1C"
    """L1C: 13 bands of top-of-atmosphere reflectance; L2A: 12 bands of surface reflectance."""

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            OptionError: A value is outside its range; the message names it.
        """
        if not 0 <= self.label < len(SCENE_CLASSES):
            raise OptionError(f"label is {self.label}; it must lie between 0 and {len(SCENE_CLASSES) - 1}")
        if self.domain not in get_args(Domain):
            raise OptionError(f"domain {self.domain!r} is unknown; choose one of {', '.join(get_args(Domain))}")
        if self.level not in LEVELS:
            raise OptionError(f"level {self.level!r} is unknown; choose one of {', '.join(LEVELS)}")
        if not SIZES[0] <= self.size <= SIZES[1]:
            raise OptionError(f"size is {self.size}; it must lie between {SIZES[0]} and {SIZES[1]} pixels")


class ClearPatch(NamedTuple):
    """A patch without clouds, seen by both sensors."""

    optical: Floats
    """(band, y, x) float32 reflectance, 1.0 = 100 %, the bands of the level."""
    radar: Floats
    """(2, y, x) float32 sigma0 in dB, VV and VH."""
    land_cover: NDArray[np.uint8]
    """(y, x) ESA WorldCover codes."""


def draw_patch(spec: SceneClassSpec) -> ClearPatch:
    """Draw one patch; a pure function of its spec.

    Args:
        spec: Class, seed, domain, size and level.

    Returns:
        The patch, clear.

    Example:
        >>> patch = draw_patch(SceneClassSpec(label=8, size=32))
        >>> patch.optical.shape, patch.radar.shape, bool((patch.land_cover == 80).mean() > 0.5)
        ((13, 32, 32), (2, 32, 32), True)
    """
    part, key = _PARTS[spec.domain], key_of(spec.seed, f"{spec.domain} {spec.label}")
    land, cell = _place(spec, _country(spec, part, key), key)
    day = between(*part.days, key, 2)
    sun = CloudSpec(sun_elevation=between(*part.sun, key, 3), sun_azimuth=between(120.0, 170.0, key, 4))
    materials = ground(land, day)
    seen = clear_reflectance(land, materials, sun, spec.level, air_of(key, sun.sun_elevation))
    if spec.domain == "source":
        seen = _other_sensor(seen, spec.level)
    wide = land.grid
    return ClearPatch(
        optical=wide.cut(seen, cell).copy(),
        radar=wide.cut(backscatter(land, materials), cell).copy(),
        land_cover=wide.cut(land.land_cover, cell).copy(),
    )


def _country(spec: SceneClassSpec, part: _Part, key: int) -> Biome:
    """One of the domain's biomes, changed so that the class is common in it."""
    name = part.biomes[int(scalar(key, 1) * len(part.biomes))]
    base = next(biome for biome in BIOMES if biome.name == name)
    changes: dict[str, Any] = {**_CALM, **SCENE_CLASSES[spec.label].country}
    return replace(base, **{"relief": min(base.relief, STEEPEST), **changes})


def _place(spec: SceneClassSpec, country: Biome, key: int) -> tuple[Landscape, Grid]:
    """Find the square of the country whose share of the class is nearest to the one drawn, with the land around it."""
    kind = SCENE_CLASSES[spec.label]
    wanted = between(*kind.shares, key, 5)
    span, best = spec.size + ROOM, np.inf
    for place in range(PLACES):
        grid = Grid(0, place * 4 * span, span, span)
        # towns are rare: a settlement gets one of its own
        town = _town(grid, spec.size, key) if kind.cover == cover.BUILT else None
        found = landscape(grid, key, country, town)
        row, col, miss = _nearest(found.land_cover == kind.cover, spec.size, wanted)
        if miss < best:
            best, land, cell = miss, found, Grid(grid.row + row, grid.col + col, spec.size, spec.size)
        if best < NEAR:
            break
    wide = aligned(cell, MARGIN)
    return _spotted(_cut(land, land.grid, wide)._replace(grid=wide), kind, key), cell


def _spotted(land: Landscape, kind: SceneClass, key: int) -> Landscape:
    """Scatter the spots of a class in it."""
    if kind.spots is None:
        return land
    field = fractal(Mesh(land.grid, 8), Octaves(kind.spots.spacing, 3.0, 0.6), key_of(key, "spots"))
    spots = (field > np.float32(ndtri(1.0 - kind.spots.share))) & (land.land_cover == kind.cover)
    return land._replace(land_cover=np.where(spots, np.uint8(kind.spots.cover), land.land_cover))


def _nearest(wanted: NDArray[np.bool_], size: int, share: float) -> tuple[int, int, float]:
    """Corner of the square whose share of true pixels is nearest to a share, and by how much it misses it."""
    sums = np.zeros((wanted.shape[0] + 1, wanted.shape[1] + 1), np.int64)
    sums[1:, 1:] = wanted.cumsum(axis=0).cumsum(axis=1)
    first = np.arange(2 * MARGIN, wanted.shape[0] - size - 2 * MARGIN + 1, STRIDE)
    low, high = np.ix_(first, first), np.ix_(first + size, first + size)
    count = sums[high] - sums[np.ix_(first, first + size)] - sums[np.ix_(first + size, first)] + sums[low]
    miss = np.abs(count / size**2 - share)
    row, col = np.unravel_index(int(miss.argmin()), miss.shape)
    return int(first[row]), int(first[col]), float(miss[row, col])


def _cut(fields: Fields, whole: Grid, inner: Grid) -> Fields:
    """Cut every raster of a tuple of fields, and of the tuples inside it."""
    parts = (
        whole.cut(part, inner) if isinstance(part, np.ndarray)
        else _cut(part, whole, inner) if isinstance(part, tuple)
        else part
        for part in fields
    )  # fmt: skip
    return type(fields)(*parts)


def _town(grid: Grid, size: int, key: int) -> Floats:
    """A town about the middle of a window, as `parcels.settlement` would describe it."""
    mesh = Mesh(grid, 4)
    radius = size * between(0.5, 0.9, key, 6)
    away_y = (grid.y - grid.row - grid.height * between(0.4, 0.6, key, 7))[:, np.newaxis] / radius
    away_x = (grid.x - grid.col - grid.width * between(0.4, 0.6, key, 8))[np.newaxis, :] / radius
    density = np.exp(-0.7 * (away_y**2 + away_x**2)).astype(np.float32)
    ragged = fractal(mesh, Octaves(40.0, 6.0, 0.6), key_of(key, "town"))
    result: Floats = density + np.float32(0.24) * ragged * np.minimum(density * np.float32(4.0), np.float32(1.0))
    return result


def _other_sensor(seen: Floats, level: Level) -> Floats:
    """What another sensor makes of the same light: softer, and every band with a gain and an offset of its own."""
    soft = seen.copy()
    soft[:, 1:-1] = np.float32(0.5) * seen[:, 1:-1] + np.float32(0.25) * (seen[:, :-2] + seen[:, 2:])
    seen = soft.copy()
    soft[:, :, 1:-1] = np.float32(0.5) * seen[:, :, 1:-1] + np.float32(0.25) * (seen[:, :, :-2] + seen[:, :, 2:])
    gain, offset = _calibration(level)
    result: Floats = soft * gain + offset
    return result


@lru_cache(maxsize=2)
def _calibration(level: Level) -> tuple[Floats, Floats]:
    keys = [key_of(0, f"source sensor {band}") for band in BANDS_BY_LEVEL[level]]
    gain = np.array([1.0 + between(-SENSOR[0], SENSOR[0], key, 1) for key in keys], np.float32)
    offset = np.array([between(-SENSOR[1], SENSOR[1], key, 2) for key in keys], np.float32)
    return gain[:, np.newaxis, np.newaxis], offset[:, np.newaxis, np.newaxis]
