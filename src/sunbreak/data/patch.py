"""Read the small files of a data set whole: numbers as stored, reflectance, backscatter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox

from sunbreak.bands import QUANTIFICATION
from sunbreak.errors import GeometryError, RasterError
from sunbreak.radiometry.dn import decode
from sunbreak.rasters.raster import RasterFile

MAX_VALUES: Final = 1 << 28
"""Most values (pixels x bands) of a file that is read whole; samples are patches, a larger claim is a mistake."""


class Patch(NamedTuple):
    """The content of a small file."""

    values: npt.NDArray[Any]
    """(band, y, x), as stored."""
    geobox: GeoBox | None
    """Grid, or None without georeferencing."""
    nodata: float | None
    """Value that the file declares to mean no data."""


def read_patch(path: Path, *, bands: int | None = None, shape: Sequence[int] | None = None) -> Patch:
    """Read a whole small file.

    Args:
        path: A local GeoTIFF.
        bands: Number of bands it must have.
        shape: Height and width it must have.

    Returns:
        Values, grid and nodata value.

    Raises:
        RasterError: The file is missing, not a GeoTIFF, damaged, too large, or has another number of bands.
        GeometryError: It has another size.
    """
    if not path.is_file():
        raise RasterError(f"{path}: no such file, yet the data set lists it; it is incomplete: fetch it again")
    file = RasterFile(path)
    height, width = file.shape
    if file.count * height * width > MAX_VALUES:
        raise RasterError(f"{path}: {file.count} bands of {height} x {width} pixels are too large for a sample")
    if bands is not None and file.count != bands:
        raise RasterError(f"{path}: holds {file.count} bands, expected {bands}; it is not what its name says")
    if shape is not None and file.shape != tuple(shape):
        raise GeometryError(f"{path}: is {file.shape} pixels, expected {tuple(shape)} like the rest of its sample")
    geobox = GeoBox(file.shape, file.transform, file.crs) if file.crs is not None else None
    return Patch(file.read(slice(0, height), slice(0, width)), geobox, file.nodata)


def reflectance(patch: Patch, dn_offset: int) -> npt.NDArray[np.float32]:
    """Turn stored numbers into reflectance.

    Args:
        patch: Stored numbers.
        dn_offset: Number that is still inside the DN, 0 or 1000; the negative of `--offset`.

    Returns:
        (band, y, x), 1.0 = 100 %, NaN where the stored number is 0 or the declared nodata value.

    Raises:
        RadiometryError: The numbers are no DN of Sentinel-2, see `radiometry.dn.decode`.

    Example:
        >>> reflectance(Patch(np.array([[[0, 1500]]], dtype="uint16"), None, None), 1000)
        array([[[ nan, 0.05]]], dtype=float32)
    """
    encoding = {"offset": -dn_offset, "quantification": QUANTIFICATION, "nodata": patch.nodata}
    return decode(patch.values, encoding).astype(np.float32, copy=False)


def backscatter(patch: Patch) -> npt.NDArray[np.float32]:
    """Turn stored decibels into float32; exact zeros are bright returns clipped upstream, not missing data.

    Args:
        patch: Stored dB.

    Returns:
        (pol, y, x), dB, NaN where the file has no finite value or its declared nodata value.

    Example:
        >>> backscatter(Patch(np.array([[[-10.0, -np.inf]]]), None, None))
        array([[[-10.,  nan]]], dtype=float32)
    """
    # not `radiometry.backscatter.decode_backscatter`: that also takes all beyond 100 dB for undeclared fill values
    values = patch.values.astype(np.float32)
    missing = ~np.isfinite(values)
    if patch.nodata is not None:
        missing |= values == np.float32(patch.nodata)
    return np.where(missing, np.float32(np.nan), values)
