"""Write Cloud Optimized GeoTIFFs from blocks.

A COG needs its complete full-resolution raster before the overviews can be made, so every raster is streamed block by
block to a temporary tiled GeoTIFF, in its final compression; that gets its overviews, its compressed tiles are laid out
as a COG (`cog`), and the COG is opened and read to its last block.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from sunbreak.clock import spent_on
from sunbreak.errors import OutputError
from sunbreak.rasters.cog import lay_out
from sunbreak.rasters.raster import georeferencing_optional
from sunbreak.work import THREADS

BLOCK: Final = 512
"""Side of the tiles inside every file, in pixels."""

COMPRESSION: Final = {"compress": "deflate", "zlevel": 1}
"""Of all files: every reader knows it; higher levels gain nothing on noisy radiometry."""
OVERVIEWS: Final = {
    "COMPRESS_OVERVIEW": "DEFLATE", "ZLEVEL_OVERVIEW": "1", "GDAL_TIFF_OVR_BLOCKSIZE": str(BLOCK),
    "GDAL_NUM_THREADS": str(THREADS),
}  # fmt: skip
"""How overviews are made."""
TRUE_COLOUR: Final = {"B04": ColorInterp.red, "B03": ColorInterp.green, "B02": ColorInterp.blue}
"""Bands that viewers show as colours when nobody tells them otherwise."""


@dataclass(frozen=True)
class RasterSpec:
    """What a raster file holds besides its pixels."""

    geobox: GeoBox
    """Grid; without CRS the file is written without georeferencing."""
    count: int
    """Number of bands."""
    dtype: str
    """NumPy name of the data type."""
    nodata: float | None = None
    """Value that means no data."""
    descriptions: tuple[str, ...] = ()
    """Band descriptions, one a band."""
    scale: float | None = None
    """Physical value per stored unit, the same for all bands."""
    offset: float | None = None
    """Physical value at stored 0, the same for all bands."""
    units: str = ""
    """Unit of the physical value."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Metadata of the file."""
    colors: Mapping[int, tuple[int, int, int]] | None = None
    """Colour table of band 1, of class rasters."""
    nearest: bool = False
    """Whether overviews take the nearest pixel, as those of class rasters do, rather than the mean."""


@contextlib.contextmanager
def failing_as(path: Path) -> Iterator[None]:
    """Turn errors of the disk and of GDAL's writers into one clear `OutputError`.

    Args:
        path: The file being written, for the message.

    Raises:
        OutputError: Whenever the body fails with an operating-system or raster error.
    """
    try:
        with rasterio.Env():  # without it GDAL and libtiff print their errors themselves
            yield
    except (OSError, RasterioError, rasterio._err.CPLE_BaseError) as error:
        raise OutputError(f"{path}: writing failed ({_reason(path, error)}); no product was made") from error


def _reason(path: Path, error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space left on device"
    with contextlib.suppress(OSError):
        if shutil.disk_usage(path.parent).free < 1 << 20:
            return "no space left on device"
    text = str(error.__cause__ or error).splitlines()
    return text[0] if text else type(error).__name__


class RasterWriter:
    """Writes one raster block by block to its temporary file."""

    def __init__(self, path: Path, final: Path, spec: RasterSpec) -> None:
        self.path, self.final, self.spec = path, final, spec
        height, width = spec.geobox.shape
        options: dict[str, Any] = {
            **COMPRESSION, "predictor": self._predictor, "num_threads": str(THREADS), "bigtiff": "if_safer",
            "alpha": "no", "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK,
        }  # fmt: skip
        if spec.geobox.crs is not None:
            options |= {"crs": spec.geobox.crs.to_wkt(), "transform": spec.geobox.affine}
        with failing_as(final), georeferencing_optional():
            self._file = rasterio.open(
                path, "w", driver="GTiff", height=height, width=width, count=spec.count, dtype=spec.dtype,
                interleave="pixel", **options,
            )  # fmt: skip
            self._describe()

    @property
    def _predictor(self) -> int:
        """Differences along rows make measured values smaller, of whole numbers (2) or of floats (3)."""
        if self.spec.colors is not None:
            return 1
        return 3 if np.dtype(self.spec.dtype).kind == "f" else 2

    def _describe(self) -> None:
        spec, file = self.spec, self._file
        for index, text in enumerate(spec.descriptions, start=1):
            file.set_band_description(index, text)
        if spec.scale is not None:
            file.scales = (spec.scale,) * spec.count
        if spec.offset is not None:
            file.offsets = (spec.offset,) * spec.count
        if spec.units:
            file.units = (spec.units,) * spec.count
        if spec.colors is not None:
            file.write_colormap(1, {code: (*color, 255) for code, color in spec.colors.items()})
        if spec.count > 1:
            # GDAL would take bands for colours or, beside a colour table, for transparency
            first = ColorInterp.gray if spec.colors is None else ColorInterp.palette
            shown = [first] + [ColorInterp.undefined] * (spec.count - 1)
            if set(TRUE_COLOUR) <= set(spec.descriptions):
                shown[0] = ColorInterp.undefined
                for name, colour in TRUE_COLOUR.items():
                    shown[spec.descriptions.index(name)] = colour
            file.colorinterp = shown
        file.update_tags(**dict(spec.tags))

    def write(self, array: np.ndarray, row: int, col: int) -> None:
        """Write a block of stored values.

        Args:
            array: (band, y, x), or (y, x) for a single band; of the file's data type.
            row: Row of the block's first pixel.
            col: Column of the block's first pixel.

        Raises:
            OutputError: The disk is full or the write failed.
        """
        block = array[np.newaxis] if array.ndim == 2 else array
        with spent_on("writing"), failing_as(self.final):
            self._file.write(block, window=Window(col, row, block.shape[2], block.shape[1]))

    def close(self) -> None:
        """Flush the temporary file.

        Raises:
            OutputError: The flush failed.
        """
        with failing_as(self.final):
            self._file.close()

    def to_cog(self) -> Path:
        """Lay the temporary file out as a COG beside it, read that back to its last block, and drop the temporary.

        Returns:
            Path of the verified COG, still under a temporary name.

        Raises:
            OutputError: Writing or reading back failed.
        """
        self.close()
        cog = self.path.with_name(self.final.name)
        with failing_as(self.final):
            with spent_on("overviews"):
                self._complete()
            with spent_on("laying out COGs"):
                lay_out(self.path, cog)
            with spent_on("reading back"):
                read_to_the_end(cog)
        self.path.unlink()
        return cog

    def _complete(self) -> None:
        spec = self.spec
        resampling = Resampling.average if spec.colors is None and not spec.nearest else Resampling.nearest
        # as much as a block of an overview is made from; with less GDAL decodes every block several times over
        chunk = 5 * BLOCK**2 * spec.count * np.dtype(spec.dtype).itemsize
        options = OVERVIEWS | {
            "GDAL_OVR_CHUNK_MAX_SIZE": max(chunk, 10 << 20), "GDAL_CACHEMAX": max(4 * chunk, 64 << 20),
            "PREDICTOR_OVERVIEW": str(self._predictor),
        }  # fmt: skip
        with rasterio.Env(**options), georeferencing_optional(), rasterio.open(self.path, "r+") as file:
            # not before: what of a block lies beyond the raster would be zero or no data, by how blocks were written
            if spec.nodata is not None:
                file.nodata = spec.nodata
            if levels := _levels(file.shape):
                file.build_overviews(levels, resampling)


def _levels(shape: tuple[int, int]) -> list[int]:
    """Factors of the overviews of a COG: halves, until one block holds the whole."""
    return [2**level for level in range(1, 32) if max(shape) > BLOCK * 2 ** (level - 1)]


def read_to_the_end(path: Path) -> None:
    """Open a raster and decode all its blocks, as a check that it is whole.

    Args:
        path: A GeoTIFF.

    Raises:
        RasterioError: The file cannot be opened or a block cannot be read.
    """
    with georeferencing_optional():
        file = rasterio.open(path, driver="GTiff", NUM_THREADS=str(THREADS))
    with file:
        for top in range(0, file.height, 4 * BLOCK):
            for left in range(0, file.width, 4 * BLOCK):
                file.read(
                    window=Window(left, top, min(4 * BLOCK, file.width - left), min(4 * BLOCK, file.height - top))
                )
