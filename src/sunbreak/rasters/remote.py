"""Rasters behind an address of http, https or S3, read window by window like files.

An address may be signed for a while only: where reading fails, it is asked for again, once, and the window with it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Final, Protocol
from urllib.parse import unquote, urlsplit

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from sunbreak.errors import RasterError
from sunbreak.rasters.addresses import bare, check_redirects
from sunbreak.rasters.endpoint import gdal_settings
from sunbreak.rasters.pooled import PooledRaster, first_line
from sunbreak.rasters.raster import check_header, georeferencing_optional

DRIVERS: Final = {".jp2": "JP2OpenJPEG"}
"""Drivers by the suffix of the address; all others are GeoTIFF. Both hold pixels and point to no other file."""
PREFIXES: Final = {"http": "/vsicurl/", "https": "/vsicurl/", "s3": "/vsis3/"}
"""How GDAL reads an address, by its scheme; S3 takes keys, endpoint and requester-pays from the environment."""


FAILURES: Final = (RasterioError, OSError, rasterio._err.CPLE_BaseError)
"""How opening fails."""


class Address(Protocol):
    """Tells the present address of a file."""

    def __call__(self, refused: str | None = None) -> str:
        """The address.

        Args:
            refused: An address that does not work any more: if it is still the present one, it is signed again.
        """
        ...


class Plain:
    """An address that stays what it is."""

    def __init__(self, href: str) -> None:
        self.href = href

    def __call__(self, refused: str | None = None) -> str:
        """The address, see `Address`."""
        return self.href


class RemoteRaster(PooledRaster):
    """A GeoTIFF or JPEG 2000 file behind http, https or S3; travels between processes as its address.

    Example:
        >>> RemoteRaster("ftp://example.org/a.tif")
        Traceback (most recent call last):
        sunbreak.errors.RasterError: ftp://example.org/a.tif: only files, http, https and s3 are read; download it
    """

    options: ClassVar[dict[str, Any]] = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_TIMEOUT": "60",
        "GDAL_HTTP_MAX_RETRY": "3",
        "GDAL_HTTP_RETRY_DELAY": "1",
        "VSI_CACHE": True,
        "PROJ_NETWORK": "OFF",
    }

    secretive = True
    slow = True

    def __init__(self, address: str | Address, by: str | Path | None = None) -> None:
        """Open the file and note its header.

        Args:
            address: Where it is; a function where it has to be signed.
            by: The address, or the file, that names it; None where the user has typed it.

        Raises:
            RasterError: It is elsewhere, cannot be fetched, or is no GeoTIFF or JPEG 2000.
            InputError: It is redirected to where `by` may not lead.
        """
        self._by = by
        self._address: Address = Plain(address) if isinstance(address, str) else address
        href = self._address()
        parts = urlsplit(href)
        if parts.scheme.lower() not in PREFIXES:
            raise RasterError(f"{bare(href)}: only files, http, https and s3 are read; download it")
        # the rest of the address may hold a secret
        self.path = Path(PurePosixPath(unquote(parts.path)).name)
        check_redirects(href, href if by is None else by)
        self._opened_at = href
        self._note_header()

    def __getstate__(self) -> dict[str, Any]:
        return {"address": self._address, "by": self._by}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _open(self) -> rasterio.DatasetReader:
        href = self._address()
        try:
            dataset = self._open_at(href)
        except FAILURES as error:
            again = self._address(href)
            if again == href:
                raise self._failed("its header", error) from None
            href = again
            try:
                dataset = self._open_at(href)
            except FAILURES as second:
                raise self._failed("its header", second) from None
        if href != self._opened_at:
            self._forget()
            self._opened_at = href
        return dataset

    def _open_at(self, href: str) -> rasterio.DatasetReader:
        scheme, _, rest = href.partition("://")
        prefix = PREFIXES[scheme.lower()]
        driver = DRIVERS.get(self.path.suffix.lower(), "GTiff")
        settings = gdal_settings() if prefix == PREFIXES["s3"] else {}
        with georeferencing_optional(), rasterio.Env(**self.options, **settings):
            dataset = rasterio.open(prefix + (rest if prefix == PREFIXES["s3"] else href), driver=driver, sharing=False)
        try:
            check_header(self.path, dataset)
        except RasterError:
            dataset.close()
            raise
        return dataset

    def _values(self, what: str, indexes: Sequence[int], **how: Any) -> np.ndarray:
        used = self._opened_at
        try:
            return super()._values(what, indexes, **how)
        except RasterError:
            # another thread may have had the item signed meanwhile
            if self._address() == used and self._address(used) == used:
                raise
        self._forget()
        return super()._values(what, indexes, **how)

    def _failed(self, what: str, error: BaseException) -> RasterError:
        told = without_secrets(first_line(error))
        return RasterError(
            f"{self.path}: {what} cannot be fetched ({told}); sign the addresses of the items again (--sign), or"
            " download the files"
        )


def without_secrets(text: str) -> str:
    """A message of GDAL without addresses and without what follows a question mark in names of files.

    Args:
        text: The message.

    Returns:
        What may be shown.

    Example:
        >>> without_secrets("B03.tif?sig=abc, band 1: failed at /vsicurl/https://example.org/B03.tif?sig=abc")
        'B03.tif, band 1: failed at the file'
    """
    return re.sub(r"\?[^\s,:;'\")]+", "", re.sub(r"(/vsi\w+/|\w+://)[^\s,'\")]*", "the file", text))


class _Redacted(logging.Filter):
    """Keeps secrets of addresses out of what rasterio logs of GDAL's errors."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_secrets(record.getMessage()), ()
        return True


for _name in ("rasterio._err", "rasterio._env", "rasterio._io", "rasterio._base"):
    logging.getLogger(_name).addFilter(_Redacted())
