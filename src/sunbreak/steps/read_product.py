"""Read product: a finished product, and the images it was made from where they still are."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sunbreak.errors import InputError, RasterError, SunbreakWarning
from sunbreak.grd.raster import GrdRaster
from sunbreak.inputs.items import is_address, links
from sunbreak.inputs.opened import open_optical, open_radar
from sunbreak.inputs.product_files import files_of, is_product, open_reflectance
from sunbreak.radiometry.backscatter import RadarStorage, understand_radar
from sunbreak.radiometry.dn import is_reflectance
from sunbreak.radiometry.optical import OpticalImage, understand_optical
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.pixelmap import Grid
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.raster import RasterFile
from sunbreak.steps.align import grid_of, relate

MAX_ITEM: Final = 4 << 20
"""Bytes; no STAC item of a product, and no collection of 10000, is longer."""
NEEDED: Final = {"Feature": ("properties", dict), "Collection": ("links", list), "Catalog": ("links", list)}
"""Types of STAC objects, and the member that each must have."""


@dataclass(frozen=True)
class Product:
    """A finished product."""

    folder: Path
    """Its folder."""
    item: dict[str, Any]
    """Its STAC item."""
    reflectance: OpticalImage
    """Its reflectance: `reflectance.tif`, or one file a band."""
    quality: RasterFile
    """`quality.tif`: quality, source."""
    uncertainty: RasterFile
    """`uncertainty.tif`, with the bands of the reflectance."""
    land_cover: RasterFile | None
    """`land_cover.tif`, if it was mapped: class, probability."""
    optical: OpticalImage | None
    """The cloudy image with the same bands; None if it is not there any more."""
    radar: tuple[Raster, RadarStorage] | None
    """The radar image; None without one, or if it is not there any more."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the optical bands."""
        return self.reflectance.bands

    @property
    def grid(self) -> Grid:
        """The grid of the product."""
        return grid_of(self.reflectance.file)

    @property
    def properties(self) -> dict[str, Any]:
        """Properties of the item."""
        return dict(self.item["properties"])


def read_product(folder: Path) -> Product:
    """Open a finished product.

    Args:
        folder: Its folder, which holds `item.json`.

    Returns:
        The product; pixels are read when asked for.

    Raises:
        RasterError: The folder holds no finished product, or a file cannot be read.
    """
    item = read_item(folder / "item.json")
    if not is_product(folder):
        raise RasterError(f"{folder}: holds no restored scene (reflectance.tif); make one with sunbreak restore")
    reflectance = understand_optical(open_reflectance(folder), ReadOptions())
    files = files_of(folder)
    land_cover = files / "land_cover.tif"
    return Product(
        folder=folder,
        item=item,
        reflectance=reflectance,
        quality=RasterFile(files / "quality.tif"),
        uncertainty=RasterFile(files / "uncertainty.tif"),
        land_cover=RasterFile(land_cover) if land_cover.is_file() else None,
        optical=_optical(_input(folder, item, "optical"), reflectance),
        radar=_radar(_input(folder, item, "radar"), reflectance),
    )


def indexes_of(image: OpticalImage, bands: Sequence[str]) -> list[int]:
    """Positions of bands in the file of an image.

    Args:
        image: The image.
        bands: Names of some of its bands.

    Returns:
        Positions, counted from 1.
    """
    return [image.encoding["indexes"][image.bands.index(name)] for name in bands]


def read_item(path: Path) -> dict[str, Any]:
    """Read a STAC object: an item, a collection or a catalog.

    Args:
        path: The JSON file.

    Returns:
        Its content.

    Raises:
        RasterError: It is missing, no JSON, or no STAC object.
    """
    try:
        if path.stat().st_size > MAX_ITEM:
            raise RasterError(f"{path}: is longer than any STAC object of a product; check the path")
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RasterError(f"{path.parent}: holds no finished product ({path.name}); check the path") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RasterError(f"{path}: cannot be read as JSON ({error}); write the product again") from error
    kind = content.get("type") if isinstance(content, dict) else None
    if kind in NEEDED and isinstance(content.get(NEEDED[kind][0]), NEEDED[kind][1]):
        return dict(content)
    raise RasterError(f"{path}: is no STAC item, collection or catalog; check the path")


def _input(folder: Path, item: dict[str, Any], title: str) -> Path | None:
    """The file that a product was made from, by the title of its link."""
    found = next((link["href"] for link in links(item, "derived_from") if link.get("title") == title), None)
    # what lies behind an address is left there: a product from elsewhere may name any
    return None if found is None or is_address(found) else folder / found


def _optical(path: Path | None, product: OpticalImage) -> OpticalImage | None:
    """The cloudy image, understood as it was when the product was made: the product is stored like it."""
    if path is None:
        return None
    offset = None if is_reflectance(product.encoding) else product.encoding["offset"]
    try:
        opened = open_optical(path, ReadOptions(bands=product.bands), local=True)
        bands = product.bands if opened.file.count == len(product.bands) else None
        image = opened.understood(ReadOptions(level=product.level, offset=offset, bands=bands))
        relate(image.file, grid_of(product.file), str(product.file.path))
    except InputError:
        return None  # the input is gone, was moved or has changed: what is there is shown without it
    return image if set(product.bands) <= set(image.bands) else None


def _radar(path: Path | None, product: OpticalImage) -> tuple[Raster, RadarStorage] | None:
    if path is None:
        return None
    try:
        file = open_radar(path, ReadOptions(), local=True).file
        if isinstance(file, GrdRaster):  # lies on no map
            return None
        relate(file, grid_of(product.file), str(product.file.path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SunbreakWarning)  # told when the product was made
            return file, understand_radar(file)
    except InputError:
        return None
