"""The layers of the map: which a product has, how their tiles are drawn, and what their colours mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

import numpy as np

from sunbreak import preview
from sunbreak.bands import UNCERTAINTY_NODATA, UNCERTAINTY_SCALE
from sunbreak.combinations import Combination, colour_index, normalised_difference
from sunbreak.errors import OptionError
from sunbreak.legend import LAND_COVER_LEGEND, LAND_COVER_NODATA, QUALITY_LEGEND, SOURCE_LEGEND, LegendEntry
from sunbreak.radiometry.backscatter import decode_backscatter
from sunbreak.radiometry.dn import decode
from sunbreak.rasters.pooled import Raster
from sunbreak.steps.read_product import Product, indexes_of
from sunbreak.view.tiles import Tile, read_tile

Layer = Literal["cloudy", "restored", "radar", "quality", "source", "uncertainty", "land-cover"]
LAYERS: Final[tuple[Layer, ...]] = get_args(Layer)
PHOTOS: Final[tuple[Layer, ...]] = ("cloudy", "restored")
"""Layers drawn in the chosen band combination and stretch; the others lie over them."""

Drawn = tuple[np.ndarray, np.ndarray]
"""A picture, (3, y, x), uint8, and where it is to be seen, (y, x), bool."""


def layers_of(product: Product) -> list[Layer]:
    """Layers that a product has.

    Args:
        product: The product.

    Returns:
        Their names, in the order of the page.
    """
    there = {"cloudy": product.optical, "radar": product.radar, "land-cover": product.land_cover}
    return [layer for layer in LAYERS if there.get(layer, True) is not None]


def automatic_stretch(product: Product, combination: Combination) -> np.ndarray:
    """Fit the stretch to the restored scene, so that cloudy and restored are shown alike.

    Args:
        product: The product.
        combination: Bands of the picture.

    Returns:
        Reflectance shown as black and as white in each colour, (3, 2).
    """
    image = product.reflectance
    stored = preview.thinned(image.file, indexes_of(image, combination.bands))
    return preview.stretch_of(three_planes(decode(stored, image.encoding)))


def draw(product: Product, layer: Layer, combination: Combination, stretch: np.ndarray, tile: Tile) -> bytes:
    """Draw a tile.

    Args:
        product: The product.
        layer: One of its layers.
        combination: Bands of cloudy and restored; the uncertainty is that of the first of them.
        stretch: Reflectance shown as black and as white in each colour, (3, 2).
        tile: The tile.

    Returns:
        A PNG of 512 x 512 pixels, transparent where there is nothing.

    Raises:
        OptionError: The product has no such layer.
        RasterError: A file cannot be read.
    """
    if layer not in layers_of(product):
        raise OptionError(f"{product.folder}: has no layer {layer}")
    if layer in PHOTOS:
        drawn = _photo(product, layer, combination, stretch, tile)
    elif layer == "radar":
        drawn = _radar(product, tile)
    elif layer == "uncertainty":
        drawn = _uncertainty(product, combination, tile)
    else:
        drawn = _classes(*_class_raster(product, layer), tile)
    return EMPTY if drawn is None else preview.png_bytes(*drawn)


EMPTY: Final = preview.png_bytes(np.zeros((3, 1, 1), np.uint8), np.zeros((1, 1), bool))
"""A tile with nothing in it."""


def _photo(product: Product, layer: Layer, combination: Combination, stretch: np.ndarray, tile: Tile) -> Drawn | None:
    image = product.optical if layer == "cloudy" and product.optical is not None else product.reflectance
    found = read_tile(image.file, indexes_of(image, combination.bands), tile)
    if found is None:
        return None
    reflectance = decode(found[0], image.encoding)
    opaque = found[1] & np.isfinite(reflectance).all(axis=0)
    if combination.is_index:
        return colour_index(normalised_difference(*reflectance)), opaque
    return preview.to_picture(three_planes(reflectance), stretch), opaque


def three_planes(reflectance: np.ndarray) -> np.ndarray:
    """Make one band grey; for two, the first of them stands for both.

    Args:
        reflectance: (1 to 3, y, x).

    Returns:
        (3, y, x).
    """
    return reflectance if len(reflectance) == 3 else np.repeat(reflectance[:1], 3, axis=0)


def _radar(product: Product, tile: Tile) -> Drawn | None:
    if product.radar is None:
        return None
    file, storage = product.radar
    found = read_tile(file, storage.indexes, tile)
    if found is None:
        return None
    decibels = decode_backscatter(found[0], storage)
    return preview.colour_radar(decibels), found[1] & np.isfinite(decibels).all(axis=0)


def _uncertainty(product: Product, combination: Combination, tile: Tile) -> Drawn | None:
    band = product.bands.index(combination.bands[0]) + 1
    found = read_tile(product.uncertainty, [band], tile)
    if found is None:
        return None
    stored = found[0][0]
    return preview.colour_uncertainty(stored * np.float32(UNCERTAINTY_SCALE)), found[1] & (stored != UNCERTAINTY_NODATA)


def _class_raster(product: Product, layer: Layer) -> tuple[Raster, int, Mapping[int, LegendEntry], int]:
    """File, band, legend and the code of no data of a layer of classes."""
    if layer == "land-cover" and product.land_cover is not None:
        return product.land_cover, 1, LAND_COVER_LEGEND, LAND_COVER_NODATA
    return (product.quality, 1, QUALITY_LEGEND, 0) if layer == "quality" else (product.quality, 2, SOURCE_LEGEND, 0)


def _classes(file: Raster, band: int, legend: Mapping[int, LegendEntry], nodata: int, tile: Tile) -> Drawn | None:
    found = read_tile(file, [band], tile, classes=True)
    if found is None:
        return None
    codes = found[0][0]
    return preview.colour_classes(codes, legend), found[1] & (codes != nodata)
