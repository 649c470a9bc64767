"""The products of a destination as one static STAC collection.

Source: STAC specification 1.1.0, Collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import pystac

from sunbreak.scale.dest import Destination
from sunbreak.scale.index import INDEX, index_table

COLLECTION: Final = "collection.json"
"""Its name in the destination."""
WORLD: Final = [-180.0, -90.0, 180.0, 90.0]


def write_collection(dest: Destination) -> int:
    """List every finished product of a destination, in `index.parquet`, too; files are whole or as they were before.

    Args:
        dest: Where the products are.

    Returns:
        Number of products.

    Raises:
        OutputError: It cannot be written.
    """
    items = dest.settle()
    boxes = [item["bbox"] for item in items.values() if item.get("bbox")]
    extent = pystac.Extent(pystac.SpatialExtent([_around(boxes)]), pystac.TemporalExtent([_period(items.values())]))
    collection = pystac.Collection(
        dest.name, "Sentinel-2 scenes with cloud and shadow restored by Sunbreak.", extent, license="other"
    )
    for path, item in items.items():
        collection.add_link(pystac.Link("item", f"./{path}", "application/geo+json", item["id"]))
    dest.put(COLLECTION, json.dumps(collection.to_dict(include_self_link=False), indent=2).encode())
    table = index_table(items)
    if table is not None:
        dest.put(INDEX, table)
    return len(items)


def _around(boxes: list[list[float]]) -> list[float]:
    if not boxes:
        return WORLD
    west, south, east, north = zip(*boxes, strict=True)
    return [min(west), min(south), max(east), max(north)]


def _period(items: Iterable[dict[str, Any]]) -> list[datetime | None]:
    told = (item["properties"].get("datetime") for item in items)
    moments = sorted(pystac.utils.str_to_datetime(text) for text in told if text)
    return [moments[0], moments[-1]] if moments else [None, None]
