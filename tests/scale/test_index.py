import json
from datetime import UTC, datetime

import pyarrow.parquet as pq
import shapely

from sunbreak.scale.index import INDEX, write_index

BOX = [15.0, 52.3, 15.1, 52.4]
RING = [[15.0, 52.3], [15.1, 52.3], [15.1, 52.4], [15.0, 52.4], [15.0, 52.3]]


def item(name, **more):
    told = {"datetime": "2024-05-03T10:20:31Z", "sunbreak:cloud_percent": 12.5}
    return {"id": name, "bbox": BOX, "geometry": {"type": "Polygon", "coordinates": [RING]}, "properties": told} | more


def test_footprints_dates_and_addresses_of_all_products_are_in_one_table(tmp_path):
    bare = item("b", bbox=None, geometry=None, properties={"datetime": None})
    assert write_index(tmp_path, {"33UUT/a/item.json": item("a"), "33UVT/b/item.json": bare})
    assert [path.name for path in tmp_path.iterdir()] == [INDEX]
    first, second = pq.read_table(tmp_path / INDEX).to_pylist()
    assert first["href"] == "./33UUT/a/item.json"
    assert (first["tile"], first["cloud_percent"]) == ("33UUT", 12.5)
    assert first["datetime"] == datetime(2024, 5, 3, 10, 20, 31, tzinfo=UTC)
    assert shapely.from_wkb(first["geometry"]).bounds == tuple(BOX)
    assert second["geometry"] is None
    assert second["bbox"] is None


def test_it_says_that_it_is_geoparquet(tmp_path):
    write_index(tmp_path, {"33UUT/a/item.json": item("a")})
    told = json.loads(pq.read_schema(tmp_path / INDEX).metadata[b"geo"])
    assert told["version"] == "1.1.0"
    column = told["columns"][told["primary_column"]]
    assert column["encoding"] == "WKB"
    assert column["bbox"] == BOX
    assert set(column["covering"]["bbox"]) == {"xmin", "ymin", "xmax", "ymax"}


def test_no_product_is_an_empty_table(tmp_path):
    write_index(tmp_path, {})
    assert pq.read_table(tmp_path / INDEX).num_rows == 0
