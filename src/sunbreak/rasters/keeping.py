"""Keep what was fetched or decoded with much effort, so that a scene that is looked at several times costs that once.

JPEG 2000 decodes at a tenth of the speed of GeoTIFF, and what lies behind an address has to come over the network;
mask, fit and restoring each look at all of it. While `keeping` lasts, cells of such rasters are written to unnamed
files as they are first read, and read from there again. Memory stays bounded: the files are the system's to cache.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

CELL: Final = 1024
"""Side of a cell in pixels; blocks of archives are as large, or divide it."""
EMPTY, COMING, THERE = 0, 1, 2

_folders: list[Path] = []


@contextlib.contextmanager
def keeping(folder: Path) -> Iterator[None]:
    """Keep what is read from slow rasters; several scenes may be worked on at a time.

    Args:
        folder: Where unnamed files lie; they take as much room as what is read, decoded, and vanish with their rasters.
    """
    _folders.append(folder)
    try:
        yield
    finally:
        _folders.remove(folder)


def kept_in() -> Path | None:
    """Where slow rasters are kept at present.

    Returns:
        The folder; None outside `keeping`.
    """
    try:
        return _folders[-1]
    except IndexError:
        return None


class Kept:
    """Cells of one raster, of one band or several, in an unnamed file."""

    def __init__(
        self,
        shape: tuple[int, int],
        dtype: np.dtype[Any],
        folder: Path,
        *,
        cell: tuple[int, int] = (CELL, CELL),
        count: int = 1,
    ) -> None:
        """Begin with nothing.

        Args:
            shape: Height and width of the raster.
            dtype: Its data type.
            folder: Where the file lies.
            cell: Height and width of what is loaded at once.
            count: Bands that are loaded together.

        Raises:
            OSError: The file cannot be made.
        """
        self.shape, self.dtype, self.cell, self.count = shape, dtype, cell, count
        self.cells = tuple(-(-side // step) for side, step in zip(shape, cell, strict=True))
        self._state = np.zeros(self.cells, np.uint8)
        self._changed = threading.Condition()
        self._size = count * cell[0] * cell[1] * self.dtype.itemsize
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lasts as long as this

    def window(
        self, rows: slice, cols: slice, load: Callable[[slice, slice], np.ndarray], bands: Sequence[int] = (0,)
    ) -> np.ndarray:
        """Read a window, and keep the cells that it touches.

        Args:
            rows: Rows.
            cols: Columns.
            load: Reads a window of the raster, (band, y, x), with all `count` bands.
            bands: Positions of the bands wanted.

        Returns:
            (band, y, x).

        Raises:
            OSError: There is no room for the file.
        """
        out = np.empty((len(bands), rows.stop - rows.start, cols.stop - cols.start), self.dtype)
        for i in range(rows.start // self.cell[0], -(-rows.stop // self.cell[0])):
            for j in range(cols.start // self.cell[1], -(-cols.stop // self.cell[1])):
                inside = [
                    slice(at * step, min((at + 1) * step, side))
                    for at, step, side in zip((i, j), self.cell, self.shape, strict=True)
                ]
                self._fill(i, j, inside, load)
                down, across = (
                    slice(max(asked.start, here.start), min(asked.stop, here.stop))
                    for asked, here in zip((rows, cols), inside, strict=True)
                )
                place = _shifted(down, rows.start), _shifted(across, cols.start)
                shape = inside[0].stop - inside[0].start, inside[1].stop - inside[1].start
                for position, band in enumerate(bands):
                    lines = self._lines(self._offset(i, j), band, shape, _shifted(down, inside[0].start))
                    out[position, *place] = lines[:, _shifted(across, inside[1].start)]
        return out

    def _lines(self, offset: int, band: int, shape: tuple[int, int], rows: slice) -> np.ndarray:
        """Rows of a band of the cell that begins at an offset; windows are often much lower than a cell."""
        line = shape[1] * self.dtype.itemsize
        size, start = (rows.stop - rows.start) * line, offset + (band * shape[0] + rows.start) * line
        return np.frombuffer(os.pread(self._file.fileno(), size, start), self.dtype).reshape(-1, shape[1])

    def _offset(self, i: int, j: int) -> int:
        return int((i * self.cells[1] + j) * self._size)

    def _fill(self, i: int, j: int, inside: list[slice], load: Callable[[slice, slice], np.ndarray]) -> None:
        with self._changed:
            while self._state[i, j] == COMING:
                self._changed.wait()
            if self._state[i, j] == THERE:
                return
            self._state[i, j] = COMING
        found = EMPTY
        try:
            content = np.ascontiguousarray(load(*inside)).data.cast("B")
            at = self._offset(i, j)
            while content:
                written = os.pwrite(self._file.fileno(), content, at)
                content, at = content[written:], at + written
            found = THERE
        finally:
            with self._changed:
                self._state[i, j] = found
                self._changed.notify_all()


def _shifted(place: slice, by: int) -> slice:
    return slice(place.start - by, place.stop - by)
