"""Where a raster lies on the map, and which pixel lies under a point of it.

A raster without georeferencing is laid on a small square where the equator meets the zero meridian, each of its pixels
as large as one of Sentinel-2: the map then serves as graph paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pyproj
import rasterio
from affine import Affine
from rasterio.vrt import WarpedVRT

from sunbreak.rasters.pixelmap import WORLD, Grid, apply
from sunbreak.rasters.pooled import PooledRaster
from sunbreak.steps.align import grid_of

MERCATOR: Final = pyproj.CRS.from_epsg(3857)
HIGHEST_LATITUDE: Final = 85.0511
"""The square map of Web Mercator ends here, in degrees."""
PRETENDED_PIXEL: Final = 10.0
"""Side of a pixel without georeferencing, in m."""
WIDTH: Final = 2 * math.pi * 6_378_137
"""Width of the world in Web Mercator, in m."""
BORDER: Final = 21
"""Points along each side of a raster whose positions make its bounds."""


def placed(grid: Grid) -> Grid:
    """Give a grid a place on the map.

    Args:
        grid: Of a raster.

    Returns:
        The grid itself, or the pretended place of one without CRS.
    """
    if grid.crs is not None:
        return grid
    height, width = grid.shape
    side = PRETENDED_PIXEL
    return Grid(MERCATOR, Affine(side, 0, -side * width / 2, 0, -side, side * height / 2), grid.shape)


def bounds(grid: Grid) -> tuple[float, float, float, float]:
    """Bounds of a placed grid.

    Args:
        grid: From `placed`.

    Returns:
        West, south, east, north in degrees; east lies beyond 180 where the antimeridian is crossed.
    """
    height, width = grid.shape
    share = np.linspace(0, 1, BORDER)
    cols = np.concatenate([share * width, share * width, 0 * share, 0 * share + width])
    rows = np.concatenate([0 * share, 0 * share + height, share * height, share * height])
    xs, ys = apply(grid.affine, cols, rows)
    lon, lat = pyproj.Transformer.from_crs(grid.crs, WORLD.crs, always_xy=True).transform(xs, ys)
    if np.ptp(lon) > 180:
        lon = np.where(lon < 0, lon + 360, lon)
    lat = np.clip(lat, -HIGHEST_LATITUDE, HIGHEST_LATITUDE)
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def native_zoom(grid: Grid) -> float:
    """Zoom at which a pixel of a tile of 512 pixels is as large as a pixel of a grid.

    Args:
        grid: From `placed`.

    Returns:
        The zoom, not rounded.
    """
    height, width = grid.shape
    cols, rows = np.array([0.5, 1.5, 0.5]) + width // 2, np.array([0.5, 0.5, 1.5]) + height // 2
    xs, ys = apply(grid.affine, cols, rows)
    x, y = pyproj.Transformer.from_crs(grid.crs, MERCATOR, always_xy=True).transform(xs, ys)
    sides = [math.hypot(x[k] - x[0], y[k] - y[0]) for k in (1, 2)]
    return math.log2(WIDTH / 512 / min(sides))


def pixel_at(grid: Grid, lon: float, lat: float) -> tuple[int, int] | None:
    """Find the pixel under a point.

    Args:
        grid: From `placed`.
        lon: Longitude in degrees.
        lat: Latitude in degrees.

    Returns:
        Row and column; None outside the grid.
    """
    x, y = pyproj.Transformer.from_crs(WORLD.crs, grid.crs, always_xy=True).transform(lon, lat)
    if not (math.isfinite(x) and math.isfinite(y)):
        return None
    (col,), (row,) = (values.tolist() for values in apply(~grid.affine, np.array([x]), np.array([y])))
    inside = 0 <= row < grid.shape[0] and 0 <= col < grid.shape[1]
    return (math.floor(row), math.floor(col)) if inside else None


@contextmanager
def on_the_map(file: PooledRaster) -> Iterator[Any]:
    """Lend an open dataset that has a place on the map.

    Args:
        file: A raster.

    Yields:
        A dataset of rasterio with a CRS, for one thread.
    """
    grid = grid_of(file)
    with file.borrow() as dataset:
        if grid.crs is not None:
            yield dataset
            return
        place = placed(grid)
        crs = rasterio.crs.CRS.from_epsg(3857)
        with WarpedVRT(
            dataset, src_crs=crs, src_transform=place.affine, crs=crs, transform=place.affine,
            height=grid.shape[0], width=grid.shape[1],
        ) as vrt:  # fmt: skip
            yield vrt
