"""Bring a GRD product onto the optical grid by range and Doppler, with the heights of an elevation model or without."""

from __future__ import annotations

import math
import warnings
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyproj
from pyproj.exceptions import ProjError

from sunbreak.errors import GeometryError, SunbreakWarning
from sunbreak.grd.orbit import RangeDoppler
from sunbreak.grd.radar_map import RadarMap
from sunbreak.grd.raster import GrdRaster
from sunbreak.radiometry.backscatter import RadarStorage, decode_backscatter
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.lazy import WindowedArray
from sunbreak.rasters.pixelmap import WORLD, Grid, PixelMap, extent
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.raster import RasterFile
from sunbreak.steps.align import MAX_PARTS, align_radar, relate
from sunbreak.steps.warp import AlignedWindows

PIXELS: Final = 2.0
"""Displacement by relief, in pixels, from which on the user is warned."""
PROBES: Final = 33
"""Points a side that are looked at to see what of the image lies on the grid."""
EGM2008: Final = "EPSG:9518"
"""WGS 84 with heights above the geoid, as Copernicus DEM has them."""
SPREAD: Final = 2
"""Points of the geolocation grid beyond the scene whose heights tell its relief: they lie 10 to 20 km apart."""


def lay_radar(file: Raster, storage: RadarStorage, grid: Grid, name: str, options: ReadOptions) -> WindowedArray:
    """Lay radar on the optical grid, on a map already or still in the geometry of the radar.

    Args:
        file: The radar.
        storage: How it holds backscatter.
        grid: The optical grid.
        name: The optical input, for messages.
        options: `dem` and `geoid` are for GRD products.

    Returns:
        Backscatter in dB, (pol, y, x), float32, NaN = invalid or outside; lazy.

    Raises:
        GeometryError: The two cannot be brought together.

    Warns:
        SunbreakWarning: Relief displaces pixels and no elevation model was given; or nobody knows what its heights are
            above.
    """
    if not isinstance(file, GrdRaster):
        return align_radar(file, storage, grid, name)
    if grid.crs is None:
        raise GeometryError(f"{name}: is not georeferenced, but a GRD product is laid on a map; assign CRS and extent")
    way = _way(file, grid, name, options)
    parts = min(MAX_PARTS, max(1, math.floor(_metres(grid) / file.annotations[0].sample_metres + 0.05)))
    load = AlignedWindows(file, storage.indexes, partial(decode_backscatter, storage=storage), True, way, None, parts)
    return WindowedArray((len(storage.indexes), *grid.shape), np.float32, load)


def _way(file: GrdRaster, grid: Grid, name: str, options: ReadOptions) -> RadarMap:
    geometry = RangeDoppler(file.annotations[0])
    lon, lat = _probes(grid)
    told = geometry.annotation.grid
    line, sample = geometry.pixel(lon, lat, float(np.median(told.height)))
    with np.errstate(invalid="ignore"):
        inside = (line >= 0) & (line < file.shape[0]) & (sample >= 0) & (sample < file.shape[1])
    if not inside.any():
        where = f"longitude {told.longitude.min():.3f} to {told.longitude.max():.3f}, latitude"
        where += f" {told.latitude.min():.3f} to {told.latitude.max():.3f}"
        raise GeometryError(
            f"{file.path} ({where}) does not overlap {name} ({extent(grid)}); give files of the same place"
        )
    if options.dem is None:
        _warn_of_relief(file, line[inside], sample[inside])
        return RadarMap(grid, geometry)
    dem = RasterFile(options.dem)
    relate(dem, grid, name)
    return RadarMap(grid, geometry, dem, _geoid(options, grid))


def _probes(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    height, width = grid.shape
    u, v = np.meshgrid(np.linspace(0, width, PROBES), np.linspace(0, height, PROBES))
    return PixelMap(grid, WORLD).exact(u.ravel(), v.ravel())


def _metres(grid: Grid) -> float:
    """Size of a pixel at the centre of a grid."""
    height, width = grid.shape
    u, v = np.array([width / 2, width / 2 + 1]), np.array([height / 2, height / 2])
    lon, lat = PixelMap(grid, WORLD).exact(u, v)
    return float(pyproj.Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])[2])


def _warn_of_relief(file: GrdRaster, line: np.ndarray, sample: np.ndarray) -> None:
    """Without an elevation model, ground above or below the geolocation grid lies beside its place."""
    told = file.annotations[0].grid
    rows, cols = (
        slice(max(0, int(np.searchsorted(known, at.min())) - SPREAD), int(np.searchsorted(known, at.max())) + SPREAD)
        for known, at in ((told.line, line), (told.sample, sample))
    )
    relief = float(np.ptp(told.height[rows, cols]) / 2)
    incidence = float(np.median(told.incidence[rows, cols]))
    pixels = relief / math.tan(math.radians(incidence)) / file.annotations[0].sample_metres
    if pixels > PIXELS:
        message = (
            f"{file.path}: the ground rises and falls by about {relief:.0f} m there, which displaces radar pixels by up"
            f" to about {pixels:.0f}; give an elevation model (--dem FILE)"
        )
        warnings.warn(message, SunbreakWarning, stacklevel=6)


def _geoid(options: ReadOptions, grid: Grid) -> float:
    """Metres between the ellipsoid and what the heights of the elevation model are above."""
    if options.geoid is not None:
        return options.geoid
    lon, lat = (float(np.median(axis)) for axis in _probes(grid))
    try:  # the grid of EGM2008 is found only where it was installed for PROJ
        way = pyproj.Transformer.from_crs(EGM2008, "EPSG:4979", always_xy=True, allow_ballpark=False, only_best=True)
        return float(way.transform(lon, lat, 0.0, errcheck=True)[2])
    except ProjError:
        message = (
            f"{options.dem}: its heights are taken as above the ellipsoid; models such as Copernicus DEM tell heights"
            " above the geoid: pass the difference (--geoid METRES), 10 m of which displace radar by about one pixel"
        )
        warnings.warn(message, SunbreakWarning, stacklevel=7)
        return 0.0


def uses_dem(file: Raster, path: str | Path) -> bool:
    """Whether an elevation model has something to do.

    Args:
        file: The radar.
        path: The elevation model, for the message.

    Returns:
        False where the radar lies on a map already.

    Warns:
        SunbreakWarning: It does.
    """
    if isinstance(file, GrdRaster):
        return True
    message = f"{path}: the radar lies on a map already, so --dem is not needed and not looked at"
    warnings.warn(message, SunbreakWarning, stacklevel=3)
    return False
