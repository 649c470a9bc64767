"""Bring radar, images of other dates and class rasters onto the optical grid, which rules.

Everything is lazy and exact: a window of the result is the same whatever window it was read in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from sunbreak.errors import GeometryError, RasterError
from sunbreak.radiometry.backscatter import RadarStorage, decode_backscatter
from sunbreak.radiometry.dn import decode as decode_reflectance
from sunbreak.radiometry.optical import OpticalImage
from sunbreak.rasters.crs import as_crs
from sunbreak.rasters.lazy import WindowedArray, lazy
from sunbreak.rasters.pixelmap import TIE, Grid, PixelMap, extent
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.raster import RasterFile
from sunbreak.rasters.resample import source_window
from sunbreak.steps.warp import AlignedWindows, Decode

RADAR_DAYS: Final = 12
"""Days between radar and optical from which on the user is warned; one repeat cycle of a Sentinel-1 satellite."""
MAX_PARTS: Final = 32
"""Finest split of an optical pixel where radar pixels are much smaller."""
OUTSIDE: Final = -1
"""Code of pixels that a class raster says nothing of."""
HIGHEST_CODE: Final = 255
"""Class rasters hold bytes."""


def grid_of(file: Raster) -> Grid:
    """The grid of a raster file.

    Args:
        file: The raster.

    Returns:
        The grid; without CRS if the file is not georeferenced.

    Raises:
        GeometryError: The file has ground control points only, a transform that cannot be inverted, or a CRS that is
            not understood; warp it with gdalwarp first.
    """
    placed = file.crs is not None and not file.transform.is_identity
    if file.has_gcps and not placed:
        raise GeometryError(
            f"{file.path}: is placed by ground control points only (a product before terrain correction); "
            "terrain-correct it, or warp it with gdalwarp -t_srs EPSG:CODE"
        )
    if not file.transform.determinant or not all(map(math.isfinite, file.transform[:6])):
        raise GeometryError(
            f"{file.path}: its affine transform cannot be inverted; assign one with gdal_edit.py -a_ullr"
        )
    return Grid(as_crs(file.crs, str(file.path)) if placed else None, file.transform, file.shape)


def grid_of_geobox(geobox: GeoBox) -> Grid:
    """The grid of a scene.

    Args:
        geobox: `scene.odc.geobox`.

    Returns:
        The same grid.
    """
    crs = None if geobox.crs is None else as_crs(geobox.crs, "the scene")
    height, width = geobox.shape
    return Grid(crs, geobox.affine, (height, width))


def relate(file: Raster, grid: Grid, name: str) -> PixelMap:
    """Find the way from the optical grid to a file.

    Args:
        file: A radar or class raster.
        grid: The optical grid.
        name: The optical file, for messages.

    Returns:
        The map from optical pixels to pixels of the file.

    Raises:
        GeometryError: The two do not overlap, only one is georeferenced, or neither is and their sizes or transforms
            differ.
    """
    other = grid_of(file)
    if (grid.crs is None) != (other.crs is None):
        placed, bare = (file.path, name) if grid.crs is None else (name, file.path)
        raise GeometryError(
            f"{bare}: is not georeferenced, but {placed} is; assign CRS and extent with gdal_translate -a_srs -a_ullr,"
            " or give both without"
        )
    if grid.crs is not None:
        way = PixelMap(grid, other)
        if not way.overlaps():
            raise GeometryError(
                f"{file.path} ({extent(other)}) does not overlap {name} ({extent(grid)}); give files of the same place"
            )
        return way
    if grid.shape != other.shape:
        raise GeometryError(
            f"{file.path}: has {other.shape[1]} x {other.shape[0]} pixels, {name} has {grid.shape[1]} x"
            f" {grid.shape[0]}, and neither is georeferenced; bring them to one size, or assign CRS and"
            " extent with gdal_translate"
        )
    transforms = {grid.affine, other.affine} - {Affine.identity()}
    if len(transforms) > 1:
        raise GeometryError(
            f"{file.path} and {name} have different transforms and no CRS; assign one with gdal_edit.py -a_srs"
        )
    return PixelMap(Grid(None, Affine.identity(), grid.shape), Grid(None, Affine.identity(), other.shape))


def align_radar(file: Raster, storage: RadarStorage, grid: Grid, name: str) -> WindowedArray:
    """Lay backscatter on the optical grid.

    Radar on the same grid is read as it is. Otherwise it is interpolated bilinearly in linear power; where its pixels
    are finer, each optical pixel is the mean over its parts.

    Args:
        file: The radar file.
        storage: How it holds backscatter.
        grid: The optical grid.
        name: The optical file, for messages.

    Returns:
        Backscatter in dB, (pol, y, x), float32, NaN = invalid or outside; lazy.

    Raises:
        GeometryError: The two cannot be brought together (see `relate`).
    """
    decode = partial(decode_backscatter, storage=storage)
    return _aligned(file, storage.indexes, decode, grid, name, decibels=True)


def align_optical(image: OpticalImage, grid: Grid, name: str) -> WindowedArray:
    """Lay an image of another date on the optical grid.

    An image on the same grid is read as it is. Otherwise it is interpolated bilinearly; where its pixels are finer,
    each pixel is the mean over its parts.

    Args:
        image: The file, understood.
        grid: The optical grid.
        name: The optical file, for messages.

    Returns:
        Reflectance, (band, y, x), float32, NaN = no data or outside; lazy.

    Raises:
        GeometryError: The two cannot be brought together (see `relate`).
    """
    decode = partial(decode_reflectance, encoding=image.encoding)
    return _aligned(image.file, image.encoding["indexes"], decode, grid, name)


def _aligned(
    file: Raster, indexes: tuple[int, ...], decode: Decode, grid: Grid, name: str, *, decibels: bool = False
) -> WindowedArray:
    way = relate(file, grid, name)
    # how finely optical pixels are split: not at all until two pixels of the file fit beside each other into one
    parts = min(MAX_PARTS, max(1, math.floor(way.density() + 0.05)))
    load = AlignedWindows(file, indexes, decode, decibels, way, way.shift(), parts)
    return WindowedArray((len(indexes), *grid.shape), np.float32, load)


@dataclass(frozen=True)
class ClassWindows:
    """Loads windows of a class raster on the optical grid, by nearest neighbour."""

    file: Raster
    """The class raster."""
    way: PixelMap
    """From optical pixels to its pixels."""
    band: int
    """Band, counted from 1."""

    def __call__(self, lead: Sequence[int] | None, rows: slice, cols: slice) -> np.ndarray:
        """Load a window.

        Args:
            lead: Not used; class rasters have one band.
            rows: Rows on the optical grid.
            cols: Columns on the optical grid.

        Returns:
            (y, x), int16; `OUTSIDE` where the file says nothing.

        Raises:
            RasterError: A code lies outside 0..255; convert the file to uint8.
        """
        out = np.full((rows.stop - rows.start, cols.stop - cols.start), OUTSIDE, np.int16)
        u, v = (axis + TIE for axis in self.way.coordinates(rows, cols))
        found = source_window(u, v, self.file.shape, margin=0)
        if found is None:
            return out
        inside, source_rows, source_cols = found
        codes = self.file.read(source_rows, source_cols, [self.band])[0]
        picked = codes[
            np.floor(v[inside]).astype(int) - source_rows.start, np.floor(u[inside]).astype(int) - source_cols.start
        ]
        silent = picked == self.file.nodata if self.file.nodata is not None else np.zeros(picked.shape, bool)
        if ((picked < 0) | (picked > HIGHEST_CODE))[~silent].any():
            raise RasterError(f"{self.file.path}: holds codes outside 0-{HIGHEST_CODE}; convert it to uint8 classes")
        out[inside] = np.where(silent, OUTSIDE, picked).astype(np.int16)
        return out


def warp_classes(path: str | Path, geobox: GeoBox, *, name: str = "the scene", band: int = 1) -> xr.Variable:
    """Lay a class raster, such as a quality file, on the optical grid.

    Args:
        path: A GeoTIFF or JPEG 2000 of integer codes, on any grid that overlaps.
        geobox: The optical grid, `scene.odc.geobox`.
        name: The optical file, for messages.
        band: Band of the file, counted from 1.

    Returns:
        (y, x), int16, nearest neighbour, lazy; -1 where the file holds its nodata value or does not reach.

    Raises:
        RasterError: The file cannot be opened, or does not hold integer codes.
        GeometryError: It does not lie on the scene (see `relate`).
    """
    file = RasterFile(path)
    if file.dtype.kind not in "iu":
        raise RasterError(
            f"{path}: holds {file.dtype}, expected integer class codes; convert it with gdal_translate -ot Byte"
        )
    if not 1 <= band <= file.count:
        raise RasterError(f"{path}: has {file.count} band(s), no band {band}; choose another band")
    way = relate(file, grid_of_geobox(geobox), name)
    load = ClassWindows(file, way, band)
    return xr.Variable(("y", "x"), lazy(WindowedArray(tuple(geobox.shape), np.int16, load)))
