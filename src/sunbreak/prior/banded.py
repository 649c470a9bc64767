"""Weighted sums of neighbours along an axis, as products with the blocks of a band matrix: what BLAS does fastest.

The last bit of such a product may depend on the shape of its factors: ask for the same window to get the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

CHUNK: Final = 32
"""Pixels worked out at a time; with more, most of the matrix is zero."""


class Part(NamedTuple):
    """Some rows of a band matrix."""

    first: int
    """First place along the axis that they weigh."""
    last: int
    """The place after the last one."""
    weights: np.ndarray
    """(pixel, last - first), float32."""


def along(planes: np.ndarray, axis: int, parts: Iterable[Part]) -> np.ndarray:
    """Multiply planes by a band matrix along one axis.

    Args:
        planes: (plane, y, x), float32.
        axis: 1 for y, 2 for x.
        parts: All rows of the matrix, in order.

    Returns:
        Planes of as many pixels along the axis as the matrix has rows.
    """
    if axis == 1:
        done = [np.matmul(part.weights, planes[:, part.first : part.last]) for part in parts]
    else:
        done = [np.matmul(planes[..., part.first : part.last], part.weights.T) for part in parts]
    return np.concatenate(done, axis=axis)
