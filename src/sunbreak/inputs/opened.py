"""Open what the user gave as a scene: a file, a STAC item, a product as it was downloaded, or a dataset."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pystac
import xarray as xr

from sunbreak.grd.raster import GrdRaster
from sunbreak.inputs.datasets import NAME, optical_arrays, radar_arrays, told_by
from sunbreak.inputs.grd import open_grd
from sunbreak.inputs.items import is_address, optical_rasters, radar_rasters, read_item
from sunbreak.inputs.safe import is_safe, open_safe
from sunbreak.radiometry.backscatter import RadarStorage, understand_radar
from sunbreak.radiometry.band_order import SKIP
from sunbreak.radiometry.metadata import Metadata
from sunbreak.radiometry.optical import OpticalImage, understand_optical
from sunbreak.radiometry.product_metadata import from_item
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.raster import RasterFile

Source = str | Path | Mapping[str, Any] | pystac.Item | xr.Dataset
"""A path, an address of a STAC item, the item itself, or one date that was loaded with xarray."""
ITEMS: Final = (".json", ".geojson")
"""Endings of files that hold a STAC item."""
PIXELS: Final = (".tif", ".tiff", ".jp2")
"""Endings of addresses that hold pixels rather than an item."""


@dataclass(frozen=True)
class OpticalInput:
    """An optical input, opened."""

    file: Raster
    """Its bands as one raster."""
    name: str
    """What it is called in messages and items; never with a secret."""
    told: tuple[Metadata, ...] = ()
    """What the metadata beside the pixels say."""
    classes: Raster | None = None
    """Its scene classification (SCL)."""
    probability: Raster | None = None
    """Its cloud probability in percent."""

    def understood(self, options: ReadOptions) -> OpticalImage:
        """Find out what its numbers mean.

        Args:
            options: What the user knows better.

        Returns:
            The image.

        Raises:
            RadiometryError: Something is unknown or contradictory; pass the option it names.
        """
        # in products of one file per band the option has chosen the files already
        kept = options if isinstance(self.file, RasterFile) else dataclasses.replace(options, bands=None)
        return understand_optical(self.file, kept, self.told)


@dataclass(frozen=True)
class RadarInput:
    """A radar input, opened."""

    file: Raster
    """Its polarisations as one raster."""
    name: str
    """What it is called in messages and items; never with a secret."""
    told: tuple[Metadata, ...] = ()
    """What the metadata beside the pixels say."""

    def understood(self, options: ReadOptions) -> RadarStorage:
        """Find out how backscatter is held.

        Args:
            options: What the user knows better.

        Returns:
            How it is stored.

        Raises:
            RadiometryError: Polarisations or units are unknown or unusable; pass the option it names.
        """
        if isinstance(self.file, GrdRaster):
            return self.file.storage
        return understand_radar(self.file, units=options.radar_units, pols=options.radar_bands)


def open_optical(source: Source, options: ReadOptions, *, local: bool = False) -> OpticalInput:
    """Open an optical input.

    Args:
        source: A GeoTIFF or JPEG 2000 file of all bands, a STAC item, a SAFE folder or zip of Sentinel-2, or a Dataset
            with a variable for every band.
        options: `bands` chooses among the files of a product; `sign` signs addresses.
        local: Refuse what lies behind an address.

    Returns:
        The input; pixels are read when asked for.

    Raises:
        RasterError: A file cannot be opened.
        OptionError: An item cannot be used.
    """
    if isinstance(source, xr.Dataset):
        bands, classes, probability = optical_arrays(source, _wanted(options))
        return OpticalInput(bands, NAME, told_by(source), classes, probability)
    if is_item(source) and not (local and is_address(str(source))):
        item = read_item(source)
        rasters = optical_rasters(item, options.sign, _wanted(options), local=local)
        told = tuple(from_item(item.name, item.content))
        return OpticalInput(rasters.bands, item.name, told, rasters.classes, rasters.probability)
    if is_safe(Path(str(source))):
        product = open_safe(Path(str(source)), _wanted(options))
        return OpticalInput(product.rasters.bands, str(source), product.told, *product.rasters[1:])
    return OpticalInput(RasterFile(str(source)), str(source))


def _wanted(options: ReadOptions) -> tuple[str, ...] | None:
    return None if options.bands is None else tuple(name for name in options.bands if name != SKIP)


def open_radar(source: Source, options: ReadOptions, *, local: bool = False) -> RadarInput:
    """Open a radar input.

    Args:
        source: A GeoTIFF of VV and VH, a STAC item of terrain-corrected Sentinel-1, a GRD product, or a Dataset with
            variables vv and vh.
        options: `sign` signs addresses.
        local: Refuse what lies behind an address.

    Returns:
        The input; pixels are read when asked for.

    Raises:
        RasterError: A file cannot be opened.
        OptionError: An item cannot be used.
        GeometryError: An item's files are not terrain-corrected.
    """
    if isinstance(source, xr.Dataset):
        return RadarInput(radar_arrays(source), NAME, told_by(source))
    if is_item(source) and not (local and is_address(str(source))):
        item = read_item(source)
        facts = (dataclasses.replace(one, offset=None, level=None) for one in from_item(item.name, item.content)[-1:])
        return RadarInput(radar_rasters(item, options.sign, local=local), item.name, tuple(facts))
    if is_safe(Path(str(source))):
        raster, facts_of_grd = open_grd(Path(str(source)))
        return RadarInput(raster, str(source), (facts_of_grd,))
    return RadarInput(RasterFile(str(source)), str(source))


def is_item(source: Source) -> bool:
    """Whether a source is a STAC item rather than pixels.

    Args:
        source: As the user gave it.

    Returns:
        True for items in memory, their files, and addresses of the web that hold no pixels.

    Example:
        >>> is_item("https://example.org/items/a"), is_item("scene.tif")
        (True, False)
    """
    if isinstance(source, Mapping | pystac.Item):
        return not isinstance(source, xr.Dataset)
    text = str(source)
    ending = Path(text.partition("?")[0]).suffix.lower()
    return ending not in PIXELS if is_address(text) else ending in ITEMS
