"""The products of a destination as one GeoParquet file: footprints with dates and addresses, for QGIS and for queries.

Source: GeoParquet specification 1.1.0 (WKB, covering by a bbox column); longitude and latitude are its default.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pystac
from shapely.geometry import shape

from sunbreak.scale.dest import EDGES

INDEX: Final = "index.parquet"
"""Its name in the destination."""


def index_table(items: Mapping[str, Mapping[str, Any]]) -> bytes | None:
    """Make the index.

    Args:
        items: STAC items by their path in the destination, as `33UUT/NAME/item.json`.

    Returns:
        The file; None without pyarrow (the extra `stac`), which makes it.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return None
    bounds = pa.struct([(edge, pa.float64()) for edge in EDGES])
    columns = {
        "id": pa.array([str(item["id"]) for item in items.values()], pa.string()),
        "tile": pa.array([path.split("/")[0] for path in items], pa.string()),
        "datetime": pa.array([_moment(item) for item in items.values()], pa.timestamp("us", "UTC")),
        "href": pa.array([f"./{path}" for path in items], pa.string()),
        "cloud_percent": _numbers(items, "cloud_percent", pa),
        "shadow_percent": _numbers(items, "shadow_percent", pa),
        "bbox": pa.array([_edges(item) for item in items.values()], bounds),
        "geometry": pa.array([_outline(item) for item in items.values()], pa.binary()),
    }
    boxes = [item["bbox"] for item in items.values() if item.get("bbox")]
    told = {b"geo": json.dumps(_geo(boxes)).encode()}
    file = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata(told), file, compression="zstd")
    return file.getvalue()


def _moment(item: Mapping[str, Any]) -> Any:
    told = item["properties"].get("datetime")
    return pystac.utils.str_to_datetime(told) if told else None


def _numbers(items: Mapping[str, Mapping[str, Any]], name: str, pa: Any) -> Any:
    return pa.array([item["properties"].get(f"sunbreak:{name}") for item in items.values()], pa.float64())


def _edges(item: Mapping[str, Any]) -> dict[str, float] | None:
    return dict(zip(EDGES, item["bbox"], strict=True)) if item.get("bbox") else None


def _outline(item: Mapping[str, Any]) -> bytes | None:
    return bytes(shape(item["geometry"]).wkb) if item.get("geometry") else None


def _geo(boxes: Sequence[Sequence[float]]) -> dict[str, Any]:
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "covering": {"bbox": {edge: ["bbox", edge] for edge in EDGES}},
    }
    if boxes:
        west, south, east, north = zip(*boxes, strict=True)
        column["bbox"] = [min(west), min(south), max(east), max(north)]
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
