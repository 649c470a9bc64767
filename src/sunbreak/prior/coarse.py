"""Coarse grids over a scene, read back bilinearly at its pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Positions(NamedTuple):
    """Where pixels lie between the centres of coarse cells, along one axis."""

    lower: np.ndarray
    """Cell before each pixel."""
    upper: np.ndarray
    """Cell behind it."""
    weight: np.ndarray
    """Weight of the cell behind, 0..1, float32."""


def positions(start: int, length: int, cells: int, side: int) -> Positions:
    """Find pixels between cells.

    Args:
        start: First pixel, counted from the first pixel of the first cell.
        length: Number of pixels.
        cells: Number of cells.
        side: Pixels in a cell.

    Returns:
        Their positions; beyond the outermost centres those of the centres.
    """
    place = np.clip((start + np.arange(length) + 0.5) / side - 0.5, 0, cells - 1)
    lower = np.minimum(place.astype(int), max(cells - 2, 0))
    return Positions(lower, np.minimum(lower + 1, cells - 1), (place - lower).astype(np.float32))


def interpolated(grid: np.ndarray, rows: Positions, cols: Positions) -> np.ndarray:
    """Read a coarse grid at pixels.

    Args:
        grid: (band, cell row, cell column).
        rows: Positions of the rows.
        cols: Positions of the columns.

    Returns:
        (band, y, x).
    """
    down = rows.weight[:, np.newaxis]
    lines = grid[:, rows.lower] * (1 - down) + grid[:, rows.upper] * down  # (band, y, cell column)
    out: np.ndarray = lines[:, :, cols.lower] * (1 - cols.weight) + lines[:, :, cols.upper] * cols.weight
    return out
