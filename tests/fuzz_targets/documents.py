"""What is said about scenes, in JSON and tables: STAC items, plans, areas of interest, items of products."""

import json

from hypothesis import strategies as st

import products
import stac_layouts
from fuzz_mutations import mostly, scalars, spoilt_bytes, spoilt_json, spoilt_table
from fuzz_targets.target import Target, whole
from sunbreak.inputs.opened import open_optical, open_radar
from sunbreak.radiometry.product_metadata import from_item
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.crop import bounds_of_geojson
from sunbreak.scale.table import Row, read_plan, write_plan
from sunbreak.steps.read_product import read_product
from sunbreak.view.catalog import find


def item(folder):
    contents = [
        json.loads(stac_layouts.write_item(folder, kind, bands=("B02", "B03", "B8A")).read_text())
        for kind in ("earth-search", "planetary-computer", "cdse")
    ]
    path = folder / "item.json"

    def understood(_):
        return open_optical(path, ReadOptions()).understood(ReadOptions(level="L2A"))

    cases = st.one_of([spoilt_json(content) for content in contents])
    return Target(cases, lambda spoilt: whole(path, spoilt, understood))


def radar_item(folder):
    content = json.loads(stac_layouts.write_radar_item(folder).read_text())
    path = folder / "item.json"

    def understood(_):
        return open_radar(path, ReadOptions()).understood(ReadOptions())

    return Target(spoilt_json(content), lambda spoilt: whole(path, spoilt, understood))


def metadata(folder):
    """Facts of items in memory, of any type."""
    keys = ("s2:processing_baseline", "processing:version", "earthsearch:boa_offset_applied", "processing:level",
            "s2:product_type", "datetime", "start_datetime", "platform", "view:sun_azimuth")  # fmt: skip
    scaling = {"scale": mostly(st.just(0.0001)), "offset": mostly(st.sampled_from((0, -0.1))), "raster:scale": scalars}
    layer = st.fixed_dictionaries({}, optional=scaling)
    layers = mostly(st.lists(mostly(layer), max_size=2))
    asset = st.fixed_dictionaries({}, optional={"raster:bands": layers, "bands": layers, "href": scalars})
    cases = st.fixed_dictionaries({
        "properties": st.dictionaries(st.sampled_from(keys), scalars),
        "assets": mostly(st.dictionaries(st.sampled_from(("B02", "red", "visual", "")), mostly(asset))),
        "collection": scalars,
    })  # fmt: skip
    return Target(cases, lambda content: from_item("item", content))


def plan(folder):
    rows = [Row("33UUT", name, "2024-05-27T10:20:31Z", "5", f"{name}.json", "s1.json") for name in ("a", "b")]
    made = {name: folder / name for name in ("plan.csv", "plan.parquet")}
    for path in made.values():
        write_plan(rows, path)
    spoilt = [spoilt_table(made["plan.csv"].read_text()), spoilt_bytes(made["plan.parquet"].read_bytes())]
    cases = st.one_of([st.tuples(st.just(path), one) for path, one in zip(made.values(), spoilt, strict=True)])
    return Target(cases, lambda case: whole(*case, lambda path: [row.folder for row in read_plan(path)]))


def area(folder):
    path = folder / "area.geojson"
    ring = [[15.0, 52.0], [15.1, 52.0], [15.1, 52.1], [15.0, 52.0]]
    content = {"type": "FeatureCollection", "crs": {"properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
               "features": [{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}}]}  # fmt: skip
    return Target(spoilt_json(content), lambda spoilt: whole(path, spoilt, bounds_of_geojson))


def product(folder):
    _, made = products.make_product(folder, "scene", bare=True)
    path = made / "item.json"
    content = json.loads(path.read_text())
    return Target(
        spoilt_json(content), lambda spoilt: whole(path, spoilt, lambda _: (find([made]), read_product(made)))
    )
