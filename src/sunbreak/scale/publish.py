"""The products of a destination as one static STAC collection.

Source: STAC specification 1.1.0, Collection.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pystac

from sunbreak.rasters.geotiff import failing_as
from sunbreak.scale.index import write_index

COLLECTION: Final = "collection.json"
"""Its name in the destination."""
WORLD: Final = [-180.0, -90.0, 180.0, 90.0]


def write_collection(dest: Path) -> int:
    """List every finished product of a destination, in `index.parquet`, too; files are whole or as they were before.

    Args:
        dest: The destination, with products at `TILE/ID/item.json`.

    Returns:
        Number of products.

    Raises:
        OutputError: The disk is full.
    """
    paths = sorted(dest.glob("*/*/item.json"))
    items = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    boxes = [item["bbox"] for item in items if item.get("bbox")]
    extent = pystac.Extent(pystac.SpatialExtent([_around(boxes)]), pystac.TemporalExtent([_period(items)]))
    collection = pystac.Collection(
        dest.resolve().name, "Sentinel-2 scenes with cloud and shadow restored by Sunbreak.", extent, license="other"
    )
    for path, item in zip(paths, items, strict=True):
        href = f"./{path.relative_to(dest).as_posix()}"
        collection.add_link(pystac.Link("item", href, "application/geo+json", item["id"]))
    partial = dest / f".{COLLECTION}.{os.getpid()}"
    with failing_as(dest / COLLECTION):
        partial.write_text(json.dumps(collection.to_dict(include_self_link=False), indent=2), encoding="utf-8")
        partial.replace(dest / COLLECTION)
    write_index(dest, {path.relative_to(dest).as_posix(): item for path, item in zip(paths, items, strict=True)})
    return len(items)


def _around(boxes: list[list[float]]) -> list[float]:
    if not boxes:
        return WORLD
    west, south, east, north = zip(*boxes, strict=True)
    return [min(west), min(south), max(east), max(north)]


def _period(items: list[dict[str, Any]]) -> list[datetime | None]:
    told = (item["properties"].get("datetime") for item in items)
    moments = sorted(pystac.utils.str_to_datetime(text) for text in told if text)
    return [moments[0], moments[-1]] if moments else [None, None]
