"""Which asset of a STAC item is which band, and the raster behind it.

Source: STAC 1.0 and 1.1 with the extensions eo and raster; asset names as Earth Search, Planetary Computer and the
Copernicus Data Space use them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

from sunbreak.bands import OPTICAL_BANDS
from sunbreak.errors import RasterError
from sunbreak.radiometry.names import band_from_name, polarisation_from_name
from sunbreak.rasters.addresses import bare, check_reach
from sunbreak.rasters.pooled import PooledRaster
from sunbreak.rasters.raster import RasterFile
from sunbreak.rasters.remote import Address, RemoteRaster

Asset = tuple[str, dict[str, Any]]
"""Key and content."""
_WEB: Final = ("http://", "https://")
_SCHEME: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")
_METRES: Final = re.compile(r"[_-](\d+)m$")
_PICTURES: Final = {"thumbnail", "overview", "metadata"}
_CLASSES: Final = re.compile(r"^scl(?![a-z])", re.IGNORECASE)
_PROBABILITY: Final = re.compile(r"^(cloud|cld|(msk_)?cldprb(_20m)?)$", re.IGNORECASE)
_LONGEST_POL: Final = len("gamma0_vv")


def optical_assets(item: Mapping[str, Any]) -> dict[str, Asset]:
    """The best asset of every band: readable before not, finer before coarser.

    Args:
        item: A STAC item.

    Returns:
        Key and asset by band, in the order of `bands.OPTICAL_BANDS`.
    """
    found: dict[str, Asset] = {}
    for key, asset in _assets(item):
        band = _band(key, asset)
        if band is not None and (band not in found or _rank(key, asset) < _rank(*found[band])):
            found[band] = key, asset
    return {band: found[band] for band in OPTICAL_BANDS if band in found}


def classes_asset(item: Mapping[str, Any]) -> Asset | None:
    """The asset of the scene classification.

    Args:
        item: A STAC item.

    Returns:
        Key and asset; None without one.
    """
    return _best(item, is_classes)


def probability_asset(item: Mapping[str, Any]) -> Asset | None:
    """The asset of the cloud probability.

    Args:
        item: A STAC item.

    Returns:
        Key and asset; None without one.
    """
    return _best(item, is_probability)


def is_classes(name: str) -> bool:
    """Whether a name is that of a scene classification."""
    return _CLASSES.match(name) is not None


def is_probability(name: str) -> bool:
    """Whether a name is that of a cloud probability."""
    return _PROBABILITY.match(name) is not None


def radar_assets(item: Mapping[str, Any]) -> dict[str, Asset]:
    """The assets of the polarisations.

    Args:
        item: A STAC item.

    Returns:
        Key and asset by polarisation.
    """
    found: dict[str, Asset] = {}
    for key, asset in sorted(_assets(item)):
        pol = polarisation_from_name(key) if len(key) <= _LONGEST_POL else None
        if pol is not None:
            found.setdefault(pol, (key, asset))
    return found


def _best(item: Mapping[str, Any], named: Callable[[str], bool]) -> Asset | None:
    return min((one for one in _assets(item) if named(one[0])), key=lambda one: _rank(*one), default=None)


def _assets(item: Mapping[str, Any]) -> Iterator[Asset]:
    for key, asset in item["assets"].items():
        usable = isinstance(asset, dict) and isinstance(asset.get("href"), str)
        roles = asset.get("roles") if usable else None
        if usable and not (isinstance(roles, list) and any(role in roles for role in _PICTURES)):
            yield key, asset


def _band(key: str, asset: dict[str, Any]) -> str | None:
    layers = asset.get("eo:bands") or asset.get("bands") or []
    if not isinstance(layers, list) or len(layers) > 1:  # a picture of several bands
        return None
    named = layers[0].get("name") if layers and isinstance(layers[0], dict) else None
    return band_from_name(key.split("-")[0]) or band_from_name(named if isinstance(named, str) else None)


def _rank(key: str, asset: dict[str, Any]) -> tuple[int, float, str]:
    scheme = _SCHEME.match(asset["href"])
    # keys of S3 may be missing where http asks for none
    ranks = {"http": 0, "https": 0, "file": 0, "s3": 1}
    return ranks.get(scheme[1].lower(), 2) if scheme else 0, metres(key, asset), key


def metres(key: str, asset: Mapping[str, Any]) -> float:
    """Pixel size of an asset; that of its band where it does not say.

    Args:
        key: Its key.
        asset: Its content.

    Returns:
        Metres.
    """
    for value in (asset.get("gsd"), asset.get("raster:spatial_resolution")):
        if isinstance(value, int | float):
            return float(value)
    named = _METRES.search(key)
    band = _band(key, dict(asset))
    return float(named[1]) if named else float(OPTICAL_BANDS[band].resolution if band else 1e9)


def locate(href: str, base: str | Path) -> str:
    """The place of an asset.

    Args:
        href: Its address as the item has it: http, https, s3, a file URL, or a path.
        base: What relative paths start from: the folder of a local item, or the address of a remote one, which may not
            name files of this machine.

    Returns:
        An address of http, https or s3, or a local path.

    Raises:
        RasterError: A remote item names a local file.
        InputError: It names an address further inside than its own, see `rasters.addresses`.
    """
    scheme = _SCHEME.match(href)
    if isinstance(base, Path):
        if scheme is not None and scheme[1].lower() == "file":
            return unquote(urlsplit(href).path)
        if scheme is None:
            return str(base / href)
        if href.lower().startswith(_WEB):
            check_reach(href, base)
        return href
    try:
        found = urljoin(base, href)
    except ValueError:
        raise RasterError(f"{href}: is no address; correct the item") from None
    if not found.lower().startswith(("s3://", *_WEB)):
        raise RasterError(
            f"{bare(href)}: a remote item may not name files of this machine; save the item, and its files"
        )
    check_reach(found, base)
    return found


def open_asset(href: str, base: str | Path, address: Address | None = None) -> PooledRaster:
    """Open the raster of a STAC asset.

    Args:
        href: Its address as the item has it.
        base: What relative paths start from, see `locate`.
        address: Tells the present address of a remote file, where that has to be signed.

    Returns:
        The raster.

    Raises:
        RasterError: It is elsewhere, missing, or no GeoTIFF or JPEG 2000.
    """
    place = locate(href, base)
    return RemoteRaster(address or place, base) if _SCHEME.match(place) else RasterFile(place)
