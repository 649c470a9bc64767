"""The reflectance of a finished product: one file of all bands, or one file a band and a VRT over them.

The VRT is for other programs; here the bands are found by their names, as a VRT could point anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from odc.geo.geobox import GeoBox

from sunbreak.bands import OPTICAL_BANDS
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.raster import RasterFile
from sunbreak.rasters.stack import BandStack

REFLECTANCE: Final = "reflectance.tif"
"""All bands in one file."""
MOSAIC: Final = "reflectance.vrt"
"""All bands as one raster, over one file a band."""
BAND_FILE: Final = re.compile(r"reflectance_(B\d\d|B8A)\.tif")
"""Names of the files of single bands."""
PART: Final = "files-"
"""Beginning of the name of the folder that holds the files of a product of an object store, below its item."""
_BELOW: Final = re.compile(rf"(?:\./)?({PART}[0-9a-f]+)/[^/]+")
GDAL_TYPES: Final = {"uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "int32": "Int32",
                     "float32": "Float32", "float64": "Float64"}  # fmt: skip
"""Data types in the words of GDAL."""
COLOURS: Final = {"B04": "Red", "B03": "Green", "B02": "Blue"}


def band_file(band: str) -> str:
    """Name of the file of a band.

    Args:
        band: Name of the band.

    Returns:
        The name inside the folder of the product.

    Example:
        >>> band_file("B8A")
        'reflectance_B8A.tif'
    """
    return f"reflectance_{band}.tif"


def files_of(folder: Path) -> Path:
    """Where the files of a product lie.

    Args:
        folder: Its folder.

    Returns:
        The same, or the one below it that the item of a product of an object store names (`sunbreak run -o s3://...`).
    """
    try:
        href = json.loads((folder / "item.json").read_text(encoding="utf-8"))["assets"]["quality"]["href"]
        below = _BELOW.fullmatch(href)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return folder
    return folder / below[1] if below else folder


def is_product(folder: Path) -> bool:
    """Whether a folder holds restored reflectance.

    Args:
        folder: The folder.

    Returns:
        True if it does, in either form.
    """
    folder = files_of(folder)
    return (folder / REFLECTANCE).is_file() or (folder / MOSAIC).is_file()


def open_reflectance(folder: Path) -> Raster:
    """Open the reflectance of a product.

    Args:
        folder: Its folder.

    Returns:
        The bands as one raster.

    Raises:
        RasterError: A file is missing or unreadable.
    """
    folder = files_of(folder)
    if (folder / REFLECTANCE).is_file() or not (folder / MOSAIC).is_file():
        return RasterFile(folder / REFLECTANCE)
    bands = [band for band in OPTICAL_BANDS if (folder / band_file(band)).is_file()]
    return BandStack(folder / MOSAIC, [RasterFile(folder / band_file(band)) for band in bands], bands)


def write_mosaic(path: Path, geobox: GeoBox, bands: Sequence[str], stored: tuple[str, float | None]) -> None:
    """Write the VRT over the files of the bands beside it.

    Args:
        path: The VRT.
        geobox: Their grid.
        bands: Their names.
        stored: Data type, and the value that means no data.

    Source: GDAL's VRT format.
    """
    height, width = geobox.shape
    affine, (dtype, nodata) = geobox.affine, stored
    size = f'xOff="0" yOff="0" xSize="{width}" ySize="{height}"'
    lines = [f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">']
    if geobox.crs is not None:
        lines.append(f'  <SRS dataAxisToSRSAxisMapping="1,2">{escape(geobox.crs.to_wkt())}</SRS>')
        corner = (affine.c, affine.a, affine.b, affine.f, affine.d, affine.e)
        lines.append(f"  <GeoTransform>{', '.join(repr(float(value)) for value in corner)}</GeoTransform>")
    for number, band in enumerate(bands, start=1):
        lines.append(f'  <VRTRasterBand dataType="{GDAL_TYPES[dtype]}" band="{number}">')
        lines.append(f"    <Description>{band}</Description>")
        lines += [] if nodata is None else [f"    <NoDataValue>{nodata}</NoDataValue>"]
        lines += [f"    <ColorInterp>{COLOURS[band]}</ColorInterp>"] if band in COLOURS else []
        lines += [
            "    <SimpleSource>",
            f'      <SourceFilename relativeToVRT="1">{band_file(band)}</SourceFilename>',
            "      <SourceBand>1</SourceBand>",
            f"      <SrcRect {size}/>",
            f"      <DstRect {size}/>",
            "    </SimpleSource>",
            "  </VRTRasterBand>",
        ]
    path.write_text("\n".join([*lines, "</VRTDataset>", ""]), encoding="utf-8")
