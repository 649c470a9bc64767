"""Read the metadata files that come beside the pixels: SAFE product and tile XML, STAC items.

Source: Sentinel-2 Products Specification Document 14.9; STAC 1.0 and 1.1 with the extensions raster, eo, view,
sentinel-2 and processing; `earthsearch:boa_offset_applied` as documented by Earth Search.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from sunbreak.bands import OFFSETS, QUANTIFICATION
from sunbreak.errors import InputError, RadiometryError
from sunbreak.radiometry.metadata import (
    Metadata,
    offset_from_baseline,
    offset_from_scaling,
    parse_datetime,
    parse_level,
)
from sunbreak.radiometry.names import band_from_name

MAX_BYTES: Final = 16 << 20
"""Longest metadata file that is parsed; real ones stay below 1 MiB."""


def read_bounded(path: str | Path, *, limit: int = MAX_BYTES) -> bytes:
    """Read a small file.

    Args:
        path: A local file.
        limit: Longest length in bytes.

    Returns:
        Its content.

    Raises:
        InputError: It is missing or too long; check the path.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', error)}); check the path") from error
    if len(content) > limit:
        raise InputError(f"{path}: is longer than {limit >> 20} MiB, which no metadata file is; check the path")
    return content


def read_metadata_file(path: str | Path) -> list[Metadata]:
    """Read `MTD_MSIL1C.xml`, `MTD_MSIL2A.xml`, `MTD_TL.xml` or a STAC item.

    Args:
        path: The file; XML and JSON are told apart by their content.

    Returns:
        One statement a source inside the file.

    Raises:
        InputError: The file is missing, too long, or neither of the two.
        RadiometryError: Its content is not that of a Sentinel-2 product, or contradicts itself.
    """
    content = read_bounded(path)
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        return from_safe(path, content)
    if start == b"{":
        return from_stac(path, content)
    raise InputError(f"{path}: neither XML of a SAFE product nor a STAC item in JSON; give one of them as --metadata")


def parse_xml(path: str | Path, content: bytes) -> Element:
    """Parse XML that nobody vouches for: no entities, no document type, nothing fetched.

    Args:
        path: Where it comes from, for messages.
        content: The document.

    Returns:
        Its root.

    Raises:
        InputError: It is not well-formed, or defines entities.
    """
    try:
        return defusedxml.ElementTree.fromstring(content, forbid_dtd=True)  # type: ignore[no-any-return]
    except DefusedXmlException as error:
        raise InputError(
            f"{path}: refused, it defines XML entities ({type(error).__name__}); give the original"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise InputError(f"{path}: not well-formed XML ({error}); download it again") from error


def image_files(content: bytes) -> list[str]:
    """The images that the metadata of a product list.

    Args:
        content: `MTD_MSIL1C.xml` or `MTD_MSIL2A.xml`, which `from_safe` has read before.

    Returns:
        Names below the root of the product, without ending.
    """
    root = parse_xml("the metadata", content)
    return [*_texts(root, "IMAGE_FILE"), *_texts(root, "IMAGE_FILE_2A")]


def from_safe(path: str | Path, content: bytes) -> list[Metadata]:
    """What the metadata of a SAFE product or tile say.

    Args:
        path: Where they come from, for messages.
        content: `MTD_MSIL1C.xml`, `MTD_MSIL2A.xml` or `MTD_TL.xml`.

    Returns:
        One statement a source.

    Raises:
        InputError: It is no such file.
        RadiometryError: Its quantification value or offset is unknown.
    """
    root = parse_xml(path, content)
    if not any(element.tag.endswith(("User_Product", "Tile_ID")) for element in root.iter()):
        raise InputError(f"{path}: not the metadata of a Sentinel-2 product or tile; give MTD_MSIL*.xml or MTD_TL.xml")
    name = Path(path).name
    for key in ("QUANTIFICATION_VALUE", "BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"):
        for text in _texts(root, key):
            if _float(text) != QUANTIFICATION:
                raise RadiometryError(f"{path}: {key} is {text}, expected {QUANTIFICATION}; not a product we know")
    statements = [
        Metadata(level=parse_level(text), source=f"{key} in {name}")
        for key in ("PROCESSING_LEVEL", "PRODUCT_TYPE")
        for text in _texts(root, key)
    ]
    for key in ("RADIO_ADD_OFFSET", "BOA_ADD_OFFSET"):
        for text in dict.fromkeys(_texts(root, key)):
            value = _float(text)
            if value not in OFFSETS:
                raise RadiometryError(f"{path}: {key} is {text}, expected {OFFSETS[1]} or 0; not a product we know")
            statements.append(Metadata(offset=int(value), source=f"{key} in {name}"))
    for text in _texts(root, "PROCESSING_BASELINE"):
        statements.append(Metadata(offset=offset_from_baseline(text), source=f"PROCESSING_BASELINE {text} in {name}"))
    times = [*_texts(root, "PRODUCT_START_TIME"), *_texts(root, "SENSING_TIME")]
    sun = next((element for element in root.iter() if _local(element) == "Mean_Sun_Angle"), None)
    zenith = _float(_first(sun, "ZENITH_ANGLE"))
    platform = _first(root, "SPACECRAFT_NAME")
    facts = Metadata(
        datetime=next((time for time in map(parse_datetime, times) if time), None),
        sun_azimuth=_float(_first(sun, "AZIMUTH_ANGLE")),
        sun_elevation=None if zenith is None else 90 - zenith,
        platform=platform.lower() if platform else None,
        source=name,
    )
    return [*statements, facts]


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _texts(root: Element, name: str) -> list[str]:
    return [(element.text or "").strip() for element in root.iter() if _local(element) == name]


def _first(root: Element | None, name: str) -> str | None:
    return next(iter(_texts(root, name)), None) if root is not None else None


def _float(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if abs(number) < 1e9 else None


def from_stac(path: str | Path, content: bytes) -> list[Metadata]:
    """What a STAC item says of its product.

    Args:
        path: Where it comes from, for messages.
        content: The item, JSON.

    Returns:
        Its statements, each with its source.

    Raises:
        InputError: It is not a STAC item.
    """
    try:
        item = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not well-formed JSON ({error}); download it again") from error
    if not isinstance(item, dict) or item.get("type") != "Feature" or not isinstance(item.get("properties"), dict):
        raise InputError(f"{path}: not a STAC item (a GeoJSON Feature with properties); give the item itself")
    return from_item(path, item)


def from_item(path: str | Path, item: dict[str, Any]) -> list[Metadata]:
    """What a parsed STAC item says of its product.

    Args:
        path: Where it comes from, for messages.
        item: The item, with properties.

    Returns:
        Its statements, each with its source.

    Raises:
        RadiometryError: A scale or offset is none of Sentinel-2 products.
    """
    properties, name = item["properties"], Path(path).name
    baseline = properties.get("s2:processing_baseline") or properties.get("processing:version")
    applied = properties.get("earthsearch:boa_offset_applied") is True
    statements = [Metadata(offset=0, source=f"earthsearch:boa_offset_applied in {name}")] if applied else []
    if not applied:
        statements += _asset_offsets(path, item.get("assets"))
        text = str(baseline) if baseline else None
        statements.append(
            Metadata(offset=offset_from_baseline(text), source=f"the processing baseline {text} in {name}")
        )
    for key, told in (
        ("processing:level", properties.get("processing:level")),
        ("s2:product_type", properties.get("s2:product_type")),
        ("collection", item.get("collection")),
    ):
        level = parse_level(told) if isinstance(told, str) else None
        statements.append(Metadata(level=level, source=f"{key} in {name}"))
    time, platform = properties.get("datetime") or properties.get("start_datetime"), properties.get("platform")
    facts = Metadata(
        datetime=parse_datetime(time),
        sun_azimuth=_float(properties.get("view:sun_azimuth")),
        sun_elevation=_float(properties.get("view:sun_elevation")),
        platform=platform.lower() if isinstance(platform, str) else None,
        source=name,
    )
    return [*statements, facts]


def _asset_offsets(path: str | Path, assets: object) -> list[Metadata]:
    """Offsets that `raster:bands` (STAC 1.0) or `bands` (STAC 1.1) of the reflectance assets state."""
    found: dict[int, Metadata] = {}
    for key, asset in assets.items() if isinstance(assets, dict) else ():
        if not isinstance(asset, dict) or band_from_name(key.split("-")[0]) is None:
            continue
        for layer in _layers(asset):
            scale = layer.get("scale", layer.get("raster:scale", asset.get("raster:scale")))
            offset = layer.get("offset", layer.get("raster:offset", asset.get("raster:offset")))
            if scale is None and offset is None:
                continue
            factor, shift = _float(1 if scale is None else scale), _float(0 if offset is None else offset)
            if factor is None or shift is None:
                raise RadiometryError(f"{path}: scale or offset of asset {key} is not a number; correct the item")
            value = offset_from_scaling(factor, shift, f"{path}, asset {key}")
            if value is not None:
                source = f"raster:bands of asset {key} in {Path(path).name}"
                found.setdefault(value, Metadata(offset=value, source=source))
    return list(found.values())


def _layers(asset: dict[str, Any]) -> list[dict[str, Any]]:
    for key in ("raster:bands", "bands"):
        layers = asset.get(key)
        if isinstance(layers, list) and layers:
            return [layer for layer in layers if isinstance(layer, dict)]
    return [{}]
