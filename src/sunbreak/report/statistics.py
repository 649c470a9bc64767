"""What a report counts: values at a sample of a product's pixels and, if the scene was simulated, their truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from sunbreak.bands import UNCERTAINTY_NODATA, UNCERTAINTY_SCALE
from sunbreak.errors import InputError
from sunbreak.radiometry.dn import decode, is_reflectance
from sunbreak.radiometry.optical import OpticalImage, understand_optical
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.raster import RasterFile
from sunbreak.steps.read_product import Product, indexes_of

WINDOW: Final = 128
"""Side of the windows that are read, in pixels."""
ACROSS: Final = 7
"""At most this many windows in each direction, evenly spread: 0.8 million pixels."""


@dataclass(frozen=True)
class Sample:
    """Values of the sampled pixels, side by side."""

    before: np.ndarray | None
    """Reflectance of the cloudy image, (band, pixel), NaN = no data; None without it."""
    after: np.ndarray
    """Reflectance of the product, (band, pixel)."""
    sigma: np.ndarray
    """Uncertainty in reflectance, (band, pixel), NaN = no data."""
    quality: np.ndarray
    """Quality, (pixel,)."""
    source: np.ndarray
    """Source, (pixel,)."""
    truth: np.ndarray | None
    """Reflectance without clouds, (band, pixel), where the scene was simulated."""
    whole: bool
    """Whether these are all pixels."""


def sample(product: Product) -> Sample:
    """Read a sample of a product.

    Args:
        product: The product.

    Returns:
        Its values.

    Raises:
        RasterError: A file cannot be read.
    """
    windows = _windows(product.grid.shape)
    optical = product.optical
    if optical is not None and optical.file.shape != product.grid.shape:
        optical = None  # the product is a part of it
    truth = _truth(product, optical)
    sigma = _read(product.uncertainty, None, windows)
    classes = _read(product.quality, None, windows)
    covered = sum((rows.stop - rows.start) * (cols.stop - cols.start) for rows, cols in windows)
    return Sample(
        before=None if optical is None else _reflectance(optical, product.bands, windows),
        after=_reflectance(product.reflectance, product.bands, windows),
        sigma=np.where(sigma == UNCERTAINTY_NODATA, np.nan, sigma * np.float32(UNCERTAINTY_SCALE)),
        quality=classes[0],
        source=classes[1],
        truth=None if truth is None else _reflectance(truth, product.bands, windows),
        whole=covered == product.grid.shape[0] * product.grid.shape[1],
    )


def _windows(shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    return [(rows, cols) for rows in _spread(shape[0]) for cols in _spread(shape[1])]


def _spread(side: int) -> list[slice]:
    count = -(-side // WINDOW)
    if count <= ACROSS:
        return [slice(start, min(start + WINDOW, side)) for start in range(0, side, WINDOW)]
    starts = np.linspace(0, side - WINDOW, ACROSS).astype(int)
    return [slice(int(start), int(start) + WINDOW) for start in starts]


def _read(file: Raster, indexes: list[int] | None, windows: list[tuple[slice, slice]]) -> np.ndarray:
    parts = [file.read(rows, cols, indexes) for rows, cols in windows]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _reflectance(image: OpticalImage, bands: tuple[str, ...], windows: list[tuple[slice, slice]]) -> np.ndarray:
    return decode(_read(image.file, indexes_of(image, bands), windows), image.encoding)


def _truth(product: Product, optical: OpticalImage | None) -> OpticalImage | None:
    """The clear image that lies beside the input of a simulated scene."""
    path = None if optical is None else Path(optical.file.path).parent / "truth.tif"
    if path is None or optical is None or not path.is_file():
        return None
    offset = None if is_reflectance(optical.encoding) else optical.encoding["offset"]
    try:
        truth = understand_optical(RasterFile(path), ReadOptions(level=optical.level, offset=offset))
    except InputError:
        return None
    same = truth.file.shape == optical.file.shape and set(product.bands) <= set(truth.bands)
    return truth if same else None
