"""Growing of masks, by shifts and unions: several times as quick as a general structuring element."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

FAR = 48
"""Radius in pixels from which distances are quicker than shifts."""


def grown(mask: np.ndarray, radius: float) -> np.ndarray:
    """Pixels within a distance of a mask.

    Args:
        mask: (y, x), bool.
        radius: Distance between the centres of pixels, in pixels, >= 0.

    Returns:
        (y, x), bool.

    Example:
        >>> grown(np.array([[0, 0, 1, 0, 0]], bool), 1).astype(int).tolist()
        [[0, 1, 1, 1, 0]]
    """
    reach = int(radius)
    if reach > FAR:
        far: np.ndarray = ndimage.distance_transform_edt(~mask) <= radius if mask.any() else mask.copy()
        return far
    out, row, width = np.zeros_like(mask), mask.copy(), 0
    # from the narrow rows at the top and bottom of the disk to the wide one in its middle
    for down in range(reach, -1, -1):
        while width < int(math.sqrt(radius**2 - down**2)):
            width += 1
            _join(row, mask, width, axis=1)
        _join(out, row, down, axis=0)
    return out


def grown_square(mask: np.ndarray, reach: int) -> np.ndarray:
    """Pixels in a square around those of a mask.

    Args:
        mask: (y, x), bool.
        reach: Pixels from the middle of the square to its side.

    Returns:
        (y, x), bool.
    """
    row = mask.copy()
    for right in range(1, reach + 1):
        _join(row, mask, right, axis=1)
    out = row.copy()
    for down in range(1, reach + 1):
        _join(out, row, down, axis=0)
    return out


def shrunk_square(mask: np.ndarray, reach: int) -> np.ndarray:
    """Pixels of a mask around which a whole square lies in it; what lies beyond the border counts as inside.

    Args:
        mask: (y, x), bool.
        reach: Pixels from the middle of the square to its side.

    Returns:
        (y, x), bool.
    """
    return ~grown_square(~mask, reach)


def _join(out: np.ndarray, mask: np.ndarray, by: int, axis: int) -> None:
    """Join a mask, moved both ways along an axis, to another in place."""
    out, mask = np.moveaxis(out, axis, 0), np.moveaxis(mask, axis, 0)
    if by == 0:
        out |= mask
    elif by < len(out):
        out[by:] |= mask[:-by]
        out[:-by] |= mask[by:]
