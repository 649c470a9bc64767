"""What a file says about itself: level, offset, date, sun, platform; one statement a source, conflicts are errors.

Source: GDAL raster data model (tag names of its Sentinel-2 and Sentinel-1 drivers); Sentinel-2 Products Specification
Document 14.9 (product names, processing baselines, radiometric offset).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sunbreak.bands import LEVELS, OFFSET_BASELINE, OFFSETS, QUANTIFICATION, Level
from sunbreak.errors import RadiometryError

CUSTOM_BASELINE: Final = 99.0
"""Baselines from here on (N9999) mark products made by a user's own processor; their offset is unknown."""

_DATE_TAGS: Final = (
    "PRODUCT_START_TIME",
    "ACQUISITION_START_TIME",
    "DATATAKE_1_DATATAKE_SENSING_START",
    "ACQUISITIONDATETIME",
)
_PLATFORM_TAGS: Final = ("DATATAKE_1_SPACECRAFT_NAME", "SPACECRAFT_NAME", "SATELLITE_IDENTIFIER", "SATELLITEID")
_OFFSET_TAGS: Final[dict[Level, str]] = {"L1C": "RADIO_ADD_OFFSET", "L2A": "BOA_ADD_OFFSET"}


@dataclass(frozen=True)
class Metadata:
    """Facts from one source, or merged from several; None where nothing is said."""

    level: Level | None = None
    """Processing level."""
    offset: int | None = None
    """Number to add to the DN."""
    datetime: str | None = None
    """Time of acquisition, ISO 8601 in UTC."""
    sun_azimuth: float | None = None
    """Degrees clockwise from north, 0-360."""
    sun_elevation: float | None = None
    """Degrees above the horizon, -90 to 90."""
    platform: str | None = None
    """For example `sentinel-2a`."""
    bands: tuple[str, ...] | None = None
    """Band names in the order of the file, as the source spells them."""
    source: str = ""
    """Where this stands, in words for a message."""


def merge(statements: Iterable[Metadata], path: str | Path) -> Metadata:
    """Bring the statements of several sources together.

    Args:
        statements: In the order of trust: where dates or angles differ, the first one stands.
        path: The file that they describe, for the message.

    Returns:
        The merged facts.

    Raises:
        RadiometryError: Two sources disagree on level or offset; correct the one that is wrong.

    Example:
        >>> merge([Metadata(level="L1C", source="its name"), Metadata(offset=0, source="its tags")], "s2.tif").offset
        0
    """
    known = [statement for statement in statements if statement != Metadata(source=statement.source)]
    facts: dict[str, object] = {}
    for name in (field.name for field in dataclasses.fields(Metadata) if field.name != "source"):
        told = [(getattr(item, name), item.source) for item in known if getattr(item, name) is not None]
        if not told:
            continue
        (first, first_source), *others = told
        for value, source in others:
            if name in ("level", "offset") and value != first:
                raise RadiometryError(
                    f"{path}: conflicting metadata: {name} is {first} according to {first_source}, but {value}"
                    f" according to {source}; correct or leave out the wrong one (--{name} cannot settle it)"
                )
        facts[name] = first
    sources = "; ".join(dict.fromkeys(item.source for item in known))
    return Metadata(**facts, source=sources)  # type: ignore[arg-type]


def parse_datetime(text: object) -> str | None:
    """Bring a time to ISO 8601 in UTC.

    Args:
        text: As found; a time without zone is taken as UTC, and what is no text as no time.

    Returns:
        For example `2017-05-27T10:20:31Z`; None if it is not a time.

    Example:
        >>> parse_datetime("20170527T102031")
        '2017-05-27T10:20:31Z'
    """
    try:
        found = datetime.fromisoformat(text.strip() if isinstance(text, str) else "")
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # the zone may lead out of the years that there are
        return None
    return found.replace(tzinfo=None).isoformat() + "Z"


def days_between(first: str | None, second: str | None) -> float | None:
    """Time between two acquisitions.

    Args:
        first: ISO 8601, as `parse_datetime` returns it, or None.
        second: Likewise.

    Returns:
        Days, not negative, to about a minute; None if one is unknown.
    """
    if first is None or second is None:
        return None
    gap = datetime.fromisoformat(first) - datetime.fromisoformat(second)
    return round(abs(gap.total_seconds()) / 86_400, 3)


def parse_level(text: str | None) -> Level | None:
    """Recognise a processing level, product type or collection name.

    Args:
        text: For example `Level-1C`, `S2MSI2A`, `sentinel-2-l2a`.

    Returns:
        The level, or None.

    Example:
        >>> parse_level("Level-2A")
        'L2A'
    """
    cleaned = re.sub(r"[^0-9A-Z]", "", (text or "").upper())
    return next((level for level in LEVELS if cleaned.endswith(level[1:])), None)


def offset_from_baseline(text: str | None) -> int | None:
    """The offset that a processing baseline implies.

    Args:
        text: For example `05.11`, `N0205` or `0205`.

    Returns:
        0 or -1000; None for an unknown or a user's own baseline.

    Example:
        >>> offset_from_baseline("05.11"), offset_from_baseline("N0205")
        (-1000, 0)
    """
    match = re.fullmatch(r"N?(\d{2})\.?(\d{2})", (text or "").strip())
    if match is None:
        return None
    baseline = float(f"{match[1]}.{match[2]}")
    if not 0 < baseline < CUSTOM_BASELINE:
        return None
    return OFFSETS[1] if baseline >= OFFSET_BASELINE else OFFSETS[0]


def offset_from_scaling(scale: float, offset: float, source: str) -> int | None:
    """The offset in DN that a physical scale and offset imply.

    Args:
        scale: Reflectance per DN; 1 if not given.
        offset: Reflectance at DN 0; 0 if not given.
        source: Where this stands, for the message.

    Returns:
        0 or -1000; None if neither scale nor offset is given.

    Raises:
        RadiometryError: The scaling is not one of Sentinel-2 products; correct it.
    """
    if scale == 1 and offset == 0:
        return None
    dn = offset / scale if scale else float("nan")
    found = next((value for value in OFFSETS if abs(dn - value) < 0.01), None)
    if found is None or not any(abs(scale * steps - 1) < 1e-4 for steps in (1, QUANTIFICATION)):
        raise RadiometryError(
            f"{source}: scale {scale:g} with offset {offset:g} is not reflectance of Sentinel-2 (expected scale"
            f" {1 / QUANTIFICATION:g} with offset 0 or -0.1); correct them, for example with gdal_edit.py"
        )
    return found


def _number(text: str | None, low: float, high: float) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if low <= value <= high else None


def from_tags(
    tags: Mapping[str, str],
    path: str | Path,
    *,
    scales: Sequence[float] = (),
    offsets: Sequence[float] = (),
) -> list[Metadata]:
    """Read the tags that GDAL, SNAP and Sunbreak put into rasters.

    Args:
        tags: Tags of the file; those of the domain `IMAGERY` may be among them.
        path: The file, for messages.
        scales: GDAL's scale of each reflectance band.
        offsets: GDAL's offset of each reflectance band.

    Returns:
        One statement a tag.

    Raises:
        RadiometryError: Scale and offset are not those of Sentinel-2 products, or differ between bands.
    """
    found = [
        Metadata(level=parse_level(tags.get(key)), source=f"its tag {key} ({tags.get(key)})")
        for key in ("PROCESSING_LEVEL", "PRODUCT_TYPE")
    ]
    for key in _OFFSET_TAGS.values():
        value = _number(tags.get(key), -1e6, 1e6)
        if value is not None and value not in OFFSETS:
            raise RadiometryError(f"{path}: its tag {key} is {tags[key]}, expected {OFFSETS[1]} or 0; correct the tag")
        if value is not None:
            found.append(Metadata(offset=int(value), source=f"its tag {key} ({tags[key]})"))
    baseline = tags.get("PROCESSING_BASELINE")
    found.append(Metadata(offset=offset_from_baseline(baseline), source=f"its tag PROCESSING_BASELINE ({baseline})"))
    scalings = set(zip(scales, offsets, strict=True))
    if len(scalings) > 1:
        raise RadiometryError(f"{path}: bands differ in scale or offset ({sorted(scalings)}); bring them to one")
    for scale, offset in scalings:
        source = f"its scale and offset ({scale:g}, {offset:g})"
        found.append(Metadata(offset=offset_from_scaling(scale, offset, f"{path}"), source=source))
    zenith = _number(tags.get("MEAN_SOLAR_ZENITH_ANGLE"), 0, 180)
    platform = next((tags[key] for key in _PLATFORM_TAGS if tags.get(key)), None)
    times = (parse_datetime(tags.get(key)) for key in _DATE_TAGS)
    found.append(
        Metadata(
            datetime=next((time for time in times if time), None),
            sun_azimuth=_number(tags.get("MEAN_SOLAR_AZIMUTH_ANGLE"), 0, 360),
            sun_elevation=None if zenith is None else 90 - zenith,
            platform=platform.lower().replace(" ", "-") if platform else None,
            source="its tags",
        )
    )
    return found


def to_tags(metadata: Metadata) -> dict[str, str]:
    """Write facts as the tags that `from_tags` reads.

    Args:
        metadata: The facts; `bands` belong into band descriptions and are left out.

    Returns:
        Tags for a GeoTIFF.

    Example:
        >>> to_tags(Metadata(level="L1C", offset=0))
        {'PROCESSING_LEVEL': 'Level-1C', 'PRODUCT_TYPE': 'S2MSI1C', 'RADIO_ADD_OFFSET': '0'}
    """
    tags: dict[str, str] = {}
    if metadata.level is not None:
        tags["PROCESSING_LEVEL"] = f"Level-{metadata.level[1:]}"
        tags["PRODUCT_TYPE"] = f"S2MSI{metadata.level[1:]}"
    if metadata.offset is not None:
        tags[_OFFSET_TAGS[metadata.level or "L1C"]] = str(metadata.offset)
    if metadata.datetime is not None:
        radar = (metadata.platform or "").startswith("sentinel-1")
        tags["ACQUISITION_START_TIME" if radar else "PRODUCT_START_TIME"] = metadata.datetime
    if metadata.sun_azimuth is not None:
        tags["MEAN_SOLAR_AZIMUTH_ANGLE"] = repr(float(metadata.sun_azimuth))
    if metadata.sun_elevation is not None:
        tags["MEAN_SOLAR_ZENITH_ANGLE"] = repr(90 - float(metadata.sun_elevation))
    if metadata.platform is not None:
        tags["DATATAKE_1_SPACECRAFT_NAME"] = metadata.platform.capitalize()
    return tags
