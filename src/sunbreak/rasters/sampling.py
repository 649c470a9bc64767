"""Look at a bounded part of a raster, to learn what its numbers mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from sunbreak.rasters.pooled import Raster

GRID: Final = 5
"""Windows a side; 25 windows of 128 x 128 pixels see every part of a tile at the price of about 200 blocks."""
FEW: Final = 2
"""Windows a side where each costs much."""
SIDE: Final = 128
"""Side of one sampled window, in pixels."""
STRIP_PIXELS: Final = 1 << 22
"""Pixels read at once when a whole file has to be searched."""


def _windows(length: int, *, costly: bool) -> list[slice]:
    if length <= GRID * SIDE:
        return [slice(0, length)]
    starts = np.linspace(0, length - SIDE, GRID).astype(int)
    starts = starts[1:-1:FEW] if costly else starts  # the corners of a tile are often empty
    return [slice(int(start), int(start) + SIDE) for start in starts]


def sample(file: Raster, indexes: Sequence[int] | None = None) -> np.ndarray:
    """Read a regular grid of windows; all of a small file.

    Args:
        file: The raster.
        indexes: Bands, counted from 1; None for all.

    Returns:
        Stored values, (band, pixel), at most about 410 000 pixels.

    Raises:
        RasterError: A block cannot be read.
    """
    rows, cols = (_windows(side, costly=file.costly) for side in file.shape)
    parts = [file.read(there, here, indexes) for there in rows for here in cols]
    return np.concatenate([part.reshape(part.shape[0], -1) for part in parts], axis=1)


def sample_valid(file: Raster, indexes: Sequence[int], valid: Callable[[np.ndarray], np.ndarray]) -> np.ndarray | None:
    """Sample a file; search all of it, strip by strip, when the sample holds nothing valid.

    Args:
        file: The raster.
        indexes: Bands, counted from 1.
        valid: Mask of the valid among stored values, of the same shape.

    Returns:
        Stored values, (band, pixel), at least one of them valid; None if the file holds none at all.

    Raises:
        RasterError: A block cannot be read.
    """
    values = sample(file, indexes)
    if valid(values).any():
        return values
    height, width = file.shape
    if max(height, width) <= GRID * SIDE:
        return None
    rows_at_once = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows_at_once):
        strip = file.read(slice(top, min(height, top + rows_at_once)), slice(0, width), indexes)
        strip = strip.reshape(strip.shape[0], -1)
        found = valid(strip).any(axis=0)
        if found.any():
            return strip[:, found]
    return None
