import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from sunbreak.scale.index import index_table

BOX = [15.0, 52.3, 15.1, 52.4]
RING = [[15.0, 52.3], [15.1, 52.3], [15.1, 52.4], [15.0, 52.4], [15.0, 52.3]]


def item(name, **more):
    told = {"datetime": "2024-05-03T10:20:31Z", "sunbreak:cloud_percent": 12.5}
    return {"id": name, "bbox": BOX, "geometry": {"type": "Polygon", "coordinates": [RING]}, "properties": told} | more


def table(items):
    return pq.read_table(pa.BufferReader(index_table(items)))


def test_footprints_dates_and_addresses_of_all_products_are_in_one_table():
    bare = item("b", bbox=None, geometry=None, properties={"datetime": None})
    first, second = table({"33UUT/a/item.json": item("a"), "33UVT/b/item.json": bare}).to_pylist()
    assert first["href"] == "./33UUT/a/item.json"
    assert (first["tile"], first["cloud_percent"]) == ("33UUT", 12.5)
    assert first["datetime"] == datetime(2024, 5, 3, 10, 20, 31, tzinfo=UTC)
    assert shapely.from_wkb(first["geometry"]).bounds == tuple(BOX)
    assert second["geometry"] is None
    assert second["bbox"] is None


def test_it_says_that_it_is_geoparquet():
    told = json.loads(table({"33UUT/a/item.json": item("a")}).schema.metadata[b"geo"])
    assert told["version"] == "1.1.0"
    column = told["columns"][told["primary_column"]]
    assert column["encoding"] == "WKB"
    assert column["bbox"] == BOX
    assert set(column["covering"]["bbox"]) == {"xmin", "ymin", "xmax", "ymax"}


def test_no_product_is_an_empty_table():
    assert table({}).num_rows == 0
