"""A simulated scene as ESA would publish it: a SAFE product of level 1C, to measure reading on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
from affine import Affine

from sunbreak.bands import L1C_BANDS, OPTICAL_BANDS
from sunbreak.rasters.pixelmap import compose
from sunbreak.steps.read import read

NAME: Final = "S2A_MSIL1C_20240527T102031_N0510_R065_T33UUT_20240527T141500.SAFE"
GRANULE: Final = "GRANULE/L1C_T33UUT_A046640_20240527T102031"
STEP: Final = 6
"""Sides are cut to multiples of a pixel of 60 m."""
METADATA: Final = """<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-1C_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-1C.xsd">
<n1:General_Info><Product_Info><PRODUCT_START_TIME>2024-05-27T10:20:31.024Z</PRODUCT_START_TIME>
<PROCESSING_LEVEL>Level-1C</PROCESSING_LEVEL><PROCESSING_BASELINE>05.10</PROCESSING_BASELINE></Product_Info>
<Product_Image_Characteristics><QUANTIFICATION_VALUE unit="none">10000</QUANTIFICATION_VALUE>
<Radiometric_Offset_List><RADIO_ADD_OFFSET band_id="0">-1000</RADIO_ADD_OFFSET></Radiometric_Offset_List>
</Product_Image_Characteristics></n1:General_Info></n1:Level-1C_User_Product>
"""


def safe_product(scene: Path) -> Path:
    """A SAFE product of a simulated scene, each band in lossless JPEG 2000 at its own pixel size.

    Args:
        scene: Folder of a simulated scene.

    Returns:
        The folder of the product.
    """
    path = scene / NAME
    if (path / "MTD_MSIL1C.xml").is_file():
        return path
    shutil.rmtree(path, ignore_errors=True)
    images = path / GRANULE / "IMG_DATA"
    images.mkdir(parents=True)
    cloudy = read(scene / "optical.tif")
    geobox, shape = cloudy.odc.geobox, [side // STEP * STEP for side in (cloudy.sizes["y"], cloudy.sizes["x"])]
    for band in L1C_BANDS:
        factor = OPTICAL_BANDS[band].resolution // 10
        fine = cloudy["optical"].sel(band=band).values[: shape[0] : factor, : shape[1] : factor]
        stored = np.clip(np.rint(fine * 10_000) + 1000, 1, 65_535).astype(np.uint16)
        profile = {"width": stored.shape[1], "height": stored.shape[0], "count": 1, "dtype": "uint16"}
        place = {"crs": geobox.crs.to_wkt(), "transform": compose(geobox.affine, Affine.scale(factor))}
        with rasterio.open(
            images / f"T33UUT_20240527T102031_{band}.jp2", "w", driver="JP2OpenJPEG", QUALITY="100", REVERSIBLE="YES",
            **profile, **place,
        ) as file:  # fmt: skip
            file.write(stored, 1)
    (path / "MTD_MSIL1C.xml").write_text(METADATA, encoding="utf-8")
    return path
