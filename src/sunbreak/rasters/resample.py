"""Pick and interpolate pixels at coordinates, elementwise."""

from __future__ import annotations

import math

import numpy as np


def source_window(
    u: np.ndarray, v: np.ndarray, shape: tuple[int, int], margin: int
) -> tuple[np.ndarray, slice, slice] | None:
    """The part of a source that coordinates fall on.

    Args:
        u: Columns on the source.
        v: Rows on the source.
        shape: Height and width of the source.
        margin: Pixels that the interpolation reaches beyond.

    Returns:
        Mask of the coordinates on the source, and the rows and columns to read; None if nothing falls on it.
    """
    height, width = shape
    with np.errstate(invalid="ignore"):
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    if not inside.any():
        return None
    rows, cols = (
        slice(max(0, math.floor(values.min()) - margin), min(size, math.floor(values.max()) + margin + 1))
        for values, size in ((v[inside], height), (u[inside], width))
    )
    return inside, rows, cols


def bilinear(source: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Interpolate bilinearly between pixel centres, over gaps where at least half of the weight is valid.

    Args:
        source: (lead, y, x), float64, NaN = invalid.
        u: Columns, from the left edge of `source`, any shape; beyond the outer centres the edge pixel is repeated.
        v: Rows, likewise.

    Returns:
        (lead, *shape of u), float64, NaN = invalid.

    Example:
        >>> bilinear(np.array([[[1.0, 3.0]]]), np.array([1.0]), np.array([0.5])).tolist()
        [[2.0]]
    """
    height, width = source.shape[-2:]
    x, y = np.clip(u - 0.5, 0, width - 1), np.clip(v - 0.5, 0, height - 1)
    j, i = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = x - j, y - i
    right, below = np.minimum(j + 1, width - 1), np.minimum(i + 1, height - 1)
    total, weight = np.zeros((source.shape[0], *u.shape)), np.zeros((source.shape[0], *u.shape))
    for row, col, share in (
        (i, j, (1 - fy) * (1 - fx)),
        (i, right, (1 - fy) * fx),
        (below, j, fy * (1 - fx)),
        (below, right, fy * fx),
    ):
        corner = source[:, row, col]
        valid = np.isfinite(corner)
        total += np.where(valid, corner, 0.0) * share
        weight += np.where(valid, share, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight >= 0.5, total / weight, np.nan)
