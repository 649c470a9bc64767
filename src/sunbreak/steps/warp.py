"""Windows of a file on another grid, interpolated pixel by pixel, so that no window changes the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sunbreak.grd.radar_map import RadarMap
from sunbreak.rasters.pixelmap import PixelMap
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.resample import bilinear, source_window

BLOCK: Final = 512
"""Side of the blocks that are warped at once, in (parts of) pixels."""

Decode = Callable[[np.ndarray], np.ndarray]
"""From stored values of some bands to those that are wanted."""


@dataclass(frozen=True)
class AlignedWindows:
    """Loads windows of a file on the optical grid."""

    file: Raster
    """The file."""
    indexes: tuple[int, ...]
    """Its bands, counted from 1."""
    decode: Decode
    """From stored values, (band, y, x), to those that are wanted, NaN = invalid."""
    decibels: bool
    """Those are dB, and interpolated as power; then all bands are decoded together, as one without value voids all."""
    way: PixelMap | RadarMap
    """From optical pixels to pixels of the file."""
    shift: tuple[int, int] | None
    """Rows and columns between the grids if they are the same."""
    parts: int
    """Optical pixels are split into `parts` x `parts`."""

    def __call__(self, lead: Sequence[int] | None, rows: slice, cols: slice) -> np.ndarray:
        """Load a window.

        Args:
            lead: Positions of bands.
            rows: Rows on the optical grid.
            cols: Columns on the optical grid.

        Returns:
            (band, y, x), float32, NaN = invalid.
        """
        chosen = list(range(len(self.indexes)) if lead is None else lead)
        out = np.full((len(chosen), rows.stop - rows.start, cols.stop - cols.start), np.nan, np.float32)
        if self.shift is not None:
            self._read_plainly(out, chosen, rows, cols)
            return out
        side = max(16, BLOCK // self.parts)
        for top in range(rows.start, rows.stop, side):
            for left in range(cols.start, cols.stop, side):
                here = slice(top, min(top + side, rows.stop)), slice(left, min(left + side, cols.stop))
                place = [
                    slice(part.start - all_.start, part.stop - all_.start)
                    for part, all_ in zip(here, (rows, cols), strict=True)
                ]
                out[:, place[0], place[1]] = self._warp(chosen, *here)
        return out

    def _decoded(self, chosen: list[int], rows: slice, cols: slice) -> np.ndarray:
        if self.decibels:
            return self.decode(self.file.read(rows, cols, self.indexes))[chosen]
        return self.decode(self.file.read(rows, cols, [self.indexes[position] for position in chosen]))

    def _read_plainly(self, out: np.ndarray, chosen: list[int], rows: slice, cols: slice) -> None:
        source, place = [], []
        for part, shift, size in zip((rows, cols), self.shift or (0, 0), self.file.shape, strict=True):
            start, stop = max(part.start + shift, 0), min(part.stop + shift, size)
            if start >= stop:
                return
            source.append(slice(start, stop))
            place.append(slice(start - shift - part.start, stop - shift - part.start))
        out[:, place[0], place[1]] = self._decoded(chosen, source[0], source[1])

    def _warp(self, chosen: list[int], rows: slice, cols: slice) -> np.ndarray:
        shape = len(chosen), rows.stop - rows.start, cols.stop - cols.start
        u, v = self.way.coordinates(rows, cols, self.parts)
        found = source_window(u, v, self.file.shape, margin=1)
        if found is None:
            return np.full(shape, np.nan, np.float32)
        inside, source_rows, source_cols = found
        values = self._decoded(chosen, source_rows, source_cols).astype(np.float64)
        values = 10.0 ** (values / 10.0) if self.decibels else values
        u, v = np.where(inside, u - source_cols.start, 0.0), np.where(inside, v - source_rows.start, 0.0)
        values = np.where(inside, bilinear(values, u, v), np.nan)
        if self.parts > 1:
            values = _mean_of_parts(values.reshape(shape[0], shape[1], self.parts, shape[2], self.parts))
        with np.errstate(invalid="ignore"):
            return np.asarray((10.0 * np.log10(values) if self.decibels else values).astype(np.float32))


def _mean_of_parts(split: np.ndarray) -> np.ndarray:
    """Mean over the parts of each pixel, invalid where less than half of them is valid."""
    valid = np.isfinite(split)
    counted = valid.sum(axis=(2, 4))
    total = np.zeros(counted.shape)
    for i in range(split.shape[2]):  # in a fixed order, so that rounding does not depend on the window
        for j in range(split.shape[4]):
            total += np.where(valid[:, :, i, :, j], split[:, :, i, :, j], 0.0)
    half = split.shape[2] * split.shape[4] / 2
    return np.where(counted >= half, total / np.maximum(counted, 1), np.nan)
