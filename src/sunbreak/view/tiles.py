"""Tiles of the map: stored values of a raster under a square of Web Mercator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.transform import array_bounds
from rio_tiler.reader import part

from sunbreak.errors import RasterError
from sunbreak.rasters.pixelmap import compose
from sunbreak.rasters.pooled import PooledRaster, Raster
from sunbreak.rasters.raster import GDAL_OPTIONS
from sunbreak.rasters.stack import BandStack
from sunbreak.steps.align import grid_of
from sunbreak.view.place import WIDTH, bounds, native_zoom, on_the_map, placed

SIDE: Final = 512
"""Pixels a side of every tile."""
HIGHEST_ZOOM: Final = 22
"""Beyond, a tile is smaller than a pixel of Sentinel-2."""
COARSE: Final = 1400
"""Longest side in pixels of the copies of files without overviews, an eighth of a tile of Sentinel-2."""
COPIES: Final = 12
"""Such copies kept, of at most 24 MB each."""
Method = Literal["nearest", "bilinear"]
Tile = tuple[int, int, int]
"""Zoom, column and row."""


def read_tile(
    file: Raster, indexes: Sequence[int], tile: Tile, *, classes: bool = False
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
    if isinstance(file, BandStack):
        return _of_stack(file, indexes, tile)
    if not isinstance(file, PooledRaster):
        raise RasterError(f"{file.path}: cannot be drawn on the map")
    grid = placed(grid_of(file))
    if not touches(tile, bounds(grid)):
        return None
    zoom, column, row = tile
    pixel = WIDTH / 2**zoom / SIDE
    corner = Affine(pixel, 0, column * SIDE * pixel - WIDTH / 2, 0, -pixel, WIDTH / 2 - row * SIDE * pixel)
    # closer than its own pixels, a raster shows them as they are: sharp squares
    method: Method = "nearest" if classes or zoom > native_zoom(grid) else "bilinear"
    try:
        with rasterio.Env(**GDAL_OPTIONS), _source(file, tuple(indexes), native_zoom(grid) - zoom) as (dataset, bands):
            image = part(
                dataset, array_bounds(SIDE, SIDE, corner), SIDE, SIDE, dst_crs=CRS.from_epsg(3857), indexes=bands,
                # left alone, rio-tiler warps at full resolution: at zoom 0, the whole world in pixels of 10 m
                vrt_options={"transform": corner, "width": SIDE, "height": SIDE},
                resampling_method=method, reproject_method=method,
            )  # fmt: skip
    except (RasterioError, rasterio._err.CPLE_BaseError) as error:
        raise RasterError(f"{file.path}: cannot be read; the file is damaged, write it again") from error
    return np.asarray(image.array.data), image.mask > 0


def _of_stack(file: BandStack, indexes: Sequence[int], tile: Tile) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a tile of bands in files of their own: each is warped from its own pixels."""
    drawn = {index: read_tile(file.parts[index - 1], [1], tile) for index in dict.fromkeys(indexes)}
    found = [one for one in drawn.values() if one is not None]
    if len(found) < len(drawn):
        return None
    values = np.concatenate([drawn[index][0] for index in indexes])  # type: ignore[index]
    return values, np.logical_and.reduce([there for _, there in found])


@contextmanager
def _source(file: PooledRaster, indexes: tuple[int, ...], levels: float) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Lend a dataset to warp from, and its bands.

    Of files without overviews, which may hold many bands in one block, a small copy serves all views from afar.
    """
    with on_the_map(file) as dataset:
        enough = levels > math.log2(max(1.0, max(file.shape) / COARSE))
        if dataset.overviews(1) or levels <= 0 or not enough:
            yield dataset, indexes
            return
    with MemoryFile(_coarse(file, indexes)) as memory, memory.open() as copy:
        yield copy, tuple(range(1, len(indexes) + 1))


@lru_cache(maxsize=COPIES)
def _coarse(file: PooledRaster, indexes: tuple[int, ...]) -> bytes:
    """A GeoTIFF of some bands of a file, thinned; remembered, as the whole file is read for it."""
    with on_the_map(file) as dataset:
        factor = max(1.0, max(dataset.shape) / COARSE)
        height, width = (max(1, round(side / factor)) for side in dataset.shape)
        values = dataset.read(indexes, out_shape=(len(indexes), height, width))
        scaled = compose(dataset.transform, Affine.scale(dataset.width / width, dataset.height / height))
        profile = {"count": len(indexes), "height": height, "width": width, "dtype": values.dtype, "crs": dataset.crs}
        with MemoryFile() as memory:
            with memory.open(driver="GTiff", transform=scaled, nodata=dataset.nodata, **profile) as copy:
                copy.write(values)
            content: bytes = memory.read()
    return content


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
