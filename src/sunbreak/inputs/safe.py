"""Sentinel-2 products as ESA publishes them: SAFE folders and zips, L1C and L2A, of all processing baselines.

Source: Sentinel-2 Products Specification Document 14.9 (layout and names since the compact naming of December 2016).
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from sunbreak.bands import OPTICAL_BANDS
from sunbreak.errors import InputError, OptionError, RasterError
from sunbreak.inputs.items import OpticalRasters, chosen_bands
from sunbreak.inputs.tree import Tree, open_tree
from sunbreak.radiometry.metadata import Metadata
from sunbreak.radiometry.product_metadata import from_safe, image_files
from sunbreak.rasters.stack import BandStack

PRODUCT: Final = re.compile(r"(?:^|/)MTD_MSIL(1C|2A)\.xml$")
"""Metadata of the product, at its root."""
TILE: Final = re.compile(r"^GRANULE/[^/]+/MTD_TL\.xml$")
"""Metadata of the tile."""
BAND: Final = re.compile(r"^GRANULE/[^/]+/IMG_DATA/(?:R\d\dm/)?[^/]*_(B\d\d|B8A)(?:_(\d\d)m)?\.jp2$")
CLASSES: Final = re.compile(r"^GRANULE/[^/]+/IMG_DATA/(?:R\d\dm/)?[^/]*_SCL_(20|60)m\.jp2$")
PROBABILITY: Final = re.compile(r"^GRANULE/[^/]+/QI_DATA/(?:MSK_CLDPRB|[^/]*_CLD)_(20|60)m\.jp2$")
RADAR: Final = re.compile(r"(?:^|/)annotation/s1[a-d]-[^/]*\.xml$")
"""Annotation of a product of Sentinel-1, one folder below its root."""


class SafeProduct(NamedTuple):
    """A Sentinel-2 product, opened."""

    rasters: OpticalRasters
    """Its bands and layers."""
    told: tuple[Metadata, ...]
    """What its metadata say."""


def is_safe(path: Path) -> bool:
    """Whether a path is meant as a product of files.

    Args:
        path: As the user gave it.

    Returns:
        True for zip archives, for metadata at the root of a product, and for folders with such metadata.
    """
    name = path.name
    if path.suffix.lower() == ".zip" or PRODUCT.search(name) or name == "manifest.safe":
        return True
    marked = ("MTD_MSIL*.xml", "manifest.safe")
    return path.is_dir() and (path.suffix.upper() == ".SAFE" or any(any(path.glob(name)) for name in marked))


def root_of(tree: Tree, marker: re.Pattern[str]) -> str | None:
    """The folder of a product inside an archive.

    Args:
        tree: All files.
        marker: A file at its root.

    Returns:
        Its name, empty for the root itself; None if there is no such file.

    Raises:
        OptionError: There are several products.
    """
    roots = {str(PurePosixPath(name).parent) for name in tree.names if marker.search(name)}
    if len(roots) > 1:
        raise OptionError(f"{tree.path}: holds {len(roots)} products; give one a scene")
    root = roots.pop() if roots else None
    return "" if root == "." else root


def open_safe(path: Path, wanted: tuple[str, ...] | None = None) -> SafeProduct:
    """Open a Sentinel-2 product.

    Args:
        path: The `.SAFE` folder, its zip archive, or its `MTD_MSIL1C.xml` or `MTD_MSIL2A.xml`.
        wanted: Names of the bands to open; None for all.

    Returns:
        The product; pixels are read when asked for.

    Raises:
        InputError: It is no product of Sentinel-2, or its metadata cannot be read.
        OptionError: It holds several tiles, or lacks a band that is wanted.
        RasterError: Files that its metadata name are missing, or cannot be opened.
    """
    tree = open_tree(path)
    root = root_of(tree, PRODUCT)
    if root is None:
        if any(map(RADAR.search, tree.names)):
            raise InputError(f"{path}: is a Sentinel-1 product; give it as --radar, Sentinel-2 as the optical scene")
        raise InputError(
            f"{path}: is no product; expected one of Sentinel-2 with MTD_MSIL1C.xml or MTD_MSIL2A.xml (.SAFE or .zip)"
        )
    tree = tree.under(root)
    product = next(name for name in tree.names if PRODUCT.search(name))
    tiles = [name for name in tree.names if TILE.search(name)]
    if len(tiles) > 1:
        raise OptionError(f"{path}: holds {len(tiles)} tiles; give a product of one tile, or warp them together first")
    content = tree.read(product)
    told = from_safe(tree.path / product, content)
    for tile in tiles:
        told += from_safe(tree.path / tile, tree.read(tile))
    there = _finest(tree, BAND)
    _check_complete(path, image_files(content), there, wanted)
    bands = chosen_bands(str(path), tuple(band for band in OPTICAL_BANDS if band in there), wanted)
    stack = BandStack(path, [tree.raster(there[band]) for band in bands], bands)
    classes, probability = (_coarse(tree, pattern) for pattern in (CLASSES, PROBABILITY))
    rasters = OpticalRasters(
        stack, tree.raster(classes) if classes else None, tree.raster(probability) if probability else None
    )
    return SafeProduct(rasters, tuple(told))


def _finest(tree: Tree, pattern: re.Pattern[str]) -> dict[str, str]:
    """The file of the finest pixels of every band."""
    found: dict[str, tuple[int, str]] = {}
    for name in tree.names:
        match = pattern.match(name)
        if match is not None and match[1] in OPTICAL_BANDS:
            metres = int(match[2] or OPTICAL_BANDS[match[1]].resolution)
            found[match[1]] = min(found.get(match[1], (metres, name)), (metres, name))
    return {band: name for band, (_, name) in found.items()}


def _coarse(tree: Tree, pattern: re.Pattern[str]) -> str | None:
    """The file of a layer with the finest pixels."""
    matches = [(int(match[1]), name) for name in tree.names if (match := pattern.match(name))]
    return min(matches)[1] if matches else None


def _check_complete(path: Path, listed: list[str], there: dict[str, str], wanted: tuple[str, ...] | None) -> None:
    named = {match[1] for name in listed if (match := BAND.match(f"{name}.jp2"))}
    missing = sorted(named - there.keys())
    if not there:
        raise RasterError(f"{path}: holds none of its images (GRANULE/*/IMG_DATA/*.jp2); download it again")
    if missing and wanted is None:
        raise RasterError(
            f"{path}: lacks the images of {', '.join(missing)}, which its metadata list; download it again, or name the"
            f" bands to read (--bands {','.join(band for band in OPTICAL_BANDS if band in there)})"
        )
