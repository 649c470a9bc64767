"""Rasters inside a zip archive, read where they are: nothing is unpacked."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import rasterio
from rasterio.errors import RasterioError

from sunbreak.errors import RasterError
from sunbreak.rasters.pooled import PooledRaster, first_line
from sunbreak.rasters.raster import GDAL_OPTIONS, check_header, check_path, driver_of, georeferencing_optional

UNREADABLE: Final = (
    OSError, KeyError, ValueError, RuntimeError, EOFError, OverflowError, struct.error, zipfile.BadZipFile, zlib.error
)  # fmt: skip
"""How reading a damaged zip archive fails; an encrypted one is a RuntimeError, an unknown packing one of its kind."""


class ZippedRaster(PooledRaster):
    """A GeoTIFF or JPEG 2000 file inside a local zip archive; pickles as its path.

    Example:
        >>> ZippedRaster("missing.zip", "a.jp2")
        Traceback (most recent call last):
        sunbreak.errors.RasterError: missing.zip: no such file; check the path
    """

    options = GDAL_OPTIONS
    slow = True

    def __init__(self, archive: str | Path, member: str) -> None:
        """Open the file and note its header.

        Args:
            archive: The zip archive.
            member: Name of the file inside it.
        """
        self.archive, self.member = check_path(archive), member
        self.path = Path(archive) / member
        self._note_header()

    def __getstate__(self) -> dict[str, Any]:
        return {"archive": str(self.archive), "member": self.member}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _open(self) -> rasterio.DatasetReader:
        try:
            with zipfile.ZipFile(self.archive) as archive, archive.open(self.member) as file:
                driver = driver_of(file.read(8))
            with georeferencing_optional(), rasterio.Env(**GDAL_OPTIONS):
                dataset = rasterio.open(f"/vsizip/{{{self.archive}}}/{self.member}", driver=driver, sharing=False)
        except (*UNREADABLE, RasterioError, rasterio._err.CPLE_BaseError) as error:
            raise RasterError(
                f"{self.path}: not a readable GeoTIFF or JPEG 2000 ({first_line(error)}); download the archive again"
            ) from error
        try:
            check_header(self.path, dataset)
        except RasterError:
            dataset.close()
            raise
        return dataset

    def _failed(self, what: str, error: BaseException) -> RasterError:
        return RasterError(
            f"{self.path}: {what} cannot be read ({first_line(error)}); the archive is damaged, download it again"
        )
