"""Bands in files of their own, at pixel sizes of their own, as one raster on the grid of the finest.

A band of coarser pixels takes the value of the pixel that each fine pixel lies in: its DN stay what they are, which
averaging back proves. Public data sets of 10 m patches are made in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from sunbreak.errors import GeometryError, RasterError
from sunbreak.rasters.crs import as_crs
from sunbreak.rasters.pixelmap import TIE, Grid, PixelMap
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.remote import RemoteRaster
from sunbreak.rasters.resample import source_window

AT_ONCE: Final = 8
"""Bands fetched at the same time, where each waits for the network."""


class BandStack(Raster):
    """Rasters of one band each, read as one raster; travels between processes as its parts.

    Outside a part, and where no value is told, the stack holds its `nodata` value.
    """

    costly = True

    def __init__(self, path: Path, parts: Sequence[Raster], names: Sequence[str]) -> None:
        """Lay the parts on the grid of the finest of them; nothing is read.

        Args:
            path: What the files belong to, for messages.
            parts: One raster a band, each with at least one band: the first is read.
            names: Description of each band.

        Raises:
            RasterError: They differ in data type.
            GeometryError: One is not georeferenced, or does not overlap the finest.
        """
        self.path, self.parts, self.descriptions = Path(path), tuple(parts), tuple(names)
        grids = [_grid(part) for part in parts]
        sizes = [abs(grid.affine.determinant) for grid in grids]
        finest = sizes.index(min(sizes))
        kinds = sorted({str(part.dtype) for part in parts})
        if len(kinds) > 1:
            raise RasterError(f"{path}: its bands differ in data type ({', '.join(kinds)}); convert to one type")
        first = parts[finest]
        self.shape, self.count, self.dtype = first.shape, len(parts), first.dtype
        self.crs, self.transform, self.has_gcps = first.crs, first.transform, False
        self.nodata = _nodata(parts)
        self.scales, self.offsets = (tuple(values[0] for values in (getattr(part, name) for part in parts))
                                     for name in ("scales", "offsets"))  # fmt: skip
        common = set(first.tags.items()).intersection(*(part.tags.items() for part in parts))
        self.tags, self.imagery_tags = dict(sorted(common)), {}
        self._ways = tuple(PixelMap(grids[finest], grid) for grid in grids)
        for part, way in zip(parts, self._ways, strict=True):
            if not way.overlaps():
                raise GeometryError(f"{part.path}: does not overlap {first.path}; give bands of one scene")
        self._factors = tuple(_whole_factor(way) for way in self._ways)
        self._at_once = any(isinstance(part, RemoteRaster) for part in parts)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "parts": self.parts, "names": self.descriptions}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def read(self, rows: slice, cols: slice, indexes: Sequence[int] | None = None) -> np.ndarray:
        """Read stored values of a window, see `Raster.read`."""
        return self._each(lambda place: self._window(place, rows, cols), indexes)

    def overview(self, shape: tuple[int, int], indexes: Sequence[int]) -> np.ndarray:
        """Read the whole raster at another size, see `Raster.overview`."""
        return self._each(lambda place: self._small(place, shape), indexes)

    def _each(self, load: Callable[[int], np.ndarray], indexes: Sequence[int] | None) -> np.ndarray:
        places = [int(index) - 1 for index in indexes] if indexes is not None else list(range(self.count))
        if self._at_once and len(places) > 1:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                return np.stack(list(pool.map(load, places)))
        return np.stack([load(place) for place in places])

    def _window(self, place: int, rows: slice, cols: slice) -> np.ndarray:
        part, factor = self.parts[place], self._factors[place]
        if factor == 1:
            return np.asarray(part.read(rows, cols, [1])[0])
        if factor:
            coarse = [slice(side.start // factor, -(-side.stop // factor)) for side in (rows, cols)]
            stored = part.read(coarse[0], coarse[1], [1])[0]
            i, j = (np.arange(side.start, side.stop) // factor - start.start
                    for side, start in zip((rows, cols), coarse, strict=True))  # fmt: skip
            return np.asarray(stored[i[:, None], j[None, :]])
        out = np.full((rows.stop - rows.start, cols.stop - cols.start), self._empty, self.dtype)
        u, v = (axis + TIE for axis in self._ways[place].coordinates(rows, cols))
        found = source_window(u, v, part.shape, margin=0)
        if found is None:
            return out
        inside, source_rows, source_cols = found
        stored = part.read(source_rows, source_cols, [1])[0]
        i, j = (np.floor(axis[inside]).astype(int) for axis in (v, u))
        out[inside] = stored[i - source_rows.start, j - source_cols.start]
        return out

    def _small(self, place: int, shape: tuple[int, int]) -> np.ndarray:
        part = self.parts[place]
        if self._factors[place]:
            return np.asarray(part.overview(shape, [1])[0])
        # on another grid: from an overview of the part with as many pixels as it has under the picture
        v, u = ((np.arange(few) + 0.5) * full / few for full, few in zip(self.shape, shape, strict=True))
        x, y = self._ways[place].exact(*(axis.ravel() for axis in np.meshgrid(u, v)))
        few = [max(1, side * small // full) for side, small, full in zip(part.shape, shape, self.shape, strict=True)]
        stored = part.overview((min(few[0], part.shape[0]), min(few[1], part.shape[1])), [1])[0]
        scales = (small / side for small, side in zip(stored.shape, part.shape, strict=True))
        i, j = (np.floor(axis * scale) for axis, scale in zip((y, x), scales, strict=True))
        inside = (i >= 0) & (i < stored.shape[0]) & (j >= 0) & (j < stored.shape[1])
        out = np.full(shape[0] * shape[1], self._empty, self.dtype)
        out[inside] = stored[i[inside].astype(int), j[inside].astype(int)]
        return out.reshape(shape)

    @property
    def _empty(self) -> float:
        return 0 if self.nodata is None else self.nodata


def _grid(part: Raster) -> Grid:
    if part.crs is None or part.transform.is_identity or not part.transform.determinant:
        raise GeometryError(f"{part.path}: is not georeferenced; give bands with CRS and extent")
    return Grid(as_crs(part.crs, str(part.path)), part.transform, part.shape)


def _nodata(parts: Sequence[Raster]) -> float | None:
    told = {part.nodata for part in parts if part.nodata is not None}
    if len(told) > 1:
        raise RasterError(f"{parts[0].path}: bands differ in their nodata value ({sorted(told)}); bring them to one")
    kind = parts[0].dtype.kind
    return told.pop() if told else (0 if kind in "iu" else None)


def _whole_factor(way: PixelMap) -> int:
    """How many pixels of the stack lie side by side in a pixel of a part that shares its origin; 0 for other grids."""
    height, width = way.target.shape
    (u0, u1), (v0, v1) = way.exact(np.array([0.0, width]), np.array([0.0, height]))
    if not np.isfinite([u0, u1, v0, v1]).all() or u1 <= u0 or v1 <= v0:
        return 0
    factor = round(width / float(u1 - u0))
    if factor < 1 or abs(u0) + abs(v0) > 1e-6:
        return 0
    exact = abs(u1 * factor - width) + abs(v1 * factor - height) < 1e-3
    reaches = way.source.shape[0] * factor >= height and way.source.shape[1] * factor >= width
    straight = way.target.affine.is_rectilinear and way.source.affine.is_rectilinear
    return factor if exact and reaches and straight else 0
