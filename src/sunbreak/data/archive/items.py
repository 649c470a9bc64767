"""What STAC items say of Sentinel-2 images and of terrain-corrected Sentinel-1 images.

Source: STAC 1.0 and 1.1 with the extension projection; the assets see `sunbreak.inputs.assets`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from affine import Affine

from sunbreak.bands import RADAR_BANDS, Level
from sunbreak.data.archive.dates import day_of
from sunbreak.data.archive.images import AUTO
from sunbreak.data.archive.pixels import grid_of
from sunbreak.data.spec import Spec
from sunbreak.errors import GeometryError, OptionError, RadiometryError
from sunbreak.inputs.assets import classes_asset, metres, open_asset, optical_assets, radar_assets
from sunbreak.radiometry.metadata import merge
from sunbreak.radiometry.product_metadata import from_item
from sunbreak.rasters.crop import Bounds
from sunbreak.rasters.crs import crs_of_code
from sunbreak.rasters.pixelmap import Grid
from sunbreak.rasters.raster import MAX_SIDE

_SENTINEL_2: Final = re.compile(r"sentinel-?2|^S2[A-D]?_", re.IGNORECASE)


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


def understand_item(item: dict[str, Any], base: str | Path, spec: Spec) -> OpticalItem | RadarItem:
    """Find out what an item is.

    Args:
        item: The item.
        base: What relative addresses start from, see `inputs.assets.locate`.
        spec: The SPEC, whose `level` and `offset` stand where the item does not tell.

    Returns:
        The item, understood.

    Raises:
        OptionError: It is neither Sentinel-2 nor Sentinel-1 with VV and VH, or has no day.
        RadiometryError: Its level or offset is unknown or contradictory.
        GeometryError: What it says of its grid cannot be.
        RasterError: Its finest band has to be opened and cannot be.
    """
    name = str(item.get("id"))
    moment = item["properties"].get("datetime") or item["properties"].get("start_datetime")
    day = day_of(moment if isinstance(moment, str) else None)
    if day is None:
        raise OptionError(f"{name}: tells no day; give items with datetime")
    radar = radar_assets(item)
    if set(RADAR_BANDS) <= radar.keys():
        vv, vh = (radar[pol][1]["href"] for pol in RADAR_BANDS)
        return RadarItem(name, day, (vv, vh), _bbox(item))
    bands = optical_assets(item)
    told_mission = [name, *(str(item["properties"].get(key)) for key in ("platform", "constellation"))]
    if not bands or not any(_SENTINEL_2.search(text) for text in (*told_mission, str(item.get("collection")))):
        raise OptionError(f"{name}: has no bands of Sentinel-2, and not VV and VH of Sentinel-1")
    level, offset = _radiometry(name, item, spec)
    finest = min(bands.values(), key=lambda asset: metres(*asset))
    classes = classes_asset(item)
    return OpticalItem(
        name=name,
        day=day,
        level=level,
        offset=offset,
        hrefs={band: asset["href"] for band, (_, asset) in bands.items()},
        classes=classes[1]["href"] if classes else None,
        grid=_grid(finest[1], item["properties"], base),
        bbox=_bbox(item),
        licence=str(item["properties"].get("license") or ""),
    )


def _radiometry(name: str, item: dict[str, Any], spec: Spec) -> tuple[Level, int]:
    told = merge(from_item(name, item), name)
    level = told.level or (None if spec["level"] == AUTO else spec["level"])
    offset = told.offset if told.offset is not None else (None if spec["offset"] == AUTO else int(spec["offset"]))
    missing = "level" if level is None else "offset"
    if level is None or offset is None:
        raise RadiometryError(f"{name}: does not tell its {missing}; give {missing}= in the SPEC")
    for option, value in (("level", level), ("offset", str(offset))):
        if spec[option] not in (AUTO, value):
            raise RadiometryError(f"{name}: {option} is {value} according to {told.source}; leave out {option}=")
    return level, offset


def _bbox(item: dict[str, Any]) -> Bounds | None:
    box = item.get("bbox")
    if not isinstance(box, list) or len(box) not in (4, 6) or not all(isinstance(one, int | float) for one in box):
        return None
    half = len(box) // 2
    return float(box[0]), float(box[1]), float(box[half]), float(box[half + 1])


def _grid(asset: dict[str, Any], properties: dict[str, Any], base: str | Path) -> Grid:
    """The grid as the projection extension has it; the file is opened only where that says nothing."""
    code = asset.get("proj:code") or properties.get("proj:code")
    epsg = asset.get("proj:epsg") or properties.get("proj:epsg")
    shape = asset.get("proj:shape") or properties.get("proj:shape")
    transform = asset.get("proj:transform") or properties.get("proj:transform")
    if (code or epsg) and isinstance(shape, list) and isinstance(transform, list) and len(transform) >= 6:
        crs = crs_of_code(str(code or f"EPSG:{epsg}"), "the item")
        try:
            affine, (height, width) = Affine(*(float(value) for value in transform[:6])), map(int, shape)
        except (TypeError, ValueError, OverflowError) as error:
            raise GeometryError(f"the item: its proj:transform or proj:shape is none ({error}); correct it") from error
        if not (affine.a and affine.e and 0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
            raise GeometryError(f"the item: its proj:shape is {height} x {width}, or its pixels are none; correct it")
        return Grid(crs, affine, (height, width))
    return grid_of(open_asset(asset["href"], base))
