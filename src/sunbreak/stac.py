"""The STAC item of a product: what it is, where it came from, and how to read its files.

Source: STAC specification 1.1.0 and the extensions projection 2.0, raster 2.0, file 2.1, processing 1.2,
classification 2.0 and eo 2.0.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pystac
from odc.geo.geobox import GeoBox
from rasterio.crs import CRS
from rasterio.warp import transform as warp

from sunbreak._version import __version__
from sunbreak.bands import OPTICAL_BANDS
from sunbreak.legend import LegendEntry

EXTENSIONS: Final = {
    name: f"https://stac-extensions.github.io/{name}/v{version}/schema.json"
    for name, version in {
        "projection": "2.0.0",
        "raster": "2.0.0",
        "file": "2.1.0",
        "processing": "1.2.0",
        "classification": "2.0.0",
        "eo": "2.0.0",
    }.items()
}
MISSION_START: Final = datetime(2015, 6, 23, tzinfo=UTC)
"""Launch of Sentinel-2A: the earliest date of a scene whose date is unknown."""
TOLD: Final = (
    "model", "precision", "runtime", "weights_sha256",
    "restored_by", "cloud_percent", "shadow_percent", "fitted_on_pixels", "radar_days",
    "quality_from", "mask_precision", "mask_sha256", "quality_map", "buffer", "offset",
    "adapted_seconds", "adapted_steps", "adapted_windows", "adapted_gain", "adapted_from_sha256", "seconds",
    "composite", "measured_percent", "empty_percent",
)  # fmt: skip
"""Attributes of a product that its item repeats."""
MEDIA: Final = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".vrt": "application/vnd.gdal.vrt+xml",
    ".png": "image/png",
    ".json": "application/json",
}
"""Media type of a file by its ending."""
OUTLINE_POINTS: Final = 5
"""Points on each side of the footprint: the sides of a UTM square are curved in longitude and latitude."""
SHA2_256: Final = "1220"
"""Multihash prefix: SHA2-256, 32 bytes."""


def make_item(out: Path, geobox: GeoBox, attrs: Mapping[str, Any], assets: Mapping[str, pystac.Asset]) -> pystac.Item:
    """Describe a product.

    Args:
        out: The product's final folder; its name becomes the item's id.
        geobox: The product's grid.
        attrs: Attributes of the product, see `steps.facts.facts` and `scene.make_scene`.
        assets: Assets by key, with paths relative to the folder.

    Returns:
        The item; not yet written.
    """
    known = attrs.get("datetime")
    now = datetime.now(UTC)
    properties: dict[str, Any] = {
        "created": pystac.utils.datetime_to_str(now),
        "updated": pystac.utils.datetime_to_str(now),
        "processing:software": {"sunbreak": __version__},
        "processing:level": attrs["level"],
        "processing:lineage": attrs.get("lineage")
        or f"Cloud and shadow restored by Sunbreak ({attrs.get('model', 'unknown')}).",
        **_projection(geobox),
    }
    for key, value in attrs.items():
        if key in TOLD:
            properties[f"sunbreak:{key}"] = value
    if attrs.get("reference_paths"):
        columns = {"path": "reference_paths", "datetime": "reference_datetimes", "radar": "reference_radar_paths"}
        properties["sunbreak:references"] = _rows(attrs, columns)
    if attrs.get("date_ids"):
        columns = {"id": "date_ids", "datetime": "date_datetimes", "unclear_percent": "date_unclear_percent"}
        properties["sunbreak:dates"] = _rows(attrs, columns)
    if attrs.get("platform"):
        properties["platform"] = attrs["platform"]
    geometry, bbox = _footprint(geobox)
    item = pystac.Item(
        id=out.resolve().name,
        geometry=geometry,
        bbox=bbox,
        datetime=_in_utc(known),
        start_datetime=None if known else _in_utc(attrs.get("start_datetime")) or MISSION_START,
        end_datetime=None if known else _in_utc(attrs.get("end_datetime")) or now,
        properties=properties,
        stac_extensions=list(EXTENSIONS.values()),
    )
    for key, asset in assets.items():
        item.add_asset(key, asset)
    for title, path in _inputs(attrs):
        target = path if "://" in path else os.path.relpath(Path(path).resolve(), out.resolve())
        item.add_link(pystac.Link("derived_from", target, title=title))
    return item


def _in_utc(told: str | None) -> datetime | None:
    when = datetime.fromisoformat(told) if told else None
    return when if when is None or when.tzinfo else when.replace(tzinfo=UTC)


def _inputs(attrs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Title and path of everything that a product was made from."""
    titles = ("optical", "radar", "dem", "quality", "reference", "reference_radar", "date")
    for title in titles:
        paths = attrs.get(f"{title}_paths", [attrs.get(f"{title}_path")])
        # an item that was in memory has a name, and no place
        there = (str(path) for path in paths if path and ("://" in str(path) or Path(path).exists()))
        yield from ((title.replace("_", " "), path) for path in there)


def _rows(attrs: Mapping[str, Any], columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of the attributes that are columns, without empty cells."""
    listed = {name: attrs[key] for name, key in columns.items() if key in attrs}
    rows = (dict(zip(listed, values, strict=True)) for values in zip(*listed.values(), strict=True))
    return [{name: value for name, value in row.items() if value not in (None, "")} for row in rows]


def _projection(geobox: GeoBox) -> dict[str, Any]:
    properties: dict[str, Any] = {"proj:shape": list(geobox.shape), "proj:code": None}
    if geobox.crs is None:
        return properties
    epsg = CRS.from_wkt(geobox.crs.to_wkt()).to_epsg()
    properties |= {"proj:code": f"EPSG:{epsg}"} if epsg else {"proj:wkt2": geobox.crs.to_wkt()}
    properties["proj:transform"] = list(geobox.affine)[:6]
    properties["proj:bbox"] = [round(value, 6) for value in geobox.boundingbox.bbox]
    return properties


def _footprint(geobox: GeoBox) -> tuple[dict[str, Any] | None, list[float] | None]:
    if geobox.crs is None:
        return None, None
    height, width = geobox.shape
    share = np.linspace(0, 1, OUTLINE_POINTS, endpoint=False)
    right, down, zero = share * width, share * height, np.zeros(OUTLINE_POINTS)
    cols = np.concatenate([zero, right, zero + width, width - right])
    rows = np.concatenate([down, zero + height, height - down, zero])
    affine = geobox.affine
    xs, ys = affine.a * cols + affine.b * rows + affine.c, affine.d * cols + affine.e * rows + affine.f
    lon, lat = warp(geobox.crs.to_wkt(), "EPSG:4326", xs, ys)
    ring = [[round(x, 7), round(y, 7)] for x, y in zip(lon, lat, strict=True)]
    bbox = [min(x for x, _ in ring), min(y for _, y in ring), max(x for x, _ in ring), max(y for _, y in ring)]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}, bbox


def file_asset(path: Path, title: str, roles: list[str], bands: list[dict[str, Any]]) -> pystac.Asset:
    """Describe a file with its checksum.

    Args:
        path: The finished file.
        title: Title in words.
        roles: STAC asset roles.
        bands: One dictionary a band, see `reflectance_bands` and `class_band`; none for files that are no rasters.

    Returns:
        The asset, with a path relative to the item.
    """
    fields: dict[str, Any] = {"file:size": path.stat().st_size, "file:checksum": SHA2_256 + _sha256(path)}
    if bands:
        fields["bands"] = bands
    return pystac.Asset(f"./{path.name}", title=title, media_type=MEDIA[path.suffix], roles=roles, extra_fields=fields)


def reflectance_bands(names: Sequence[str], stored: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Describe optical bands.

    Args:
        names: Band names.
        stored: `data_type`, `nodata`, `raster:scale`, `raster:offset` of the file.

    Returns:
        One dictionary a band.
    """
    given = {key: value for key, value in stored.items() if value is not None}
    return [
        {
            "name": name,
            "eo:common_name": OPTICAL_BANDS[name].common_name,
            "eo:center_wavelength": OPTICAL_BANDS[name].wavelength / 1000,
            "eo:full_width_half_max": OPTICAL_BANDS[name].width / 1000,
            **given,
        }
        for name in names
    ]


def class_objects(legend: Mapping[int, LegendEntry]) -> list[dict[str, Any]]:
    """Describe classes.

    Args:
        legend: Their codes.

    Returns:
        One dictionary a class, in the order of the legend.
    """
    return [
        {
            "value": int(code),
            "name": re.sub(r"[^0-9A-Za-z]+", "_", entry.name).strip("_") or f"class_{code}",
            "description": entry.name,
            "color_hint": "{:02X}{:02X}{:02X}".format(*entry.color),
        }
        for code, entry in legend.items()
    ]


def class_band(name: str, legend: Mapping[int, LegendEntry], nodata: int | None = None) -> dict[str, Any]:
    """Describe a band of class codes.

    Args:
        name: Name of the band.
        legend: Its codes.
        nodata: Code that means no data, None if the legend holds it.

    Returns:
        The band with its classes.
    """
    band = {"name": name, "data_type": "uint8", "classification:classes": class_objects(legend)}
    return band if nodata is None else band | {"nodata": nodata}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
