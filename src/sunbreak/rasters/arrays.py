"""Arrays of xarray and Dask as rasters: windows are computed when they are asked for, and every chunk once.

A window of a Dask array costs the chunks that it touches, however small it is, and a scene is looked at several times,
in windows of several sizes. So chunks are written to unnamed files in the system's folder for such files (`TMPDIR`) as
they are first computed; memory holds a chunk for every thread.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from sunbreak.errors import RasterError
from sunbreak.rasters.keeping import Kept
from sunbreak.rasters.lazy import WindowedArray, lazy
from sunbreak.rasters.pooled import Raster

ROWS: Final = 1024
"""Rows read at once for an overview."""


class ChunkWindows:
    """Loads windows of a Dask array, (band, y, x) or (y, x), and keeps its chunks."""

    def __init__(self, array: Any) -> None:
        """Take the array; nothing is computed.

        Args:
            array: The Dask array.
        """
        self._array = array if array.ndim == 3 else array[np.newaxis]
        edges = [[0, *itertools.accumulate(sizes)] for sizes in self._array.chunks]
        self._kept: Kept | None = None
        with suppress(OSError):  # without a file, windows are computed as often as they are asked for
            self._kept = Kept(edges, self._array.dtype, Path(tempfile.gettempdir()))

    def __call__(self, lead: Sequence[int] | None, rows: slice, cols: slice) -> np.ndarray:
        """Load a window.

        Args:
            lead: Positions of bands; None for a plain (y, x) array.
            rows: Rows.
            cols: Columns.

        Returns:
            The array of that window.
        """
        wanted = [0] if lead is None else list(lead)
        out = self._window(wanted, rows, cols)
        return out[0] if lead is None else out

    def _window(self, bands: list[int], rows: slice, cols: slice) -> np.ndarray:
        if self._kept is not None:
            with suppress(OSError):  # no room
                return self._kept.window(bands, rows, cols, self._computed)
        return self._computed(bands, rows, cols)

    def _computed(self, bands: slice | list[int], rows: slice, cols: slice) -> np.ndarray:
        return np.asarray(self._array[bands, rows, cols])


def streamed(scene: xr.Dataset) -> xr.Dataset:
    """Let a scene load its Dask arrays window by window, and compute every chunk once.

    Args:
        scene: A scene whose variables end in (y, x).

    Returns:
        The scene with lazily indexed arrays in place of those of Dask.
    """
    chunked = {str(name): one.variable for name, one in scene.data_vars.items() if one.chunks is not None}
    if not chunked:
        return scene
    arrays = {
        name: xr.Variable(one.dims, lazy(WindowedArray(one.shape, one.dtype, ChunkWindows(one.data))), one.attrs,
                          one.encoding)
        for name, one in chunked.items()
    }  # fmt: skip
    return scene.assign(arrays)


class ArrayRaster(Raster):
    """Variables of one grid, in memory, of files or of Dask, as one raster."""

    has_gcps = False

    def __init__(
        self, name: str, variables: Sequence[xr.Variable], names: Sequence[str], geobox: GeoBox | None
    ) -> None:
        """Take the variables; nothing is read.

        Args:
            name: What they are called in messages.
            variables: One a band, (y, x); of one data type.
            names: Description of each.
            geobox: Their grid; None means no georeferencing.

        Raises:
            RasterError: They differ in data type or in their nodata value.
        """
        first, told = variables[0], {_nodata(one) for one in variables}
        for what, values in (("data type", {one.dtype for one in variables}), ("nodata value", told)):
            if len(values) > 1:
                listed = ", ".join(sorted(map(str, values)))
                raise RasterError(f"{name}: its bands differ in {what} ({listed}); bring them to one")
        self.path, self.descriptions = Path(name), tuple(names)
        self.shape, self.count, self.dtype = (first.shape[0], first.shape[1]), len(variables), np.dtype(first.dtype)
        self.crs = None if geobox is None else geobox.crs
        self.transform = Affine.identity() if geobox is None else geobox.affine
        self.nodata = told.pop()
        self.scales, self.offsets = (1.0,) * self.count, (0.0,) * self.count
        self.tags, self.imagery_tags = {}, {}
        self._variables = tuple(variables)
        self.costly = all(one.chunks is not None for one in variables)
        self._chunks = ChunkWindows(_stacked(variables)) if self.costly else None

    def read(self, rows: slice, cols: slice, indexes: Sequence[int] | None = None) -> np.ndarray:
        """Read stored values of a window, see `Raster.read`."""
        places = list(range(self.count)) if indexes is None else [int(index) - 1 for index in indexes]
        if self._chunks is not None:
            return self._chunks(places, rows, cols)
        return np.stack([np.asarray(self._variables[place][rows, cols].data) for place in places])

    def overview(self, shape: tuple[int, int], indexes: Sequence[int]) -> np.ndarray:
        """Read the whole raster at another size, see `Raster.overview`."""
        i, j = (((np.arange(few) + 0.5) * full / few).astype(int) for few, full in zip(shape, self.shape, strict=True))
        parts = []
        for top in range(0, self.shape[0], ROWS):
            bottom = min(top + ROWS, self.shape[0])
            strip = self.read(slice(top, bottom), slice(0, self.shape[1]), indexes)
            parts.append(strip[:, i[(i >= top) & (i < bottom)] - top][:, :, j])
        return np.concatenate(parts, axis=1)


def _stacked(variables: Sequence[xr.Variable]) -> Any:
    import dask.array

    return dask.array.stack([one.data for one in variables])  # type: ignore[no-untyped-call]


def _nodata(variable: xr.Variable) -> float | None:
    """The nodata value as odc-stac, rioxarray or xarray tell it."""
    told = (*(variable.attrs.get(key) for key in ("nodata", "_FillValue")), variable.encoding.get("_FillValue"))
    found = next((value for value in told if value is not None), None)
    return None if found is None else float(found)
