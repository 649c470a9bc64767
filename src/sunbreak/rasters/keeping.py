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
from collections.abc import Callable, Iterator
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
    """Cells of one band of one raster, in an unnamed file."""

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any], folder: Path) -> None:
        """Begin with nothing.

        Args:
            shape: Height and width of the raster.
            dtype: Its data type.
            folder: Where the file lies.

        Raises:
            OSError: The file cannot be made.
        """
        self.shape, self.dtype = shape, dtype
        self.cells = tuple(-(-side // CELL) for side in self.shape)
        self._state = np.zeros(self.cells, np.uint8)
        self._changed = threading.Condition()
        self._size = CELL * CELL * self.dtype.itemsize
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lasts as long as this

    def window(self, rows: slice, cols: slice, load: Callable[[slice, slice], np.ndarray]) -> np.ndarray:
        """Read a window, and keep the cells that it touches.

        Args:
            rows: Rows.
            cols: Columns.
            load: Reads a window of the raster, (y, x).

        Returns:
            (y, x).

        Raises:
            OSError: There is no room for the file.
        """
        out = np.empty((rows.stop - rows.start, cols.stop - cols.start), self.dtype)
        for i in range(rows.start // CELL, -(-rows.stop // CELL)):
            for j in range(cols.start // CELL, -(-cols.stop // CELL)):
                inside = [
                    slice(at * CELL, min((at + 1) * CELL, side)) for at, side in zip((i, j), self.shape, strict=True)
                ]
                self._fill(i, j, inside, load)
                down, across = (
                    slice(max(asked.start, here.start), min(asked.stop, here.stop))
                    for asked, here in zip((rows, cols), inside, strict=True)
                )
                # only the rows that are asked for: windows are often much lower than a cell
                width = inside[1].stop - inside[1].start
                at = self._offset(i, j) + (down.start - inside[0].start) * width * self.dtype.itemsize
                size = (down.stop - down.start) * width * self.dtype.itemsize
                lines = np.frombuffer(os.pread(self._file.fileno(), size, at), self.dtype).reshape(-1, width)
                place = _shifted(down, rows.start), _shifted(across, cols.start)
                out[place] = lines[:, _shifted(across, inside[1].start)]
        return out

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
            content = load(*inside).tobytes()
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
