"""Land cover: from blended class probabilities to a map of WorldCover classes with their probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from sunbreak.legend import LAND_COVER_NODATA

PERCENT: Final = 100


def map_land_cover(
    probabilities: np.ndarray | None, codes: Sequence[int], valid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Take the most probable class of every pixel.

    Args:
        probabilities: (class, y, x); 0 throughout where no patch was run; None when none was run at all.
        codes: WorldCover codes in the order of the classes.
        valid: Pixels with data, (y, x), bool.

    Returns:
        WorldCover codes (y, x), uint8, 255 = unmapped; and the probability of that class in percent (y, x), uint8, 1 to
        100, 0 where unmapped. Of equally probable classes the first is taken.

    Example:
        >>> classes, percent = map_land_cover(np.array([[[0.3, 0.0]], [[0.7, 0.0]]]), (10, 80), np.ones((1, 2), bool))
        >>> classes.tolist(), percent.tolist()
        ([[80, 255]], [[70, 0]])
    """
    if probabilities is None:
        return np.full(valid.shape, LAND_COVER_NODATA, np.uint8), np.zeros(valid.shape, np.uint8)
    best, highest = _best(probabilities)
    mapped = valid & (highest > 0)
    classes = np.where(mapped, np.array(codes, np.uint8)[best], np.uint8(LAND_COVER_NODATA))
    percent = np.clip(np.rint(PERCENT * highest), 1, PERCENT)
    return classes, np.where(mapped, percent, 0).astype(np.uint8)


def _best(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place and value of the largest of every pixel; by planes, as NumPy takes 15 times as long over the first axis."""
    best, highest = np.zeros(probabilities.shape[1:], np.uint8), probabilities[0].copy()
    for index, plane in enumerate(probabilities[1:], start=1):
        above = (plane > highest).view(np.uint8)
        best = best * (1 - above) + np.uint8(index) * above
        np.maximum(highest, plane, out=highest)
    return best, highest
