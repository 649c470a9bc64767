"""One pixel of a product: its spectrum before and after, how far to trust it, and what it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from sunbreak.bands import OPTICAL_BANDS, UNCERTAINTY_NODATA, UNCERTAINTY_SCALE
from sunbreak.legend import LAND_COVER_LEGEND, LAND_COVER_NODATA, QUALITY_LEGEND, SOURCE_LEGEND, LegendEntry
from sunbreak.radiometry.backscatter import decode_backscatter
from sunbreak.radiometry.dn import decode
from sunbreak.radiometry.optical import OpticalImage
from sunbreak.rasters.pooled import Raster
from sunbreak.steps.align import grid_of
from sunbreak.steps.read_product import Product, indexes_of
from sunbreak.view.place import pixel_at, placed

DIGITS: Final = 6
"""Decimals of reflectance told: finer than any DN."""


def look_up(product: Product, lon: float, lat: float) -> dict[str, Any] | None:
    """Tell all about the pixel under a point.

    Args:
        product: The product.
        lon: Longitude in degrees.
        lat: Latitude in degrees.

    Returns:
        `row`, `col`, `spectrum` (one entry a band: `band`, `wavelength` in nm, `before`, `after`, `sigma` in
        reflectance, None = no data), `quality`, `source`, `landCover` (names), `probability` in percent, `radar` in dB
        by polarisation; None outside the product.

    Raises:
        RasterError: A file cannot be read.
    """
    at = pixel_at(placed(product.grid), lon, lat)
    if at is None:
        return None
    after = _reflectance(product.reflectance, product, at)
    before = [None] * len(after) if product.optical is None else _before(product.optical, product, lon, lat)
    sigma = _values(product.uncertainty, None, at)
    codes = _values(product.quality, None, at)
    told: dict[str, Any] = {
        "row": at[0],
        "col": at[1],
        "spectrum": [
            {
                "band": name,
                "wavelength": OPTICAL_BANDS[name].wavelength,
                "before": before[position],
                "after": after[position],
                "sigma": None
                if sigma[position] == UNCERTAINTY_NODATA
                else round(float(sigma[position]) * UNCERTAINTY_SCALE, DIGITS),
            }
            for position, name in enumerate(product.bands)
        ],
        "quality": _name(QUALITY_LEGEND, int(codes[0])),
        "source": _name(SOURCE_LEGEND, int(codes[1])),
        "landCover": None,
        "probability": None,
        "radar": _radar(product, lon, lat),
    }
    if product.land_cover is not None:
        code, probability = (int(value) for value in _values(product.land_cover, None, at)[:2])
        if code != LAND_COVER_NODATA:
            told |= {"landCover": _name(LAND_COVER_LEGEND, code), "probability": probability}
    return told


def _values(file: Raster, indexes: list[int] | None, at: tuple[int, int]) -> np.ndarray:
    """Stored values of a pixel, (band,)."""
    row, col = at
    return file.read(slice(row, row + 1), slice(col, col + 1), indexes)[:, 0, 0]


def _reflectance(image: OpticalImage, product: Product, at: tuple[int, int]) -> list[float | None]:
    """Reflectance of a pixel in the bands of a product."""
    values = decode(_values(image.file, indexes_of(image, product.bands), at), image.encoding)
    return [round(float(value), DIGITS) if np.isfinite(value) else None for value in values]


def _before(image: OpticalImage, product: Product, lon: float, lat: float) -> list[float | None]:
    # the product may be a part of the image: each has its own rows
    at = pixel_at(placed(grid_of(image.file)), lon, lat)
    return [None] * len(product.bands) if at is None else _reflectance(image, product, at)


def _radar(product: Product, lon: float, lat: float) -> dict[str, float] | None:
    if product.radar is None:
        return None
    file, storage = product.radar
    at = pixel_at(placed(grid_of(file)), lon, lat)
    if at is None:
        return None
    decibels = decode_backscatter(_values(file, list(storage.indexes), at), storage)
    told = zip(storage.pols, decibels.tolist(), strict=True)
    return {pol: round(value, 2) for pol, value in told if math.isfinite(value)}


def _name(legend: Mapping[int, LegendEntry], code: int) -> str:
    return legend[code].name if code in legend else f"code {code}"
