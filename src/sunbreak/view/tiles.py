"""Tiles of the map: stored values of a raster under a square of Web Mercator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rio_tiler.reader import part

from sunbreak.errors import RasterError
from sunbreak.rasters.raster import GDAL_OPTIONS, RasterFile
from sunbreak.steps.align import grid_of
from sunbreak.view.place import WIDTH, bounds, native_zoom, on_the_map, placed

SIDE: Final = 512
"""Pixels a side of every tile."""
HIGHEST_ZOOM: Final = 22
"""Beyond, a tile is smaller than a pixel of Sentinel-2."""
Method = Literal["nearest", "bilinear"]
Tile = tuple[int, int, int]
"""Zoom, column and row."""


def read_tile(
    file: RasterFile, indexes: Sequence[int], tile: Tile, *, classes: bool = False
) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a tile.

    Args:
        file: A raster.
        indexes: Bands, counted from 1.
        tile: The tile.
        classes: The values are codes, which cannot be averaged.

    Returns:
        Stored values, (band, 512, 512), of the file's data type, and where they lie inside the file and differ from its
        nodata value, (512, 512); None outside the file.

    Raises:
        RasterError: A block cannot be decoded.
    """
    grid = placed(grid_of(file))
    if not touches(tile, bounds(grid)):
        return None
    zoom, column, row = tile
    side = WIDTH / 2**zoom
    left, top = column * side - WIDTH / 2, WIDTH / 2 - row * side
    # closer than its own pixels, a raster shows them as they are: sharp squares
    method: Method = "nearest" if classes or zoom > native_zoom(grid) else "bilinear"
    try:
        with rasterio.Env(**GDAL_OPTIONS), on_the_map(file) as dataset:
            image = part(
                dataset, (left, top - side, left + side, top), SIDE, SIDE,
                dst_crs=rasterio.crs.CRS.from_epsg(3857), indexes=tuple(indexes),
                resampling_method=method, reproject_method=method,
            )  # fmt: skip
    except (RasterioError, rasterio._err.CPLE_BaseError) as error:
        raise RasterError(f"{file.path}: cannot be read; the file is damaged, write it again") from error
    return np.asarray(image.array.data), image.mask > 0


def touches(tile: Tile, area: tuple[float, float, float, float]) -> bool:
    """Whether a tile may show something of an area.

    Args:
        tile: The tile.
        area: West, south, east, north in degrees; east may lie beyond 180.

    Returns:
        False if it surely shows nothing.
    """
    zoom, column, row = tile
    west, east = (360 * (column + side) / 2**zoom - 180 for side in (0, 1))
    north, south = (math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (row + side) / 2**zoom)))) for side in (0, 1))
    beside = any(area[0] < east + turn and west + turn < area[2] for turn in (0, 360))
    return beside and area[1] < north and south < area[3]
