"""What every raster can do, wherever its pixels lie: tell its header, and read windows from any thread."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.windows import Window

from sunbreak.clock import spent_on
from sunbreak.errors import RasterError
from sunbreak.rasters.keeping import CELL, Kept, kept_in

MOST_IDLE: Final = 32
"""Datasets of local files that stay open unused: each holds a decoded block and a file of the process."""

_idle: OrderedDict[int, weakref.ref[PooledRaster]] = OrderedDict()
"""Identity and raster of open, unused datasets of local files, the one used last at the end."""
_idle_lock = threading.Lock()


class Raster(ABC):
    """A raster whose windows any thread may read."""

    path: Path
    """Where it lies, for messages: never with a secret."""
    shape: tuple[int, int]
    """Height and width in pixels."""
    count: int
    """Number of bands."""
    dtype: np.dtype[Any]
    """Data type of the stored values."""
    crs: Any
    """Coordinate reference system, or None."""
    transform: Affine
    """Pixel coordinates (column, row) to coordinates of the CRS."""
    has_gcps: bool
    """Whether it has ground control points."""
    nodata: float | None
    """Stored value that means no data."""
    descriptions: tuple[str | None, ...]
    """Description of each band."""
    scales: tuple[float, ...]
    """Physical value per stored unit, of each band."""
    offsets: tuple[float, ...]
    """Physical value at stored 0, of each band."""
    tags: dict[str, str]
    """Metadata of the file."""
    imagery_tags: dict[str, str]
    """Metadata of the domain `IMAGERY`."""
    costly: bool = False
    """Whether a look at few pixels takes long: far away, or many files of large blocks."""

    @abstractmethod
    def read(self, rows: slice, cols: slice, indexes: Sequence[int] | None = None) -> np.ndarray:
        """Read stored values of a window.

        Args:
            rows: Rows, inside the raster.
            cols: Columns, inside the raster.
            indexes: Bands, counted from 1; None for all.

        Returns:
            (band, y, x), of the raster's data type.

        Raises:
            RasterError: A block cannot be read or decoded.
        """

    @abstractmethod
    def overview(self, shape: tuple[int, int], indexes: Sequence[int]) -> np.ndarray:
        """Read the whole raster at another size, from its overviews.

        Args:
            shape: Height and width of the result.
            indexes: Bands, counted from 1.

        Returns:
            (band, y, x), of the raster's data type, nearest neighbour.

        Raises:
            RasterError: A block cannot be read or decoded.
        """


class PooledRaster(Raster):
    """A raster behind datasets of GDAL: each is used by one thread at a time, and by one process."""

    options: ClassVar[dict[str, Any]]
    """Settings of GDAL while it is opened and read."""
    in_turn: ClassVar[bool] = False
    """Whether threads read one after the other: every dataset decodes for itself what neighbours have in common."""
    secretive: ClassVar[bool] = False
    """Whether what GDAL says may hold a secret, so that not even a traceback shows it."""
    slow: bool = False
    """Whether blocks are fetched or decoded with such effort that they are worth keeping, see `rasters.keeping`."""

    @abstractmethod
    def _open(self) -> rasterio.DatasetReader:
        """Open another dataset of the same raster."""

    @abstractmethod
    def _failed(self, what: str, error: BaseException) -> RasterError:
        """Put a failure of reading into words."""

    def _note_header(self) -> None:
        """Open the raster and note what its header says."""
        self._pid, self._lock, self._epoch = os.getpid(), threading.Lock(), 0
        self._pool: list[rasterio.DatasetReader] = []
        self._cells: Kept | None = None
        dataset = self._open()
        self.shape, self.count = dataset.shape, dataset.count
        self.dtype = np.dtype(dataset.dtypes[0])
        self.slow = self.slow or dataset.driver == "JP2OpenJPEG"
        # slow blocks are kept as they are, and what takes long is best done side by side
        self._turn = threading.Lock() if self.in_turn and not self.slow else contextlib.nullcontext()
        self.crs, self.transform = dataset.crs, dataset.transform
        self.has_gcps = bool(dataset.gcps[0])
        self.nodata, self.descriptions = dataset.nodata, dataset.descriptions
        self.scales, self.offsets = dataset.scales, dataset.offsets
        self.tags, self.imagery_tags = dataset.tags(), dataset.tags(ns="IMAGERY")
        self._pool.append(dataset)
        self._rest(dataset)

    @contextmanager
    def borrow(self) -> Iterator[rasterio.DatasetReader]:
        """Lend an open dataset that no other thread uses meanwhile."""
        with self._lock:
            if self._pid != os.getpid():  # a fork shares the parent's file positions
                self._pool, self._pid = [], os.getpid()
            dataset, epoch = self._pool.pop() if self._pool else None, self._epoch
        with _idle_lock:
            _idle.pop(id(dataset), None)
        if dataset is None:
            dataset = self._open()
            epoch = self._epoch
        try:
            yield dataset
        finally:
            with self._lock:
                kept = epoch == self._epoch
                if kept:
                    self._pool.append(dataset)
            if kept:
                self._rest(dataset)

    def _rest(self, dataset: rasterio.DatasetReader) -> None:
        """Note that a dataset is not used now; of many, close the one that has not been used for longest."""
        if not self.in_turn:  # what lies far away is costly to open again
            return
        with _idle_lock:
            _idle[id(dataset)] = weakref.ref(self)
            if len(_idle) <= MOST_IDLE:
                return
            oldest, owner = _idle.popitem(last=False)
        raster = owner()
        if raster is not None:
            with raster._lock:
                raster._pool = [one for one in raster._pool if id(one) != oldest]

    def _forget(self) -> None:
        """Use none of the datasets any more that are open now."""
        with self._lock:
            self._pool, self._epoch = [], self._epoch + 1

    def read(self, rows: slice, cols: slice, indexes: Sequence[int] | None = None) -> np.ndarray:
        """Read stored values of a window, see `Raster.read`."""
        wanted = list(range(1, self.count + 1)) if indexes is None else [int(index) for index in indexes]
        folder = kept_in() if self.slow else None
        if folder is not None:
            with contextlib.suppress(OSError):  # no room: read it as often as it is asked for
                return self._kept(folder).window([band - 1 for band in wanted], rows, cols, self._layers)
        return self._window(rows, cols, wanted)

    def _kept(self, folder: Path) -> Kept:
        with self._lock:
            if self._cells is None:
                edges = [range(self.count + 1), *([*range(0, side, CELL), side] for side in self.shape)]
                self._cells = Kept(edges, self.dtype, folder)
            return self._cells

    def _layers(self, bands: slice, rows: slice, cols: slice) -> np.ndarray:
        return self._window(rows, cols, range(bands.start + 1, bands.stop + 1))

    def _window(self, rows: slice, cols: slice, indexes: Sequence[int]) -> np.ndarray:
        return self._values(f"rows {rows.start}-{rows.stop}", indexes, window=Window.from_slices(rows, cols))

    def overview(self, shape: tuple[int, int], indexes: Sequence[int]) -> np.ndarray:
        """Read the whole raster at another size, see `Raster.overview`."""
        return self._values("its overview", indexes, out_shape=(len(indexes), *shape))

    def _values(self, what: str, indexes: Sequence[int], **how: Any) -> np.ndarray:
        try:
            with self._turn, spent_on("reading"), self.borrow() as dataset, rasterio.Env(**self.options):
                return np.asarray(dataset.read([int(index) for index in indexes], **how))
        except (RasterioError, rasterio._err.CPLE_BaseError) as error:
            raise self._failed(what, error) from (None if self.secretive else error)


def first_line(error: BaseException) -> str:
    """What GDAL says of a failure, in one line.

    Args:
        error: Of rasterio.

    Returns:
        The first line of its cause; the kind of error where it says nothing.
    """
    lines = str(error.__cause__ or error).splitlines()
    return lines[0].strip() if lines and lines[0].strip() else type(error).__name__
