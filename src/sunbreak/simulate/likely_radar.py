"""Radar that a real optical image might have been taken with, for training on images that come without.

Part of the backscatter follows what the image shows, through a random curved map; part follows the same sorts of land
in a way that reflectance does not tell; part is unrelated. Water is dark, and speckle lies over all. How much of each
there is, is drawn anew every time: whoever learns from it learns to judge the radar of a scene, not one fixed relation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.simulate.noise import Floats, Grid, key_of
from sunbreak.simulate.radar import FLOOR_DB, speckle

LAND_DB: Final = (-11.5, -18.5)
"""Typical backscatter of land, VV and VH."""
WATER_DB: Final = (-21.0, -28.5)
"""Typical backscatter of water."""
FOLLOWS: Final = (0.35, 0.9)
"""Least and largest correlation, before speckle, between the land's backscatter and a function of its reflectance."""
OF_KIND: Final = (0.2, 0.8)
"""Least and largest share that the sort of land has in the rest."""
STRENGTH_DB: Final = (1.2, 4.0)
"""Least and largest standard deviation of the land's backscatter."""
COMPONENTS: Final = 4
"""Principal components of the reflectance that the map is of."""
HIDDEN: Final = 8
"""Curved functions that the map is mixed from."""
PLANES: Final = 5
"""Random planes that tell sorts of land apart."""
SIZES: Final = ((3.0, 0.6), (12.0, 1.0), (40.0, 0.8))
"""Sizes in pixels of unrelated structure, and their weights."""
RELATED: Final = (0.8, 0.6)
"""Shares of what VV and VH have in common, and of what each has alone."""


def likely_radar(reflectance: Floats, bands: Sequence[str], seed: int) -> Floats:
    """Make up the radar of a clear image.

    Args:
        reflectance: (band, y, x), 1.0 = 100 %, NaN = no data.
        bands: Names of the bands; without B03 and B08 no water is told apart.
        seed: Of the draw.

    Returns:
        (2, y, x), VV and VH in dB, float32, within `bands.RADAR_DB_RANGE`; a value also where there is no data.

    Example:
        >>> likely_radar(np.full((1, 40, 50), 0.1, np.float32), ["B08"], seed=1).shape
        (2, 40, 50)
    """
    rng = np.random.default_rng([seed, 31])
    shape = reflectance.shape[1:]
    shown = _components(reflectance)
    told, of_kind = _curved(shown, rng), _kinds(shown, rng)
    follows, kind, strength = (rng.uniform(*limits) for limits in (FOLLOWS, OF_KIND, STRENGTH_DB))
    water, shared, grid = _water(reflectance, bands), _structure(shape, rng), Grid(0, 0, *shape)
    out = np.empty((2, *shape), np.float32)
    for index, name in enumerate(("VV", "VH")):
        free = RELATED[0] * shared + RELATED[1] * _structure(shape, rng)
        rest = kind * of_kind[index] + np.sqrt(1 - kind**2) * free
        land = strength * (follows * told[index] + np.sqrt(1 - follows**2) * rest) + LAND_DB[index] + rng.normal()
        calm = WATER_DB[index] + 2.0 * rng.normal() + 0.5 * free
        power = (1 - water) * 10.0 ** (land / 10) + water * 10.0 ** (calm / 10)
        floor = 10.0 ** (FLOOR_DB / 10) * speckle(grid, key_of(seed, f"likely floor {name}"))
        out[index] = 10.0 * np.log10(power * speckle(grid, key_of(seed, f"likely {name}")) + floor)
    clipped: Floats = np.clip(out, *RADAR_DB_RANGE)
    return clipped


def _components(reflectance: Floats) -> Floats:
    """Principal components of the logarithm of reflectance, (component, y, x), of deviation 1."""
    values = np.log(np.clip(np.nan_to_num(reflectance, nan=0.1), 0.005, 1.5)).reshape(len(reflectance), -1)
    values = values - values.mean(axis=1, keepdims=True)
    found = np.linalg.svd(values @ values.T)[0][:, :COMPONENTS].T @ values
    found = found / (found.std(axis=1, keepdims=True) + 1e-3)
    out: Floats = np.clip(found, -4, 4).reshape(len(found), *reflectance.shape[1:]).astype(np.float32)
    return out


def _curved(shown: Floats, rng: np.random.Generator) -> Floats:
    """Two related random functions of the components."""
    weights = rng.normal(size=(HIDDEN, len(shown))) / np.arange(1, len(shown) + 1)
    hidden = np.tanh(np.tensordot(weights, shown, 1) + rng.normal(size=(HIDDEN, 1, 1)))
    return _level(np.tensordot(_related(HIDDEN, rng), hidden, 1))


def _kinds(shown: Floats, rng: np.random.Generator) -> Floats:
    """Two related values for every sort of land; random planes tell the sorts apart."""
    smooth = np.stack([ndimage.gaussian_filter(plane, 1.5) for plane in shown])
    offsets = 0.5 * rng.normal(size=(PLANES, 1, 1))
    sides = np.tensordot(rng.normal(size=(PLANES, len(smooth))), smooth, 1) > offsets
    codes = np.tensordot(2 ** np.arange(PLANES), sides.astype(np.int64), 1)
    return _level(_related(2**PLANES, rng)[:, codes])


def _related(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    shared = rng.normal(size=count)
    return np.stack([shared, RELATED[0] * shared + RELATED[1] * rng.normal(size=count)])


def _structure(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Structure of several sizes that nothing else shows."""
    total = np.zeros(shape, np.float32)
    for size, weight in SIZES:
        coarse = rng.normal(size=tuple(int(side / size) + 4 for side in shape)).astype(np.float32)
        total += np.float32(weight) * ndimage.zoom(coarse, size, order=1)[: shape[0], : shape[1]]
    out: Floats = _level(total[np.newaxis])[0]
    return out


def _level(planes: NDArray[np.floating]) -> Floats:
    centred = planes - planes.mean(axis=(-2, -1), keepdims=True)
    out: Floats = (centred / (centred.std(axis=(-2, -1), keepdims=True) + 1e-3)).astype(np.float32)
    return out


def _water(reflectance: Floats, bands: Sequence[str]) -> Floats:
    """Share of water, 0 to 1: dark in the near infrared, and darker there than in green."""
    if not {"B03", "B08"} <= set(bands):
        return np.zeros(reflectance.shape[1:], np.float32)
    green, near = (np.nan_to_num(reflectance[list(bands).index(name)], nan=0.1) for name in ("B03", "B08"))
    likely = 1.0 / (1.0 + np.exp(-40.0 * (0.9 * green - near - 0.01)))
    out: Floats = np.where(near < 0.12, likely, 0.0).astype(np.float32)
    return out
