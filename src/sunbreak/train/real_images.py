"""Real clear images to train on: which of a collection's may be used, and are truly clear."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from sunbreak.bands import RADAR_PIXEL_SPACING
from sunbreak.data.collection import ClearImage, clear_images
from sunbreak.errors import OptionError
from sunbreak.rasters.raster import RasterFile

OPEN: Final = re.compile(r"CC BY 4\.0|CDLA-Permissive|\bMIT\b|Apache-2\.0|\(code\);.*modified Copernicus Sentinel data")
"""Licences that weights to be given away may be trained under; the last is plain Copernicus imagery beside code."""
MOST_CIRRUS: Final = 0.015
"""Largest median reflectance in B10 of an image that is clear."""
PLENTY: Final = 0.04
"""Standard deviation of reflectance from which on an image is taken as often as any other."""
LEAST: Final = 0.05
"""How often even a uniform image is taken, as a share of that."""
CLOSED: Final = re.compile(r"BY-(SA|NC|ND)|unclear|(without|no) licence", re.IGNORECASE)
"""What excludes a source even where it also names an open licence."""


class RealImage(NamedTuple):
    """A real clear image that may be trained on."""

    image: ClearImage
    """The image, unread."""
    region: str
    """Place on Earth."""
    source: str
    """Data set it comes from."""
    licence: str
    """Terms of use, in words."""
    contrast: float = 1.0
    """0..1: open sea has little to teach, and collections have much of it."""


def real_images(collection: str, smallest: int = 128, *, snowy: bool = False) -> tuple[RealImage, ...]:
    """List the real images of a collection that may be trained on: clear, of the train split, under an open licence.

    Args:
        collection: Folder of the collection.
        smallest: Smallest height and width in pixels.
        snowy: Also those that are no target for another day because of snow on one of the two.

    Returns:
        The images of 10 m pixels, in the order of the manifest.

    Raises:
        OptionError: The folder is no collection, or nothing in it can be used.
        RasterError: A file is missing or damaged.
    """
    return _real_images(str(collection), smallest, snowy)


@lru_cache(maxsize=8)
def _real_images(collection: str, smallest: int, snowy: bool) -> tuple[RealImage, ...]:
    found = []
    for image in clear_images(collection, "train", unfit=snowy):
        file = image.optical
        fits = file.pixel_size in (None, RADAR_PIXEL_SPACING) and is_open(file.licence)
        if fits and min(RasterFile(file.path).shape) >= smallest and not _is_veiled(image):
            found.append(RealImage(image, file.region, file.source, file.licence, _contrast(image)))
    if not found:
        raise OptionError(
            f"{collection}: no clear image of its train split has 10 m pixels, at least {smallest} of them a side, and "
            "a licence that allows training; train on `simulated:` alone"
        )
    return tuple(found)


def _is_veiled(image: ClearImage) -> bool:
    """Whether an image that counts as clear lies under cirrus: the surface does not show in B10."""
    bands = image.optical.bands
    if image.optical.level != "L1C" or "B10" not in bands:
        return False
    return float(np.nanmedian(image.load().cloudy[bands.index("B10")])) > MOST_CIRRUS


def _contrast(image: ClearImage) -> float:
    """Largest standard deviation of any band, 1 from `PLENTY` on."""
    return float(np.clip(np.nanstd(image.load().cloudy, axis=(1, 2)).max() / PLENTY, LEAST, 1.0))


def is_open(licence: str) -> bool:
    """Whether weights that are given away may be trained on a source.

    Args:
        licence: Terms of use, in words.

    Returns:
        False also where nothing is said.

    Example:
        >>> is_open("CC BY 4.0 (SEN12MS-CR)"), is_open("TerraMesh, CC BY-SA 4.0, in an Apache-2.0 repository")
        (True, False)
    """
    return bool(OPEN.search(licence)) and not CLOSED.search(licence)
