"""STAC items as one scene: Sentinel-2 bands in files of their own, and terrain-corrected Sentinel-1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, NamedTuple

import pystac

from sunbreak.bands import RADAR_BANDS
from sunbreak.errors import GeometryError, InputError, OptionError
from sunbreak.inputs.assets import (
    Asset,
    classes_asset,
    locate,
    open_asset,
    optical_assets,
    probability_asset,
    radar_assets,
)
from sunbreak.inputs.signing import Sign, SignedAddress, SignedItem
from sunbreak.radiometry.names import band_from_name
from sunbreak.radiometry.product_metadata import read_bounded
from sunbreak.rasters.addresses import bare, fetch
from sunbreak.rasters.pooled import PooledRaster, Raster
from sunbreak.rasters.raster import RasterFile
from sunbreak.rasters.stack import AT_ONCE, BandStack

MAX_BYTES: Final = 256 << 20
"""Longest file of items; one item takes about 30 kB."""
MAX_ITEM: Final = 16 << 20
"""Longest item behind an address."""


class Item(NamedTuple):
    """A STAC item, and where it comes from."""

    content: dict[str, Any]
    """The item as published."""
    base: str | Path
    """What relative addresses start from: the folder of its file, or its own address."""
    name: str
    """Its file, its address without secrets, or its id."""


def items_in(content: Any) -> list[dict[str, Any]]:
    """The items of a parsed file.

    Args:
        content: An ItemCollection, or one item.

    Returns:
        Those that have assets and properties; empty if it is neither.
    """
    found = content.get("features", [content]) if isinstance(content, dict) else []
    listed = found if isinstance(found, list) else []
    items = [item for item in listed if isinstance(item, dict) and isinstance(item.get("assets"), dict)]
    return [item for item in items if isinstance(item.get("properties"), dict)]


def links(item: Mapping[str, Any], rel: str) -> list[dict[str, Any]]:
    """The links of a STAC object.

    Args:
        item: The object.
        rel: What they say they are.

    Returns:
        Those with an address.
    """
    listed = item.get("links")
    found = (link for link in listed if isinstance(link, dict)) if isinstance(listed, list) else ()
    return [link for link in found if link.get("rel") == rel and isinstance(link.get("href"), str)]


def read_items(path: Path) -> list[dict[str, Any]]:
    """Read a file of STAC items.

    Args:
        path: An ItemCollection (a FeatureCollection, as clients save what they have found) or one item.

    Returns:
        The items.

    Raises:
        OptionError: It is neither.
    """
    items = items_in(_parsed(str(path), read_bounded(path, limit=MAX_BYTES)))
    if not items:
        raise OptionError(f"{path}: holds no STAC items; save what a search has found as an ItemCollection")
    return items


def read_item(given: str | Path | Mapping[str, Any] | pystac.Item) -> Item:
    """Read one STAC item.

    Args:
        given: Its file, its address of http or https, or the item itself.

    Returns:
        The item.

    Raises:
        InputError: It cannot be read or fetched.
        OptionError: It holds no item, or several.
    """
    if isinstance(given, pystac.Item):
        own = given.get_self_href()
        content = given.to_dict(include_self_link=False, transform_hrefs=False)
        return Item(content, _base(own), bare(own) if own else str(given.id))
    if isinstance(given, Mapping):
        own = next((link["href"] for link in links(given, "self")), None)
        return Item(_only([dict(given)], str(given.get("id"))), _base(own), bare(own) if own else str(given.get("id")))
    text = str(given)
    if is_address(text):
        name = bare(text)
        return Item(_only(items_in(_parsed(name, _fetched(text, name))), name), text, name)
    return Item(_only(read_items(Path(text)), text), Path(text).resolve().parent, text)


def is_address(text: str) -> bool:
    """Whether a text is an address of the web.

    Args:
        text: As the user gave it.

    Returns:
        True for http and https.
    """
    return text.lower().startswith(("http://", "https://"))


def _base(own: str | None) -> str | Path:
    return Path() if own is None else own if is_address(own) else Path(own).resolve().parent


def _only(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    usable = items_in({"features": items})
    if len(usable) != 1:
        found = f"{len(usable)} STAC items" if usable else "no STAC item"
        raise OptionError(f"{name}: holds {found}, expected one with assets; give one item a scene")
    return usable[0]


def _fetched(address: str, name: str) -> bytes:
    accepted = {"Accept": "application/geo+json, application/json"}
    try:
        content = fetch(address, address, most=MAX_ITEM + 1, headers=accepted)
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise InputError(f"{name}: cannot be fetched ({reason}); check the address, or save the item") from None
    if len(content) > MAX_ITEM:
        raise InputError(f"{name}: is longer than {MAX_ITEM >> 20} MiB, which no STAC item is; check the address")
    return content


def _parsed(name: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{name}: not well-formed JSON ({error}); save the items again") from error


class OpticalRasters(NamedTuple):
    """The rasters of a Sentinel-2 product."""

    bands: BandStack
    """Reflectance, one band a file."""
    classes: Raster | None
    """Scene classification."""
    probability: Raster | None
    """Cloud probability in percent."""


def optical_rasters(
    item: Item, sign: str | Sign | None, wanted: tuple[str, ...] | None = None, *, local: bool = False
) -> OpticalRasters:
    """Open the rasters of a Sentinel-2 item.

    Args:
        item: The item.
        sign: What signs its addresses; None where they need no signing.
        wanted: Names of the bands to open; None for all.
        local: Refuse files behind an address.

    Returns:
        Its rasters; pixels are read when asked for.

    Raises:
        OptionError: It has no bands of Sentinel-2, or not those that are wanted.
        RasterError: One cannot be opened.
    """
    assets = optical_assets(item.content)
    if not assets:
        raise OptionError(f"{item.name}: has no bands of Sentinel-2 among its assets; give a Sentinel-2 item")
    chosen = {band: assets[band] for band in chosen_bands(item.name, tuple(assets), wanted)}
    layers = [classes_asset(item.content), probability_asset(item.content)]
    opened = _opened(item, [*chosen.values(), *(layer for layer in layers if layer)], sign, local=local)
    there = iter(opened[len(chosen) :])
    classes, probability = (next(there) if layer else None for layer in layers)
    return OpticalRasters(BandStack(Path(item.name), opened[: len(chosen)], tuple(chosen)), classes, probability)


def chosen_bands(name: str, there: tuple[str, ...], wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """The bands to open, of a product of one file per band.

    Args:
        name: Of the product, for the message.
        there: Its bands, in the order of the sensor.
        wanted: The user's option --bands; None for all.

    Returns:
        Those to open, in the order of the sensor.

    Raises:
        OptionError: One is not there.
    """
    if wanted is None:
        return there
    known = [band_from_name(text) for text in wanted]
    missing = [text for text, band in zip(wanted, known, strict=True) if band not in there]
    if missing:
        raise OptionError(f"{name}: has no band {', '.join(missing)}; there are {', '.join(there)}")
    return tuple(band for band in there if band in known)


def radar_rasters(item: Item, sign: str | Sign | None, *, local: bool = False) -> BandStack:
    """Open the rasters of a terrain-corrected Sentinel-1 item.

    Args:
        item: The item.
        sign: What signs its addresses; None where they need no signing.
        local: Refuse files behind an address.

    Returns:
        Its polarisations as one raster.

    Raises:
        OptionError: It has no polarisations of Sentinel-1.
        GeometryError: They are not terrain-corrected.
        RasterError: One cannot be opened.
    """
    assets = radar_assets(item.content)
    if not assets:
        raise OptionError(f"{item.name}: has no vv or vh among its assets; give a Sentinel-1 item")
    pols = [pol for pol in RADAR_BANDS if pol in assets] or list(assets)
    opened = _opened(item, [assets[pol] for pol in pols], sign, local=local)
    if any(one.has_gcps and one.crs is None for one in opened):
        raise GeometryError(
            f"{item.name}: holds ground range amplitudes (GRD); give an RTC item, or the GRD product itself as .SAFE"
        )
    return BandStack(Path(item.name), opened, pols)


def _opened(item: Item, assets: list[Asset], sign: str | Sign | None, *, local: bool) -> list[PooledRaster]:
    """Open assets side by side: over the network each header takes some round trips."""
    signed = None if sign is None else SignedItem(item.content, item.base, sign)

    def opened(asset: Asset) -> PooledRaster:
        if local:
            return RasterFile(locate(asset[1]["href"], item.base))
        address = None if signed is None else SignedAddress(signed, asset[0])
        return open_asset(asset[1]["href"], item.base, address)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(opened, assets))
