"""Crops of scenes, as networks and losses take them. No torch."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sunbreak.bands import LEVELS
from sunbreak.legend import LAND_COVER_LEGEND, LAND_COVER_NODATA, Quality
from sunbreak.prior.estimators import is_wanted
from sunbreak.train.scenes import TrainingScene

Batch = dict[str, npt.NDArray[Any]]
"""Arrays by name; of a batch, the number of the crop first."""

TRIES: Final = 4
"""Places tried for a crop."""
ENOUGH: Final = 0.05
"""Share of pixels to restore that ends the search."""
UNKNOWN: Final = 255
"""Label of pixels that nothing is known of."""


def crop_of(scene: TrainingScene, side: int, rng: np.random.Generator) -> Batch:
    """A crop of a scene, turned and mirrored at random.

    Args:
        scene: The scene.
        side: In pixels.
        rng: Generator of the crop.

    Returns:
        The arrays of `arrays_of`.
    """
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    wanted = is_wanted(scene.quality) & scene.known
    best, place = -1.0, (..., slice(0, side), slice(0, side))
    for _ in range(TRIES):
        top, left = (int(rng.integers(length - side + 1)) for length in wanted.shape)
        here = (..., slice(top, top + side), slice(left, left + side))
        share = float(wanted[here].mean())
        if share > best:
            best, place = share, here
        if share >= ENOUGH:
            break
    return turned(arrays_of(scene, place), turns, mirrored)


def arrays_of(scene: TrainingScene, place: Any) -> Batch:
    """A crop of a scene, as networks and losses take it.

    Args:
        scene: The scene.
        place: Index of its pixels, such as `np.s_[..., :128, :128]`.

    Returns:
        The arrays of `SampleStream.batch`, without their first axis.
    """
    quality, known = scene.quality[place], scene.known[place]
    codes = np.full(256, UNKNOWN, np.int64)
    codes[sorted(LAND_COVER_LEGEND)] = np.arange(len(LAND_COVER_LEGEND))
    codes[LAND_COVER_NODATA] = UNKNOWN
    arrays: Batch = {
        "optical": scene.optical[place],
        "present": scene.present[:, np.newaxis, np.newaxis].astype(np.float32),
        "level": np.array([name == scene.level for name in LEVELS], np.float32)[:, np.newaxis, np.newaxis],
        "radar": scene.radar[place],
        "radar_valid": scene.radar_valid[place][np.newaxis].astype(np.float32),
        "quality": np.stack([quality == code for code in Quality]).astype(np.float32),
        "truth": np.where(known, scene.truth[place], np.float32(0.0)),
        "weight": known[np.newaxis].astype(np.float32),
        "restore": (known & is_wanted(quality))[np.newaxis].astype(np.float32),
        "land_cover": codes[scene.land_cover[place]],
        "sky": scene.sky[place].astype(np.int64),
    }
    for name in ("prior", "prior_sigma", "regression", "kriging"):
        planes: npt.NDArray[np.float32] | None = getattr(scene, name)
        if planes is not None:
            arrays[name] = planes[place]
    return arrays


def turned(batch: Batch, turns: int, mirrored: bool) -> Batch:
    """Turn a crop, and mirror it.

    Args:
        batch: Arrays whose last two axes are y and x.
        turns: Quarter turns, 0..3.
        mirrored: Whether left and right change places after that.

    Returns:
        Views of the arrays.
    """
    return {name: _turned(array, turns, mirrored) for name, array in batch.items()}


def _turned(array: npt.NDArray[Any], turns: int, mirrored: bool) -> npt.NDArray[Any]:
    found = np.rot90(array, turns, axes=(-2, -1))
    return found[..., ::-1] if mirrored else found
