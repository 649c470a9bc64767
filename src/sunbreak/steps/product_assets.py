"""What the item of a product says of each of its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pystac

from sunbreak import stac
from sunbreak.bands import UNCERTAINTY_NODATA, UNCERTAINTY_SCALE
from sunbreak.inputs.product_files import MOSAIC, band_file
from sunbreak.legend import LAND_COVER_LEGEND, LAND_COVER_NODATA, QUALITY_LEGEND, SOURCE_LEGEND
from sunbreak.radiometry.dn import is_reflectance
from sunbreak.steps.gather import OBSERVATIONS


def product_assets(
    files: Mapping[str, Path], bands: Sequence[str], stored: Mapping[str, Any]
) -> dict[str, pystac.Asset]:
    """Describe the rasters of a product.

    Args:
        files: The finished files by their final name.
        bands: Names of the bands.
        stored: Encoding of reflectance, see `scene.optical.encoding`.

    Returns:
        The assets by their key.
    """
    nodata = stored["nodata"]
    fields = {"data_type": stored["dtype"], "nodata": "nan" if nodata is not None and np.isnan(nodata) else nodata}
    if not is_reflectance(stored):
        scale = 1 / stored["quantification"]
        fields |= {"raster:scale": scale, "raster:offset": stored["offset"] * scale}
    sigma = {"data_type": "uint16", "nodata": UNCERTAINTY_NODATA, "raster:scale": UNCERTAINTY_SCALE}
    classes = [stac.class_band("quality", QUALITY_LEGEND), stac.class_band("source", SOURCE_LEGEND)]
    mosaic, what = MOSAIC in files, "Composite" if "observations.tif" in files else "Restored"
    described = {
        "reflectance": (
            f"{what} reflectance",
            ["virtual", "reflectance"] if mosaic else ["data", "reflectance"],
            stac.reflectance_bands(bands, fields),
        ),
        "quality": ("Quality class and source of every pixel", ["data-mask", "metadata"], classes),
        "uncertainty": (
            f"1-sigma error of {what.lower()} reflectance",
            ["metadata"],
            stac.reflectance_bands(bands, sigma),
        ),
    }
    if "land_cover.tif" in files:
        described["land_cover"] = (
            "Land cover (ESA WorldCover classes) and its probability",
            ["data", "classification"],
            [
                stac.class_band("land_cover", LAND_COVER_LEGEND, LAND_COVER_NODATA),
                {"name": "probability", "data_type": "uint8", "nodata": LAND_COVER_NODATA, "unit": "%"},
            ],
        )
    if "observations.tif" in files:
        described["observations"] = (
            "Dates that measured a pixel, observations in its value, and the date that it comes from where it is one",
            ["metadata"],
            [{"name": name, "data_type": "uint16"} for name in OBSERVATIONS],
        )
    names = {key: f"{key}.tif" for key in described} | ({"reflectance": MOSAIC} if mosaic else {})
    assets = {
        key: stac.file_asset(files[names[key]], title, roles, bands) for key, (title, roles, bands) in described.items()
    }
    for band in bands if mosaic else ():
        about = stac.reflectance_bands([band], fields)
        assets[band] = stac.file_asset(
            files[band_file(band)], f"{what} reflectance, {band}", ["data", "reflectance"], about
        )
    return assets


def picture_asset(picture: Path, files: Mapping[str, Path]) -> pystac.Asset:
    """Describe the preview of a product.

    Args:
        picture: The file.
        files: The rasters of the product by their final name.

    Returns:
        The asset.
    """
    shown = ["Composite" if "observations.tif" in files else "Cloudy, restored", "quality", "uncertainty"]
    shown += [key.replace("_", " ") for key in ("land_cover", "observations") if f"{key}.tif" in files]
    return stac.file_asset(picture, ", ".join(shown), ["overview", "thumbnail"], [])
