"""Open raster files that nobody vouches for, and read windows of them from any thread.

Only local, regular files of allow-listed formats are opened: no address, no archive, no format that can point to
other files. What a header declares is bounded before anything is allocated by it.
"""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from sunbreak.errors import RasterError
from sunbreak.rasters.pooled import PooledRaster, first_line

SIGNATURES: Final[dict[bytes, str]] = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\0\0\0\x0cjP  ": "JP2OpenJPEG",
    b"\xffO\xffQ": "JP2OpenJPEG",
}
"""First bytes and drivers of formats that hold pixels in one self-contained file; a VRT could point anywhere."""
GDAL_OPTIONS: Final[dict[str, Any]] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no sidecar beside the file can change what it says
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_HTTP_TIMEOUT": "1",
    "PROJ_NETWORK": "OFF",
}
MAX_SIDE: Final = 65_535
"""Longest side in pixels; six times a Sentinel-2 tile."""
MAX_BANDS: Final = 64
"""Most bands of one file."""
MAX_BLOCK_BYTES: Final = 512 << 20
"""Largest block that GDAL would have to decode at once, in bytes."""
CHECKED_BLOCKS: Final = 20_000
"""At most about so many block addresses are compared with the length of the file."""

_LOCK = threading.Lock()


def check_path(path: str | Path) -> Path:
    """Make sure that a path names a readable, regular, local file.

    Args:
        path: As the user gave it.

    Returns:
        The absolute, resolved path.

    Raises:
        RasterError: It is an address or a path into GDAL's virtual file systems, or no readable file; download it, or
            correct the path.
    """
    text = os.fspath(path)
    if re.match(r"^[A-Za-z][A-Za-z0-9+.-]+:/|^/vsi", text):
        raise RasterError(f"{text}: only local files are read; download it and give its path")
    try:
        resolved = Path(text).resolve(strict=True)
        regular, size = resolved.is_file(), resolved.stat().st_size
    except FileNotFoundError as error:
        raise RasterError(f"{text}: no such file; check the path") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise RasterError(f"{text}: cannot be opened ({error}); check the path") from error
    if resolved.is_dir():
        raise RasterError(f"{text}: is a folder; give the GeoTIFF or JPEG 2000 file inside it")
    if not regular:
        raise RasterError(f"{text}: is no regular file; copy it to a file first")
    if size == 0:
        raise RasterError(f"{text}: is empty (0 bytes); check the download")
    if not os.access(resolved, os.R_OK):
        raise RasterError(f"{text}: may not be read; check its permissions")
    return resolved


@contextmanager
def georeferencing_optional() -> Iterator[None]:
    """Open files without rasterio's warning that they are not georeferenced: here they need not be."""
    with _LOCK, warnings.catch_warnings():  # catch_warnings swaps global state, hence the lock
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def open_raster(path: str | Path) -> rasterio.DatasetReader:
    """Open a raster, after bounding what its header declares.

    Args:
        path: A local GeoTIFF (also COG) or JPEG 2000 file.

    Returns:
        The open dataset; for use from one thread at a time.

    Raises:
        RasterError: The file is missing, truncated, of another format, complex-valued, or declares an impossible
            size; the message names the file and the remedy.

    Example:
        >>> import tempfile, numpy as np
        >>> path = Path(tempfile.mkdtemp()) / "one.tif"
        >>> with rasterio.open(path, "w", driver="GTiff", width=4, height=3, count=1, dtype="uint16",
        ...                    crs="EPSG:32633", transform=rasterio.Affine(10, 0, 500000, 0, -10, 5800000)) as file:
        ...     file.write(np.ones((1, 3, 4), "uint16"))
        >>> open_raster(path).shape
        (3, 4)
    """
    resolved = check_path(path)
    try:
        with resolved.open("rb") as file:
            driver = driver_of(file.read(8))
        with georeferencing_optional(), rasterio.Env(**GDAL_OPTIONS):
            dataset = rasterio.open(resolved, driver=driver, sharing=False)
    except (OSError, RasterioError, rasterio._err.CPLE_BaseError, UnicodeError) as error:
        reason = first_line(error).replace(str(resolved), "the file")
        raise RasterError(
            f"{path}: not a readable GeoTIFF or JPEG 2000 ({reason}); check the download, or convert it with"
            " gdal_translate -of COG"
        ) from error
    try:
        check_header(path, dataset)
        _check_length(path, dataset, resolved.stat().st_size)
    except RasterError:
        dataset.close()
        raise
    return dataset


def driver_of(start: bytes) -> str:
    """The driver of a file.

    Args:
        start: Its first 8 bytes.

    Returns:
        Name of GDAL's driver.

    Raises:
        OSError: It is of another format.
    """
    driver = next((driver for signature, driver in SIGNATURES.items() if start.startswith(signature)), None)
    if driver is None:
        raise OSError(f"it begins with {start[:4]!r}")
    return driver


def check_header(path: str | Path, dataset: rasterio.DatasetReader) -> None:
    """Bound what a header declares.

    Args:
        path: Of the raster, for messages.
        dataset: The raster.

    Raises:
        RasterError: Its bands, size, data type or blocks are none of what is read.
    """
    if not dataset.count or dataset.count > MAX_BANDS:
        raise RasterError(f"{path}: has {dataset.count} bands, expected 1 to {MAX_BANDS}; select bands first")
    if max(dataset.height, dataset.width) > MAX_SIDE:
        raise RasterError(
            f"{path}: declares {dataset.width} x {dataset.height} pixels, the limit is {MAX_SIDE} a side; check the"
            " download, or cut it with gdal_translate -projwin"
        )
    kinds = {str(dtype) for dtype in dataset.dtypes}
    if any(kind.startswith("complex") for kind in kinds):
        raise RasterError(f"{path}: holds complex numbers (single look complex radar?); give calibrated backscatter")
    if len(kinds) > 1:
        raise RasterError(f"{path}: its bands differ in data type ({', '.join(sorted(kinds))}); convert to one type")
    shared = dataset.count if str(dataset.interleaving).endswith("pixel") else 1
    block_height, block_width = dataset.block_shapes[0]
    nbytes = block_height * block_width * shared * np.dtype(next(iter(kinds))).itemsize
    if nbytes > MAX_BLOCK_BYTES:
        raise RasterError(
            f"{path}: one block of {block_width} x {block_height} pixels takes {nbytes >> 20} MiB to read, the limit is"
            f" {MAX_BLOCK_BYTES >> 20}; rewrite it with gdal_translate -of COG"
        )


def _check_length(path: str | Path, dataset: rasterio.DatasetReader, size: int) -> None:
    """Compare block addresses with the file's length: a cut-off download fails at once, not hours later."""
    if dataset.driver != "GTiff":
        return
    block_height, block_width = dataset.block_shapes[0]
    rows, cols = -(-dataset.height // block_height), -(-dataset.width // block_width)
    bands = (1,) if str(dataset.interleaving).endswith("pixel") else dataset.indexes
    step = 1 + rows * cols * len(bands) // CHECKED_BLOCKS
    for band in bands:
        last = rows * cols - 1
        for index in sorted({*range(0, last + 1, step), last}):
            row, col = divmod(index, cols)
            start, length = (
                dataset.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band) for what in ("OFFSET", "SIZE")
            )
            if start is not None and length is not None and int(start) + int(length) > size:
                raise RasterError(
                    f"{path}: not a readable GeoTIFF or JPEG 2000 (the file ends at byte {size}, its pixels at"
                    f" {int(start) + int(length)} or later); check the download"
                )


class RasterFile(PooledRaster):
    """A raster file that any thread or forked process may read windows from; pickles as its path.

    Example:
        >>> RasterFile("missing.tif")
        Traceback (most recent call last):
        sunbreak.errors.RasterError: missing.tif: no such file; check the path
    """

    options = GDAL_OPTIONS
    in_turn = True

    def __init__(self, path: str | Path) -> None:
        """Open the file and note its header.

        Args:
            path: A local GeoTIFF or JPEG 2000 file.
        """
        self.path = Path(path)
        self._resolved = check_path(path)
        self._note_header()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": str(self._resolved)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]

    def _open(self) -> rasterio.DatasetReader:
        return open_raster(self._resolved)

    def _failed(self, what: str, error: BaseException) -> RasterError:
        return RasterError(
            f"{self.path}: {what} cannot be read ({first_line(error)}); the file is damaged, download it again"
        )
