"""Cut a grid down to an area of interest given in longitude and latitude."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from sunbreak.errors import GeometryError, OptionError
from sunbreak.radiometry.product_metadata import read_bounded
from sunbreak.rasters.pixelmap import WORLD, Grid, PixelMap, extent

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees."""
_EDGE_POINTS: Final = 33
_SNAP: Final = 1e-6
_CRS84: Final = ("CRS84", "4326")


def check_bounds(bounds: Bounds, name: str) -> Bounds:
    """Make sure that bounds are a rectangle of longitude and latitude.

    Args:
        bounds: West, south, east, north in degrees.
        name: The option or file they come from, for the message.

    Returns:
        The same bounds.

    Raises:
        OptionError: They are empty or out of range; the order is west, south, east, north.
    """
    if len(bounds) != 4 or not all(math.isfinite(value) for value in bounds):
        raise OptionError(f"{name}: expected four numbers (west, south, east, north in degrees), got {bounds}")
    west, south, east, north = bounds
    if not (west < east and south < north):
        raise OptionError(f"{name}: is empty ({west}, {south}, {east}, {north}); the order is west, south, east, north")
    if west < -360 or east > 360 or south < -90 or north > 90:
        raise OptionError(f"{name}: {bounds} is out of range; give longitude and latitude in degrees")
    return bounds


def bounds_of_geojson(path: str | Path) -> Bounds:
    """Bounds of everything in a GeoJSON file.

    Args:
        path: Geometry, Feature or FeatureCollection in longitude and latitude.

    Returns:
        West, south, east, north in degrees.

    Raises:
        OptionError: It is no GeoJSON in longitude and latitude; convert it with ogr2ogr -t_srs EPSG:4326.
    """
    try:
        content = json.loads(read_bounded(path))
        crs = (content.get("crs") or {}).get("properties", {}).get("name", "CRS84")
        positions = list(_positions(content))
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise OptionError(f"{path}: not readable as GeoJSON ({error}); export it again") from error
    if not str(crs).endswith(_CRS84) or not positions:
        reason = "holds no coordinates" if not positions else f"is in {crs}"
        raise OptionError(f"{path}: {reason}; give GeoJSON in longitude and latitude (ogr2ogr -t_srs EPSG:4326)")
    lon, lat = zip(*positions, strict=True)
    return check_bounds((min(lon), min(lat), max(lon), max(lat)), str(path))


def _positions(node: object) -> Iterator[tuple[float, float]]:
    if isinstance(node, dict):
        for key in ("features", "geometry", "geometries", "coordinates"):
            if node.get(key) is not None:
                yield from _positions(node[key])
    elif isinstance(node, list):
        if len(node) >= 2 and all(isinstance(value, (int, float)) for value in node):
            yield float(node[0]), float(node[1])
        else:
            for part in node:
                yield from _positions(part)


def crop_window(grid: Grid, bounds: Bounds, name: str) -> tuple[slice, slice]:
    """The whole pixels of a grid that touch an area.

    Args:
        grid: The grid.
        bounds: West, south, east, north in degrees.
        name: The file that has the grid, for messages.

    Returns:
        Rows and columns.

    Raises:
        GeometryError: The grid is not georeferenced, or the area lies elsewhere.
    """
    if grid.crs is None:
        raise GeometryError(f"{name}: is not georeferenced, so --bbox and --aoi have no meaning; leave them out")
    west, south, east, north = bounds
    lon, lat = np.meshgrid(np.linspace(west, east, _EDGE_POINTS), np.linspace(south, north, _EDGE_POINTS))
    u, v = PixelMap(WORLD, grid).exact(lon.ravel(), lat.ravel())
    finite = np.isfinite(u) & np.isfinite(v)
    window = []
    for values, size in ((v[finite], grid.shape[0]), (u[finite], grid.shape[1])):
        start = max(0, math.floor(values.min() + _SNAP)) if values.size else 0
        stop = min(size, math.ceil(values.max() - _SNAP)) if values.size else 0
        if start >= stop:
            raise GeometryError(
                f"{name} ({extent(grid)}) does not reach the area of --bbox or --aoi (longitude {west:g} to {east:g},"
                f" latitude {south:g} to {north:g}); correct the area"
            )
        window.append(slice(start, stop))
    return window[0], window[1]
