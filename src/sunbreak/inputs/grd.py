"""Sentinel-1 GRD products as ESA publishes them: SAFE folders and zips.

Source: Sentinel-1 Product Specification (S1-RS-MDA-52-7441), layout and names; COG_SAFE has the same.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sunbreak.bands import RADAR_BANDS, REFUSED_POLARISATIONS
from sunbreak.errors import InputError, RadiometryError, RasterError
from sunbreak.grd.annotation import Annotation, read_annotation
from sunbreak.grd.calibration import Noise, Table, read_calibration, read_noise
from sunbreak.grd.raster import GrdRaster
from sunbreak.inputs.safe import PRODUCT, RADAR, root_of
from sunbreak.inputs.tree import Tree, open_tree
from sunbreak.radiometry.metadata import Metadata, parse_datetime
from sunbreak.rasters.pooled import PooledRaster

COG: Final = "-cog"
TABLES: Final = "annotation/calibration/"
ANNOTATION: Final = re.compile(r"^annotation/(s1[a-d]-[^/]*)\.xml$")


def open_grd(path: Path) -> tuple[GrdRaster, Metadata]:
    """Open a Sentinel-1 GRD product.

    Args:
        path: The `.SAFE` folder, its zip archive, or its `manifest.safe`.

    Returns:
        Backscatter in the geometry of the radar, and when it was taken by what; pixels are read when asked for.

    Raises:
        InputError: It is no product of Sentinel-1, or its metadata cannot be read.
        RadiometryError: It holds no VV, or is no GRD.
        RasterError: A file is missing or cannot be opened.
    """
    tree = open_tree(path)
    root = _root(tree)
    if root is None:
        if any(map(PRODUCT.search, tree.names)):
            raise InputError(f"{path}: is a Sentinel-2 product; give it as the optical scene, Sentinel-1 as --radar")
        raise InputError(f"{path}: is no product; expected a Sentinel-1 GRD product (.SAFE or .zip)")
    tree = tree.under(root)
    found = {}
    for name in tree.names:
        match = ANNOTATION.match(name)
        if match is not None:
            annotation = read_annotation(tree.path / name, tree.read(name))
            found[annotation.polarisation] = match[1], annotation
    pols = [pol for pol in RADAR_BANDS if pol in found]
    if "VV" not in pols:
        reason = "polar acquisitions are not supported" if set(found) & set(REFUSED_POLARISATIONS) else "VV is missing"
        raise RadiometryError(f"{path}: holds {' and '.join(found)}; {reason}, give VV with VH")
    parts = [_part(path, tree, *found[pol]) for pol in pols]
    images, tables = [image for image, _ in parts], [table for _, table in parts]
    annotations = [found[pol][1] for pol in pols]
    if len({image.shape for image in images}) > 1:
        raise RasterError(f"{path}: its polarisations differ in size; download it again")
    first = annotations[0]
    told = Metadata(
        datetime=parse_datetime(first.start), platform=first.platform, source=f"the annotation of {path.name}"
    )
    return GrdRaster(path, images, annotations, tables), told


def _root(tree: Tree) -> str | None:
    found = root_of(tree, RADAR)
    return None if found is None else found.removesuffix("annotation").rstrip("/")


def _part(path: Path, tree: Tree, stem: str, annotation: Annotation) -> tuple[PooledRaster, tuple[Table, Noise]]:
    if annotation.kind != "GRD":
        raise RadiometryError(f"{path}: is {annotation.kind}, not GRD; give the ground range product (IW_GRDH)")
    image, *tables = (
        _named(path, tree, f"{place}{stem.removesuffix(COG)}", ending)
        for place, ending in (("measurement/", ".tiff"), (f"{TABLES}calibration-", ".xml"), (f"{TABLES}noise-", ".xml"))
    )
    raster = tree.raster(image)
    if raster.shape != annotation.shape or raster.dtype.kind != "u":
        raise RasterError(f"{path}: {image} is not the image that its annotation tells of; download it again")
    calibration, noise = ((tree.path / name, tree.read(name)) for name in tables)
    return raster, (read_calibration(*calibration), read_noise(*noise))


def _named(path: Path, tree: Tree, stem: str, ending: str) -> str:
    """A file of the product; in COG_SAFE names end in -cog."""
    found = [name for name in (stem + ending, stem + COG + ending) if name in tree.names]
    if not found:
        raise RasterError(f"{path}: lacks {stem}{ending}; download it again")
    return found[0]
