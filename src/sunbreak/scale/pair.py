"""Which radar image goes with which optical image; nothing is fetched here."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from sunbreak.scale.table import Row

MOST_DAYS: Final = 12
"""Days between optical and radar unless the user says otherwise: a revisit of one Sentinel-1 satellite."""
FULL: Final = 0.999
"""Share from which a scene counts as covered: footprints are rounded."""
LEAST: Final = 0.1
"""Share of a scene below which a radar image is no help."""


class Image(NamedTuple):
    """An item, as far as pairing has to know it."""

    id: str
    """Its id."""
    href: str
    """Its address or path, without secrets."""
    moment: datetime
    """When it was taken, with a time zone."""
    outline: BaseGeometry
    """Footprint in longitude and latitude."""
    tile: str = ""
    """MGRS tile of an optical item."""
    cloud: float | None = None
    """Cloud cover of an optical item in percent; None where the catalogue does not say."""
    orbit: str = ""
    """Direction of the orbit of a radar item."""


class _Match(NamedTuple):
    radar: Image
    cover: float
    apart: timedelta

    def rank(self, direction: str) -> tuple[float, bool, timedelta, str]:
        """Best first: what covers the scene, then the direction of the others, then the nearest in time."""
        covered = 1.1 if self.cover >= FULL else math.floor(self.cover * 10) / 10
        return -covered, self.radar.orbit != direction, abs(self.apart), self.radar.id


def pair(optical: Iterable[Image], radar: Sequence[Image], *, days: float = MOST_DAYS, sign: str = "") -> list[Row]:
    """Give every optical image the radar image that helps it most.

    Args:
        optical: Sentinel-2 items.
        radar: Sentinel-1 items.
        days: Most days between the two.
        sign: What signs the addresses inside the items; noted in the rows.

    Returns:
        One row an optical item, by tile and time. Within a tile all take the same orbit direction where that costs no
        cover: the same fields look different from the other side.
    """
    tree = STRtree([one.outline for one in radar])  # of a continent's radar, a scene touches a few images
    found: dict[str, list[tuple[Image, list[_Match], str]]] = {}
    for image in sorted(optical, key=lambda one: (one.tile, one.moment, one.id)):
        around = [radar[index] for index in sorted(tree.query(image.outline))]
        matches = _matches(image, around, days)
        reason = "" if matches else _reason(image, around, days)
        found.setdefault(image.tile, []).append((image, matches, reason))
    rows = []
    for scenes in found.values():
        direction = _direction(matches for _, matches, _ in scenes)
        for image, matches, reason in scenes:
            best = min(matches, key=lambda one: one.rank(direction), default=None)
            rows.append(_row(image, best, reason, sign))
    return rows


def _matches(image: Image, radar: Sequence[Image], days: float) -> list[_Match]:
    near = (one for one in radar if abs(one.moment - image.moment) <= timedelta(days=days))
    matches = (_Match(one, _cover(image, one), one.moment - image.moment) for one in near)
    return [one for one in matches if one.cover >= LEAST]


def _cover(image: Image, radar: Image) -> float:
    area = image.outline.area
    return float(image.outline.intersection(radar.outline).area / area) if area > 0 else 0.0


def _direction(scenes: Iterable[Sequence[_Match]]) -> str:
    """The direction that serves most scenes of a tile best; of two equally good ones, that of the nearer images."""
    served: Counter[str] = Counter()
    apart: Counter[str] = Counter()
    for matches in scenes:
        for direction in {one.radar.orbit for one in matches}:
            best = min((one for one in matches if one.radar.orbit == direction), key=lambda one: one.rank(direction))
            served[direction] += 2 if best.cover >= FULL else 1
            apart[direction] += int(abs(best.apart).total_seconds())
    return min(served, key=lambda one: (-served[one], apart[one], one), default="")


def _reason(image: Image, radar: Sequence[Image], days: float) -> str:
    covers = [(one, _cover(image, one)) for one in radar]
    there = [(abs(one.moment - image.moment), cover) for one, cover in covers if cover > 0]
    near = [cover for apart, cover in there if apart <= timedelta(days=days)]
    if near:
        return f"radar within {days:g} days covers {max(near):.0%} at most"
    if there:
        return f"nearest radar is {min(there)[0] / timedelta(days=1):.1f} days away"
    return "no radar found of this place"


def _row(image: Image, best: _Match | None, reason: str, sign: str) -> Row:
    row = Row(
        tile=image.tile, id=image.id, datetime=image.moment.isoformat(), optical=image.href, reason=reason, sign=sign,
        cloud_percent="" if image.cloud is None else f"{image.cloud:g}",
    )  # fmt: skip
    if best is None:
        return row
    return dataclasses.replace(
        row, radar=best.radar.href, radar_datetime=best.radar.moment.isoformat(), orbit=best.radar.orbit,
        days_apart=f"{best.apart / timedelta(days=1):.2f}", cover_percent=f"{100 * min(best.cover, 1):.0f}",
    )  # fmt: skip
