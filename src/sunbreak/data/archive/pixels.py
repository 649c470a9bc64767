"""Lay rasters of any grid on the grid of an archive, window by window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from sunbreak.data.sample import FloatArray
from sunbreak.errors import GeometryError
from sunbreak.radiometry.backscatter import RadarStorage, decode_backscatter
from sunbreak.rasters.crs import as_crs
from sunbreak.rasters.pixelmap import TIE, Grid, PixelMap, compose
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.resample import bilinear, source_window
from sunbreak.tiles import Window

ENOUGH: Final = 0.5
"""Share of a window that a radar image must cover; where it does not, the next in time may."""


class Radar(NamedTuple):
    """A radar image on its way to the grid of an archive."""

    parts: Sequence[tuple[Raster, RadarStorage]]
    """VV and VH: one raster of both, or one each."""


def grid_of(pixels: Raster) -> Grid:
    """The grid of a raster.

    Args:
        pixels: The raster.

    Returns:
        The grid; without CRS if the raster is not georeferenced.

    Raises:
        GeometryError: Its CRS is not understood, or its transform cannot be inverted.
    """
    placed = pixels.crs is not None and not pixels.transform.is_identity
    if not pixels.transform.determinant:
        raise GeometryError(f"{pixels.path}: its affine transform cannot be inverted; assign one with gdal_edit.py")
    return Grid(as_crs(pixels.crs, str(pixels.path)) if placed else None, pixels.transform, pixels.shape)


def key_of(grid: Grid) -> tuple[object, ...]:
    """What grids that are the same share.

    Args:
        grid: A grid.

    Returns:
        CRS, size and transform; coordinates to a millimetre, degrees to a ten-millionth.
    """
    digits = 7 if grid.crs is not None and grid.crs.is_geographic else 3
    crs = None if grid.crs is None else grid.crs.to_wkt()
    return crs, grid.shape, *(round(value, digits) for value in grid.affine[:6])


def geobox_of(grid: Grid, window: Window) -> GeoBox | None:
    """The grid of a window, as samples have it.

    Args:
        grid: The grid.
        window: The window.

    Returns:
        Its geobox; None without georeferencing.
    """
    if grid.crs is None:
        return None
    corner = compose(grid.affine, Affine.translation(window.left, window.top))
    return GeoBox((window.height, window.width), corner, CRS(grid.crs))


def way_to(pixels: Raster, grid: Grid) -> PixelMap:
    """Find the way from the grid of an archive to a raster.

    Args:
        pixels: The raster.
        grid: The grid.

    Returns:
        The map from pixels of the grid to pixels of the raster.

    Raises:
        GeometryError: The two do not overlap, only one is georeferenced, or neither is and their sizes differ.
    """
    other = grid_of(pixels)
    if (grid.crs is None) != (other.crs is None):
        raise GeometryError(
            f"{pixels.path}: it and the optical files are not both georeferenced; assign CRS and extent"
        )
    if grid.crs is None:
        if grid.shape != other.shape:
            raise GeometryError(f"{pixels.path}: is {other.shape} pixels, the optical files {grid.shape}, without CRS")
        bare = Grid(None, Affine.identity(), grid.shape)
        return PixelMap(bare, bare)
    way = PixelMap(grid, other)
    if not way.overlaps():
        raise GeometryError(f"{pixels.path}: does not overlap the optical images; take it out")
    return way


def nearest(
    pixels: Raster, way: PixelMap, window: Window, indexes: Sequence[int]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Take the nearest pixels of a raster.

    Args:
        pixels: The raster.
        way: From the grid to the raster.
        window: Window of the grid.
        indexes: Bands, counted from 1.

    Returns:
        Stored values, (band, y, x), 0 beyond the raster; and where it reaches, (y, x).

    Raises:
        RasterError: A block cannot be decoded.
    """
    u, v = (axis + TIE for axis in way.coordinates(window.rows, window.cols))
    found = source_window(u, v, pixels.shape, margin=0)
    if found is None:
        kind = pixels.read(slice(0, 1), slice(0, 1), indexes[:1]).dtype
        return np.zeros((len(indexes), *u.shape), kind), np.zeros(u.shape, bool)
    inside, rows, cols = found
    stored = pixels.read(rows, cols, indexes)
    out = np.zeros((len(indexes), *u.shape), stored.dtype)
    out[:, inside] = stored[
        :, np.floor(v[inside]).astype(int) - rows.start, np.floor(u[inside]).astype(int) - cols.start
    ]
    return out, inside


def radar_on(candidates: Iterable[Radar], grid: Grid, window: Window) -> FloatArray | None:
    """Lay the first radar image that covers a window on it: as it is on the same grid, else bilinear in linear power.

    Args:
        candidates: Radar images, the preferred first.
        grid: The grid of the archive.
        window: Window of the grid.

    Returns:
        VV and VH in dB, (pol, y, x), float32, NaN = invalid. Where none covers half of the window, the one that covers
        most; None where none reaches it.

    Raises:
        GeometryError: A radar image does not lie on the grid.
        RasterError: A block cannot be decoded.
    """
    best: tuple[float, FloatArray | None] = (0.0, None)
    for radar in candidates:
        laid = np.concatenate([_backscatter(pixels, storage, grid, window) for pixels, storage in radar.parts])
        share = float(np.isfinite(laid).all(axis=0).mean())
        if share > best[0]:
            best = share, laid
        if share >= ENOUGH:
            break
    return best[1]


def _backscatter(pixels: Raster, storage: RadarStorage, grid: Grid, window: Window) -> FloatArray:
    way = way_to(pixels, grid)
    if way.shift() is not None:
        stored, inside = nearest(pixels, way, window, storage.indexes)
        return np.where(inside, decode_backscatter(stored, storage), np.float32(np.nan))
    u, v = way.coordinates(window.rows, window.cols)
    found = source_window(u, v, pixels.shape, margin=1)
    if found is None:
        return np.full((len(storage.indexes), window.height, window.width), np.nan, np.float32)
    inside, rows, cols = found
    decibels = decode_backscatter(pixels.read(rows, cols, storage.indexes), storage)
    power = 10.0 ** (decibels.astype(np.float64) / 10.0)
    laid = bilinear(power, np.where(inside, u - cols.start, 0.0), np.where(inside, v - rows.start, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(inside, 10.0 * np.log10(laid), np.nan).astype(np.float32)
