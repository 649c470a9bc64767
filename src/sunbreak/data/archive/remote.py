"""Rasters behind an address, read window by window like files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.windows import Window

from sunbreak.data.archive.pixels import Pixels
from sunbreak.errors import RasterError
from sunbreak.rasters.raster import MAX_SIDE, RasterFile

DRIVERS: Final = {".jp2": "JP2OpenJPEG"}
"""Drivers by the suffix of the address; all others are GeoTIFF. Both hold pixels and point to no other file."""
GDAL_OPTIONS: Final[dict[str, Any]] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "VSI_CACHE": True,
    "PROJ_NETWORK": "OFF",
}


class RemoteRaster:
    """A GeoTIFF or JPEG 2000 file behind http or https; opened for every window, so it travels between processes.

    Example:
        >>> RemoteRaster("ftp://example.org/a.tif")
        Traceback (most recent call last):
        sunbreak.errors.RasterError: ftp://example.org/a.tif: only files, http and https are read; download it
    """

    def __init__(self, href: str) -> None:
        """Open the file and note its header.

        Args:
            href: Its address.
        """
        if urlsplit(href).scheme not in ("http", "https"):
            raise RasterError(f"{href}: only files, http and https are read; download it")
        self.href = href
        self.path = Path(PurePosixPath(urlsplit(href).path).name)
        """Name of the file, for messages: the rest of the address may hold a secret."""
        with self._opened() as dataset:
            self.shape: tuple[int, int] = dataset.shape
            self.transform: Affine = dataset.transform
            self.crs: Any = dataset.crs
            self.nodata: float | None = dataset.nodata
            self.count: int = dataset.count
        if max(self.shape) > MAX_SIDE:
            raise RasterError(f"{self.path}: declares {self.shape} pixels, the limit is {MAX_SIDE} a side")

    def _opened(self) -> Any:
        return _Opened(self.href, self.path)

    def read(self, rows: slice, cols: slice, indexes: Sequence[int] | None = None) -> npt.NDArray[Any]:
        """Read stored values of a window.

        Args:
            rows: Rows, inside the raster.
            cols: Columns, inside the raster.
            indexes: Bands, counted from 1; None for all.

        Returns:
            (band, y, x), of the file's data type.

        Raises:
            RasterError: It cannot be fetched or decoded; sign the addresses again, or download the files.
        """
        with self._opened() as dataset:
            wanted = list(indexes) if indexes is not None else None
            return np.asarray(dataset.read(wanted, window=Window.from_slices(rows, cols)))


class _Opened:
    """An open dataset whose failures are ours."""

    def __init__(self, href: str, path: Path) -> None:
        self.href, self.path = href, path

    def __enter__(self) -> Any:
        self.env = rasterio.Env(**GDAL_OPTIONS)
        self.env.__enter__()
        try:
            driver = DRIVERS.get(self.path.suffix.lower(), "GTiff")
            self.dataset = rasterio.open(f"/vsicurl/{self.href}", driver=driver, sharing=False)
        except BaseException as error:
            self.env.__exit__(None, None, None)
            raise self._ours(error) from error
        return self.dataset

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.dataset.close()
        self.env.__exit__(None, None, None)
        if error is not None:
            raise self._ours(error) from error

    def _ours(self, error: BaseException) -> BaseException:
        if not isinstance(error, RasterioError | OSError):
            return error
        told = str(error).replace(self.href, "it").splitlines()
        return RasterError(
            f"{self.path}: cannot be fetched ({told[0] if told else type(error).__name__}); sign the addresses of the"
            " items again, or download the files"
        )


def open_asset(href: str, folder: Path) -> Pixels:
    """Open the file of a STAC asset.

    Args:
        href: Its address: http, https, a file URL, or a path, which is relative to the items' file.
        folder: Folder of the items' file.

    Returns:
        The raster.

    Raises:
        RasterError: It is elsewhere, missing, or no GeoTIFF or JPEG 2000.
    """
    scheme = re.match(r"^([A-Za-z][A-Za-z0-9+.-]+):", href)
    if scheme is None:
        return RasterFile(folder / href)
    if scheme[1].lower() == "file":
        return RasterFile(unquote(urlsplit(href).path))
    return RemoteRaster(href)
