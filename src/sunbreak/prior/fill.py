"""The spatial fill: what stands in where no radar looks, from the clear pixels around.

Means and mean squares of clear pixels on a coarse grid are gathered in one streaming pass, filled smoothly where a cell
holds none, and read back bilinearly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sunbreak.prior.coarse import interpolated, positions
from sunbreak.prior.smooth_fill import smooth_fill
from sunbreak.tiles import Window

CELL: Final = 16
"""Side of a cell in pixels; divides the cells of the scene prior, so block sizes cannot change a result."""
REACH: Final = 1.0
"""Distance in cells over which the nearest clear cells lose their say against the wider surroundings."""


class FillMoments:
    """Sums over the clear pixels of each cell."""

    def __init__(self, shape: tuple[int, int], bands: int) -> None:
        """Begin with no pixel.

        Args:
            shape: Height and width of the scene in pixels.
            bands: Number of optical bands.
        """
        rows, cols = -(-shape[0] // CELL), -(-shape[1] // CELL)
        self.count = np.zeros((rows, cols), np.float32)
        self.total = np.zeros((bands, rows, cols), np.float32)
        self.squares = np.zeros((bands, rows, cols), np.float32)

    def add(self, window: Window, optical: np.ndarray, usable: np.ndarray) -> None:
        """Add the clear pixels of a block.

        Args:
            window: The block's place in the scene; top and left are multiples of `CELL`.
            optical: Reflectance, (band, y, x).
            usable: Pixels that are clear and finite in every band, (y, x).
        """
        values = np.where(usable, optical, 0.0).astype(np.float32)
        place = np.s_[
            window.top // CELL : -(-window.rows.stop // CELL), window.left // CELL : -(-window.cols.stop // CELL)
        ]
        self.count[place] = _cell_sums(usable.astype(np.float32))
        self.total[:, *place] = _cell_sums(values)
        self.squares[:, *place] = _cell_sums(values**2)


def _cell_sums(values: np.ndarray) -> np.ndarray:
    *lead, height, width = values.shape
    pad = [(0, 0)] * len(lead) + [(0, -height % CELL), (0, -width % CELL)]
    padded = np.pad(values, pad)
    cells = padded.reshape(*lead, padded.shape[-2] // CELL, CELL, padded.shape[-1] // CELL, CELL)
    sums: np.ndarray = cells.sum(axis=(-3, -1))
    return sums


@dataclass(frozen=True)
class SpatialFill:
    """Reflectance and its error everywhere, from clear pixels nearby."""

    mean: np.ndarray
    """(band, cell row, cell column), reflectance; NaN throughout when the scene has no clear pixel."""
    variance: np.ndarray
    """(band, cell row, cell column), reflectance squared."""

    def predict(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Fill a window.

        Args:
            window: Any window of the scene.

        Returns:
            Reflectance (band, y, x) and its 1-sigma error (band, y, x), float32.
        """
        rows = positions(window.top, window.height, self.mean.shape[1], CELL)
        cols = positions(window.left, window.width, self.mean.shape[2], CELL)
        return interpolated(self.mean, rows, cols), np.sqrt(interpolated(self.variance, rows, cols))


def fit_fill(moments: FillMoments) -> SpatialFill:
    """Fill the cells without clear pixels.

    Args:
        moments: Gathered over all blocks.

    Returns:
        The fill.
    """
    known = moments.count > 0
    count = np.maximum(moments.count, 1.0)
    mean, variance = np.empty_like(moments.total), np.empty_like(moments.total)
    for band, (total, squares) in enumerate(zip(moments.total, moments.squares, strict=True)):
        # band by band: the pyramids of all bands together would take a gigabyte for a tile
        filled = smooth_fill(np.stack([total, squares]) / count, known, reach=REACH)
        mean[band], variance[band] = filled[0], np.maximum(filled[1] - filled[0] ** 2, 1e-6)
    return SpatialFill(mean, variance)
