"""Keep what was fetched or decoded with much effort, so that a scene that is looked at several times costs that once.

JPEG 2000 decodes at a tenth of the speed of GeoTIFF, and what lies behind an address has to come over the network;
mask, fit and restoring each look at all of it. While `keeping` lasts, cells of such rasters are written to unnamed
files as they are first read, and read from there again. Memory stays bounded: the files are the system's to cache.
"""

from __future__ import annotations

import contextlib
import itertools
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
Load = Callable[[slice, slice, slice], np.ndarray]
"""Reads bands, rows and columns of a raster, (band, y, x)."""

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
    """Cells of one raster, in an unnamed file."""

    def __init__(self, edges: Sequence[Sequence[int]], dtype: np.dtype[Any], folder: Path) -> None:
        """Begin with nothing.

        Args:
            edges: Where the cells, which are loaded as a whole, begin along band, y and x, and where the last one ends.
            dtype: Data type of the raster.
            folder: Where the file lies.

        Raises:
            OSError: The file cannot be made.
        """
        self._edges = tuple(np.unique(each) for each in edges)  # of cells without a pixel nothing is asked
        self._dtype = dtype
        self._state = np.zeros([each.size - 1 for each in self._edges], np.uint8)
        self._changed = threading.Condition()
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lasts as long as this

    def window(self, bands: Sequence[int], rows: slice, cols: slice, load: Load) -> np.ndarray:
        """Read a window, and keep the cells that it touches.

        Args:
            bands: Positions of bands, in any order.
            rows: Rows.
            cols: Columns.
            load: Reads bands, rows and columns of the raster, (band, y, x).

        Returns:
            (band, y, x).

        Raises:
            OSError: There is no room for the file.
        """
        out = np.empty((len(bands), rows.stop - rows.start, cols.stop - cols.start), self._dtype)
        layers = sorted({layer for band in bands for layer in self._touched(0, slice(band, band + 1))})
        for at in itertools.product(layers, self._touched(1, rows), self._touched(2, cols)):
            cell = self._cell(at)
            self._fill(at, cell, load)
            down, across = (_common(asked, here) for asked, here in zip((rows, cols), cell[1:], strict=True))
            place = _shifted(down, rows.start), _shifted(across, cols.start)
            for position, band in enumerate(bands):
                if cell[0].start <= band < cell[0].stop:
                    lines = self._lines(cell, band, down)
                    out[position, *place] = lines[:, _shifted(across, cell[2].start)]
        return out

    def _touched(self, axis: int, asked: slice) -> range:
        """The cells that a part of an axis touches."""
        edges = self._edges[axis]
        return range(int(np.searchsorted(edges, asked.start, "right")) - 1, int(np.searchsorted(edges, asked.stop)))

    def _cell(self, at: Sequence[int]) -> list[slice]:
        """Bands, rows and columns of a cell."""
        return [slice(*map(int, edges[place : place + 2])) for edges, place in zip(self._edges, at, strict=True)]

    def _offset(self, cell: Sequence[slice]) -> int:
        """Where a cell begins in the file: one lies behind the other, row by row of cells, layer by layer."""
        height, width = (int(edges[-1]) for edges in self._edges[1:])
        (bands, rows, cols), (deep, high, _) = cell, (side.stop - side.start for side in cell)
        before: int = bands.start * height * width + deep * (rows.start * width + high * cols.start)
        return before * self._dtype.itemsize

    def _lines(self, cell: Sequence[slice], band: int, rows: slice) -> np.ndarray:
        """Rows of a band of a cell; windows are often much lower than a cell."""
        height, width = (side.stop - side.start for side in cell[1:])
        line = width * self._dtype.itemsize
        start = self._offset(cell) + ((band - cell[0].start) * height + rows.start - cell[1].start) * line
        content = os.pread(self._file.fileno(), (rows.stop - rows.start) * line, start)
        return np.frombuffer(content, self._dtype).reshape(-1, width)

    def _fill(self, at: tuple[int, ...], cell: Sequence[slice], load: Load) -> None:
        with self._changed:
            while self._state[at] == COMING:
                self._changed.wait()
            if self._state[at] == THERE:
                return
            self._state[at] = COMING
        found = EMPTY
        try:
            content, place = np.ascontiguousarray(load(*cell)).data.cast("B"), self._offset(cell)
            while content:
                written = os.pwrite(self._file.fileno(), content, place)
                content, place = content[written:], place + written
            found = THERE
        finally:
            with self._changed:
                self._state[at] = found
                self._changed.notify_all()


def _common(asked: slice, here: slice) -> slice:
    return slice(max(asked.start, here.start), min(asked.stop, here.stop))


def _shifted(place: slice, by: int) -> slice:
    return slice(place.start - by, place.stop - by)
