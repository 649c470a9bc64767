"""What a catalogue holds of an area and a period: a STAC API through pystac-client, a static catalogue through pystac.

Source: STAC extensions grid, mgrs, eo and sat for the tile, cloud cover and orbit of an item.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

import pystac
from pystac.errors import STACError
from pystac.stac_io import DefaultStacIO
from shapely import make_valid, union_all
from shapely.errors import ShapelyError
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from sunbreak.bands import RADAR_BANDS
from sunbreak.data.archive.search import is_api, search_api
from sunbreak.errors import InputError, OptionError
from sunbreak.inputs.assets import locate, optical_assets, radar_assets
from sunbreak.inputs.items import MAX_BYTES, is_address, items_in, links
from sunbreak.radiometry.product_metadata import read_bounded
from sunbreak.rasters.addresses import bare, fetch
from sunbreak.rasters.crop import Bounds, bounds_of_geojson
from sunbreak.scale.pair import Image

COLLECTIONS: Final = ("sentinel-2-l2a",)
"""Of optical items, as most catalogues call them."""
RADAR_COLLECTIONS: Final = ("sentinel-1-rtc",)
"""Of radar items, terrain-corrected."""
MOST: Final = 1_000_000
"""Items of one plan; a catalogue that never ends would be read for ever."""
NO_TILE: Final = "no-tile"
"""Tile of items that tell none."""
_TILE: Final = re.compile(r"(?:^|_)T?(\d{1,2}[C-HJ-NP-X][A-HJ-NP-Z]{2})(?:_|$)")


def find(
    catalogue: str,
    area: BaseGeometry,
    days: tuple[date, date],
    *,
    max_cloud: float = 100.0,
    collections: Sequence[str] = COLLECTIONS,
    radar_collections: Sequence[str] = RADAR_COLLECTIONS,
    radar_days: float = 0.0,
) -> tuple[list[Image], list[Image]]:
    """Find the optical items of an area and a period, and the radar items around them.

    Args:
        catalogue: Address of a STAC API, or address or path of a static catalogue that ends in `.json`.
        area: The area in degrees; what only touches its bounds is left out.
        days: First and last day, both included.
        max_cloud: Most cloud in percent; items that do not tell theirs are kept.
        collections: Collections of optical items.
        radar_collections: Collections of radar items.
        radar_days: Days before and after within which radar is looked for.

    Returns:
        Optical and radar images; the search for radar covers the whole footprint of every scene that was found.

    Raises:
        OptionError: Nothing is found, the days lead out of the calendar, or pystac-client is not installed.
        InputError: The catalogue cannot be read.
    """
    try:
        apart = timedelta(days=radar_days)
        around_days = days[0] - apart, days[1] + apart
    except OverflowError:
        raise OptionError("--dates, --radar-days: lead out of the years 1 to 9999; give fewer days") from None
    west, south, east, north = area.bounds
    items = _search(catalogue, collections, (west, south, east, north), days)
    optical = [image for item in items if optical_assets(item) and (image := _image(item, catalogue)) is not None]
    optical = [image for image in optical if image.outline.intersects(area)]
    optical = [image for image in optical if image.cloud is None or image.cloud <= max_cloud]
    if not optical:
        raise OptionError(
            f"{bare(catalogue)}: finds nothing of {', '.join(collections)} there; check --bbox or --aoi, --dates,"
            " --max-cloud and --collection"
        )
    west, south, east, north = union_all([image.outline for image in optical]).bounds
    around = _search(catalogue, radar_collections, (west, south, east, north), around_days)
    usable = (item for item in around if set(RADAR_BANDS) <= radar_assets(item).keys())
    return optical, [image for item in usable if (image := _image(item, catalogue)) is not None]


def area_of_geojson(path: str | Path) -> BaseGeometry:
    """The area that a GeoJSON file describes.

    Args:
        path: The file; longitude and latitude.

    Returns:
        All its geometries as one.

    Raises:
        OptionError: It is no GeoJSON, or not in longitude and latitude.
    """
    bounds_of_geojson(path)
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        return union_all([make_valid(shape(geometry)) for geometry in _geometries(content)])
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise OptionError(f"{path}: not readable as GeoJSON ({error}); export it again") from error


def _geometries(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if content.get("type") == "FeatureCollection":
        for feature in content["features"]:
            yield from _geometries(feature)
    else:
        yield content["geometry"] if content.get("type") == "Feature" else content


def _search(
    catalogue: str, collections: Sequence[str], bounds: Bounds, days: tuple[date, date]
) -> Iterable[dict[str, Any]]:
    if is_api(catalogue) and not bare(catalogue).lower().endswith(".json"):
        period = f"{days[0]}T00:00:00Z/{days[1]}T23:59:59Z"
        found = search_api(catalogue, collections, bounds, period, most=MOST + 1)
        return (item for item in _bounded(found, catalogue) if items_in(item) and "id" in item)
    return _walk(catalogue, collections, box(*bounds), days)


def _bounded(items: Iterable[dict[str, Any]], catalogue: str) -> Iterator[dict[str, Any]]:
    for number, item in enumerate(items, start=1):
        if number > MOST:
            raise OptionError(f"{bare(catalogue)}: finds more than {MOST} items; plan a smaller area, or fewer days")
        yield item


def _walk(
    catalogue: str, collections: Sequence[str], area: BaseGeometry, days: tuple[date, date]
) -> Iterator[dict[str, Any]]:
    try:
        for item in pystac.Catalog.from_file(catalogue, _CarefulIO(catalogue)).get_items(recursive=True):
            content = item.to_dict(transform_hrefs=False)
            outline, moment = _outline(content), _moment(content)
            if item.collection_id not in collections or outline is None or moment is None:
                continue
            if outline.intersects(area) and days[0] <= moment.date() <= days[1]:
                yield content
    except (STACError, OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        if isinstance(error.__cause__, InputError):  # pystac makes errors of its own of all others
            raise error.__cause__ from None
        told = str(error).strip().splitlines() or [type(error).__name__]
        why = "its links lead to itself, or too deep" if isinstance(error, RecursionError) else told[0]
        raise InputError(f"{bare(catalogue)}: cannot be read as a STAC catalogue ({why})") from error


class _CarefulIO(DefaultStacIO):
    """Follows the links of a catalogue as far as they may lead."""

    def __init__(self, catalogue: str) -> None:
        super().__init__()
        self._read = 0
        self._by = catalogue if is_address(catalogue) else Path(catalogue).absolute()

    def read_text_from_href(self, href: str, *_: Any, **__: Any) -> str:
        self._read += 1
        if self._read > MOST:
            raise InputError(f"{bare(str(self._by))}: holds more than {MOST} items; plan with a part of it")
        place = locate(href, self._by.parent if isinstance(self._by, Path) else self._by)
        try:
            if is_address(place):
                content = fetch(place, self._by, most=MAX_BYTES + 1, headers={"Accept": "application/json"})
            else:
                content = read_bounded(place, limit=MAX_BYTES)
        except HTTPException as error:
            raise InputError(f"{bare(place)}: cannot be fetched ({type(error).__name__})") from error
        if len(content) > MAX_BYTES:
            raise InputError(f"{bare(place)}: is longer than {MAX_BYTES >> 20} MiB, which no catalogue is")
        return content.decode("utf-8")


def _image(item: Mapping[str, Any], catalogue: str) -> Image | None:
    """What pairing has to know; None for items without address, time or place, which nobody could restore."""
    own = next((link["href"] for link in links(item, "self")), None)
    moment, outline = _moment(item), _outline(item)
    if own is None or moment is None or outline is None:
        return None
    if is_address(catalogue):
        locate(own, catalogue)  # the plan names it, as if the user had
    properties, cloud = item["properties"], item["properties"].get("eo:cloud_cover")
    return Image(
        str(item["id"]), bare(own), moment, outline, _tile(item),
        float(cloud) if isinstance(cloud, int | float) else None, str(properties.get("sat:orbit_state") or ""),
    )  # fmt: skip


def _moment(item: Mapping[str, Any]) -> datetime | None:
    text = item["properties"].get("datetime") or item["properties"].get("start_datetime")
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _outline(item: Mapping[str, Any]) -> BaseGeometry | None:
    try:
        if item.get("geometry"):
            return shape(item["geometry"]).buffer(0)
        bounds = item["bbox"]
        return box(*bounds[:2], *bounds[len(bounds) // 2 :][:2])
    except (ShapelyError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _tile(item: Mapping[str, Any]) -> str:
    told = item["properties"]
    parts = [told.get(f"mgrs:{name}") for name in ("utm_zone", "latitude_band", "grid_square")]
    code, found = str(told.get("grid:code") or ""), _TILE.search(str(item["id"]))
    named = told.get("s2:mgrs_tile") or ("".join(map(str, parts)) if all(parts) else "")
    return str(named or (code.startswith("MGRS-") and code.removeprefix("MGRS-")) or (found and found[1]) or NO_TILE)
