"""Coarse grids over a scene, read back bilinearly at its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sunbreak.prior.banded import CHUNK, Part, along


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
    return along(along(grid, 1, _parts(rows, grid.shape[1])), 2, _parts(cols, grid.shape[2]))


def _parts(places: Positions, cells: int) -> Iterator[Part]:
    pixels = np.arange(len(places.lower))
    matrix = np.zeros((len(pixels), cells), np.float32)
    matrix[pixels, places.lower] = 1 - places.weight
    matrix[pixels, places.upper] += places.weight
    for start in range(0, len(pixels), CHUNK):
        here = slice(start, start + CHUNK)
        first, last = int(places.lower[here][0]), int(places.upper[here][-1]) + 1
        yield Part(first, last, matrix[here, first:last])
