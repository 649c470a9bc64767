"""What STAC items say of Sentinel-2 images and of terrain-corrected Sentinel-1 images.

Source: STAC 1.0 and 1.1 with the extensions eo, projection and raster; asset names as Earth Search, Planetary Computer
and the Copernicus Data Space use them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from affine import Affine
from odc.geo.crs import CRS

from sunbreak.bands import OPTICAL_BANDS, RADAR_BANDS, Level
from sunbreak.data.archive.dates import day_of
from sunbreak.data.archive.images import AUTO
from sunbreak.data.archive.pixels import grid_of
from sunbreak.data.archive.remote import open_asset
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError, RadiometryError
from sunbreak.radiometry.metadata import merge
from sunbreak.radiometry.names import band_from_name, polarisation_from_name
from sunbreak.radiometry.product_metadata import from_stac, read_bounded
from sunbreak.rasters.crop import Bounds
from sunbreak.rasters.pixelmap import Grid, as_crs

MAX_BYTES: Final = 256 << 20
"""Longest file of items; one item takes about 30 kB."""
_METRES: Final = re.compile(r"[_-](\d+)m$")
_SENTINEL_2: Final = re.compile(r"sentinel-?2|^S2[A-D]?_", re.IGNORECASE)
_PICTURES: Final = {"thumbnail", "overview", "metadata"}


class OpticalItem(NamedTuple):
    """A Sentinel-2 item."""

    name: str
    """Its id."""
    day: date
    """When it was taken."""
    level: Level
    """Processing level."""
    offset: int
    """Number to add to the DN."""
    hrefs: Mapping[str, str]
    """Address of each band, in the order of `bands.OPTICAL_BANDS`."""
    classes: str | None
    """Address of the scene classification."""
    grid: Grid
    """Grid of its finest band."""
    bbox: Bounds | None
    """West, south, east, north in degrees."""
    licence: str
    """Licence, in words; empty when the item does not say."""


class RadarItem(NamedTuple):
    """A Sentinel-1 item."""

    name: str
    """Its id."""
    day: date
    """When it was taken."""
    hrefs: tuple[str, str]
    """Addresses of VV and VH."""
    bbox: Bounds | None
    """West, south, east, north in degrees."""


def read_items(path: Path) -> list[dict[str, Any]]:
    """Read a file of STAC items.

    Args:
        path: An ItemCollection (a FeatureCollection, as clients save what they have found) or one item.

    Returns:
        The items.

    Raises:
        OptionError: It is neither.
    """
    try:
        content = json.loads(read_bounded(path, limit=MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{path}: not well-formed JSON ({error}); save the items again") from error
    found = content.get("features", [content]) if isinstance(content, dict) else []
    listed = found if isinstance(found, list) else []
    items = [item for item in listed if isinstance(item, dict) and isinstance(item.get("assets"), dict)]
    items = [item for item in items if isinstance(item.get("properties"), dict)]
    if not items:
        raise OptionError(f"{path}: holds no STAC items; save what a search has found as an ItemCollection")
    return items


def understand_item(item: dict[str, Any], folder: Path, spec: Spec) -> OpticalItem | RadarItem:
    """Find out what an item is.

    Args:
        item: The item.
        folder: Folder of its file, which paths are relative to.
        spec: The SPEC, whose `level` and `offset` stand where the item does not tell.

    Returns:
        The item, understood.

    Raises:
        OptionError: It is neither Sentinel-2 nor Sentinel-1 with VV and VH, or has no day.
        RadiometryError: Its level or offset is unknown or contradictory.
        RasterError: Its finest band has to be opened and cannot be.
    """
    name = str(item.get("id"))
    moment = item["properties"].get("datetime") or item["properties"].get("start_datetime")
    day = day_of(moment if isinstance(moment, str) else None)
    if day is None:
        raise OptionError(f"{name}: tells no day; give items with datetime")
    radar = dict(sorted(_radar_hrefs(item)))
    if set(RADAR_BANDS) <= radar.keys():
        return RadarItem(name, day, (radar["VV"], radar["VH"]), _bbox(item))
    bands = _optical_assets(item)
    told_mission = [name, *(str(item["properties"].get(key)) for key in ("platform", "constellation"))]
    if not bands or not any(_SENTINEL_2.search(text) for text in (*told_mission, str(item.get("collection")))):
        raise OptionError(f"{name}: has no bands of Sentinel-2, and not VV and VH of Sentinel-1")
    level, offset = _radiometry(name, item, spec)
    finest = min(bands.values(), key=lambda asset: _metres(*asset))
    return OpticalItem(
        name=name,
        day=day,
        level=level,
        offset=offset,
        hrefs={band: bands[band][1]["href"] for band in OPTICAL_BANDS if band in bands},
        classes=_classes(item),
        grid=_grid(finest[1], item["properties"], folder),
        bbox=_bbox(item),
        licence=str(item["properties"].get("license") or ""),
    )


def _radiometry(name: str, item: dict[str, Any], spec: Spec) -> tuple[Level, int]:
    told = merge(from_stac(name, json.dumps({**item, "type": "Feature"}).encode()), name)
    level = told.level or (None if spec["level"] == AUTO else spec["level"])
    offset = told.offset if told.offset is not None else (None if spec["offset"] == AUTO else int(spec["offset"]))
    missing = "level" if level is None else "offset"
    if level is None or offset is None:
        raise RadiometryError(f"{name}: does not tell its {missing}; give {missing}= in the SPEC")
    for option, value in (("level", level), ("offset", str(offset))):
        if spec[option] not in (AUTO, value):
            raise RadiometryError(f"{name}: {option} is {value} according to {told.source}; leave out {option}=")
    return level, offset


def _assets(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, asset in item["assets"].items():
        usable = isinstance(asset, dict) and isinstance(asset.get("href"), str)
        if usable and not _PICTURES & set(asset.get("roles") or ()):
            yield key, asset


def _optical_assets(item: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The best asset of every band: readable before not, finer before coarser."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for key, asset in _assets(item):
        band = _band(key, asset)
        if band is not None and (band not in found or _rank(key, asset) < _rank(*found[band])):
            found[band] = key, asset
    return found


def _band(key: str, asset: dict[str, Any]) -> str | None:
    layers = asset.get("eo:bands") or asset.get("bands") or []
    if not isinstance(layers, list) or len(layers) > 1:  # a picture of several bands
        return None
    named = layers[0].get("name") if layers and isinstance(layers[0], dict) else None
    return band_from_name(key.split("-")[0]) or band_from_name(named if isinstance(named, str) else None)


def _rank(key: str, asset: dict[str, Any]) -> tuple[bool, float, str]:
    return not _readable(asset["href"]), _metres(key, asset), key


def _readable(href: str) -> bool:
    return not re.match(r"^[A-Za-z][A-Za-z0-9+.-]+:", href) or href.startswith(("http:", "https:", "file:"))


def _metres(key: str, asset: dict[str, Any]) -> float:
    """Pixel size of an asset; that of its band where it does not say."""
    for value in (asset.get("gsd"), asset.get("raster:spatial_resolution")):
        if isinstance(value, int | float):
            return float(value)
    named = _METRES.search(key)
    band = _band(key, asset)
    return float(named[1]) if named else float(OPTICAL_BANDS[band].resolution if band else 1e9)


def _classes(item: dict[str, Any]) -> str | None:
    layers = [(key, asset) for key, asset in _assets(item) if key.lower().startswith("scl")]
    best = min(layers, key=lambda layer: _rank(*layer), default=None)
    return best[1]["href"] if best else None


def _radar_hrefs(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, asset in _assets(item):
        pol = polarisation_from_name(key) if len(key) <= len("gamma0_vv") else None
        if pol is not None:
            yield pol, asset["href"]


def _bbox(item: dict[str, Any]) -> Bounds | None:
    box = item.get("bbox")
    if not isinstance(box, list) or len(box) not in (4, 6) or not all(isinstance(one, int | float) for one in box):
        return None
    half = len(box) // 2
    return float(box[0]), float(box[1]), float(box[half]), float(box[half + 1])


def _grid(asset: dict[str, Any], properties: dict[str, Any], folder: Path) -> Grid:
    """The grid as the projection extension has it; the file is opened only where that says nothing."""
    code = asset.get("proj:code") or properties.get("proj:code")
    epsg = asset.get("proj:epsg") or properties.get("proj:epsg")
    shape = asset.get("proj:shape") or properties.get("proj:shape")
    transform = asset.get("proj:transform") or properties.get("proj:transform")
    if (code or epsg) and isinstance(shape, list) and isinstance(transform, list) and len(transform) >= 6:
        crs = as_crs(CRS(str(code or f"EPSG:{epsg}")), "the item")
        return Grid(crs, Affine(*(float(value) for value in transform[:6])), (int(shape[0]), int(shape[1])))
    return grid_of(open_asset(asset["href"], folder))
