"""What is fuzzed: for every reader a valid input in its published layout, how it is spoilt, and how it is read."""

import contextlib
import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from onnx import helper

import archive_layouts
import classifier_files
import grd_layouts
import labelled_layouts
import model_files
import products
import public_layouts
import safe_layouts
import stac_layouts
from conftest import UTM, l1c_dn, radar_db, write_raster
from fuzz_mutations import scalars, spoilt_bytes, spoilt_json, spoilt_table, spoilt_text, spoilt_xml, words
from sunbreak.cli import main
from sunbreak.data import open_data
from sunbreak.data.archive.stacks import read_stacks
from sunbreak.data.labelled.kinds import open_labelled
from sunbreak.data.listing import read_listing
from sunbreak.engine import open_model
from sunbreak.inputs.grd import open_grd
from sunbreak.inputs.opened import open_optical, open_radar
from sunbreak.inputs.safe import open_safe
from sunbreak.models import describe
from sunbreak.radiometry.product_metadata import read_metadata_file
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.crop import bounds_of_geojson
from sunbreak.rasters.raster import RasterFile
from sunbreak.scale.table import Row, read_plan, write_plan
from sunbreak.sidecar import read_sidecar
from sunbreak.steps.quality_file import parse_map, quality_from_file
from sunbreak.steps.read import read
from sunbreak.steps.read_product import read_product
from sunbreak.tiles import Window
from sunbreak.view.catalog import find

SMALL = slice(0, 8)


class Target(NamedTuple):
    """A reader and its spoilt inputs."""

    cases: st.SearchStrategy[Any]
    """Draws spoilt inputs."""
    run: Callable[[Any], object]
    """Reads one; may raise errors of ours only."""


def whole(path, content, read_it):
    """Write the content, and read it."""
    path.write_bytes(content)
    return read_it(path)


def pixels(path):
    file = RasterFile(path)
    return file.read(slice(0, min(file.shape[0], 64)), slice(0, min(file.shape[1], 64)))


def scene(path):
    """Read a scene as `restore` does, with some of its pixels."""
    return read(path).optical[:, SMALL, SMALL].values


def tiff(folder):
    path = folder / "s2.tif"
    kinds = [{}, {"compress": "deflate", "predictor": 2, "tiled": True, "blockxsize": 16, "blockysize": 16},
             {"compress": "lzw", "interleave": "band"}, {"BIGTIFF": "YES"}, {"compress": "zstd"}]  # fmt: skip
    told = {"descriptions": ("B02", "B03", "B04", "B08"), "tags": {"PROCESSING_LEVEL": "Level-1C"}}
    made = [write_raster(path, l1c_dn(24, 24)[1:5], **told, **kind).read_bytes() for kind in kinds]
    cases = st.one_of([spoilt_bytes(content) for content in made])
    return Target(cases, lambda content: (whole(path, content, pixels), scene(path)))


def jpeg2000(folder):
    path = folder / "s2.jp2"
    content = write_raster(path, l1c_dn(32, 32)[:3], **safe_layouts.LOSSLESS).read_bytes()
    return Target(spoilt_bytes(content), lambda spoilt: whole(path, spoilt, pixels))


def tags(folder):
    keys = ("PROCESSING_LEVEL", "PRODUCT_TYPE", "RADIO_ADD_OFFSET", "BOA_ADD_OFFSET", "PROCESSING_BASELINE",
            "PRODUCT_START_TIME", "MEAN_SOLAR_ZENITH_ANGLE", "MEAN_SOLAR_AZIMUTH_ANGLE", "DATATAKE_1_SPACECRAFT_NAME",
            "ACQUISITION_START_TIME", "TIFFTAG_DATETIME")  # fmt: skip
    clean = words.map(lambda text: text.replace("\0", "").encode("utf-8", "ignore").decode())
    cases = st.tuples(
        st.dictionaries(st.sampled_from(keys), clean, max_size=2),
        st.just([""] * 13) | st.lists(clean, min_size=13, max_size=13),
        st.sampled_from(((1, 0), (0.0001, 0), (0.0001, -0.1))) | st.tuples(st.floats(), st.floats()),
        st.sampled_from(("", "S2A_MSIL1C_20240527T102031_N0510_R065_T33UUT_")),
    )  # fmt: skip
    dn = l1c_dn(16, 16)

    def run(case):
        told, names, (scale, offset), name = case
        path = folder / f"{name}x.tif"
        with contextlib.suppress(ValueError, OverflowError):  # what GDAL itself does not write
            write_raster(path, dn, tags=told, descriptions=names, scaling=(scale, offset))
        return scene(path)

    return Target(cases, run)


def safe(folder):
    product = safe_layouts.write_safe(folder, "L1C")
    (tile,) = product.rglob("MTD_TL.xml")
    files = (product / "MTD_MSIL1C.xml", tile)
    valid = {file: file.read_text() for file in files}
    cases = st.one_of([st.tuples(st.just(file), spoilt_xml(text)) for file, text in valid.items()])

    def run(case):
        for file, text in valid.items():
            file.write_text(text)
        file, content = case
        file.write_bytes(content)
        for one in files:
            with contextlib.suppress(Exception) if one is not file else contextlib.nullcontext():
                read_metadata_file(one)
        return open_optical(product, ReadOptions(bands=("B02",))).understood(ReadOptions())

    return Target(cases, run)


def archive(folder):
    product = safe_layouts.write_safe(folder, "L1C")
    for image in product.rglob("*.jp2"):
        if "_B02" not in image.name:
            image.unlink()
    path = safe_layouts.zipped(product)
    content = path.read_bytes()

    def run(spoilt):
        path.write_bytes(spoilt)
        return open_safe(path, ("B02",)).rasters.bands.read(SMALL, SMALL)

    return Target(spoilt_bytes(content), run)


def annotation(folder):
    product = grd_layouts.write_grd(folder)
    files = [file for file in sorted(product.rglob("*.xml")) if "-vv-" in file.name]
    valid = {file: file.read_text() for file in files}
    cases = st.one_of([st.tuples(st.just(file), spoilt_xml(text)) for file, text in valid.items()])

    def run(case):
        for file, text in valid.items():
            file.write_text(text)
        case[0].write_bytes(case[1])
        raster, _ = open_grd(product)
        return raster.read(SMALL, SMALL)

    return Target(cases, run)


def item(folder):
    paths = [stac_layouts.write_item(folder, kind, bands=("B02", "B03", "B8A"))
             for kind in ("earth-search", "planetary-computer", "cdse")]  # fmt: skip
    contents = [json.loads(paths[0].read_text())]
    for kind in ("planetary-computer", "cdse"):
        contents.append(json.loads(stac_layouts.write_item(folder, kind, bands=("B02", "B03", "B8A")).read_text()))
    path = folder / "item.json"

    def run(content):
        path.write_bytes(content)
        return open_optical(path, ReadOptions()).understood(ReadOptions(level="L2A"))

    return Target(st.one_of([spoilt_json(content) for content in contents]), run)


def radar_item(folder):
    content = json.loads(stac_layouts.write_radar_item(folder).read_text())
    path = folder / "item.json"

    def run(spoilt):
        path.write_bytes(spoilt)
        return open_radar(path, ReadOptions()).understood(ReadOptions())

    return Target(spoilt_json(content), run)


def items(folder):
    path = archive_layouts.write_items(folder, (0.0, 0.5))
    content = json.loads(path.read_text())
    side = archive_layouts.SIZE
    for one in content["features"]:
        one["properties"] |= {"proj:code": "EPSG:32633", "proj:shape": [side, side], "proj:transform": [*UTM][:6]}
    return Target(
        spoilt_json(content), lambda spoilt: whole(path, spoilt, lambda _: open_data(f"archive:{path}").entries)
    )


def manifest(folder):
    names = ["path", "sample_id", "region_id", "split", "role", "level", "bands", "units", "dn_offset", "quality",
             "date", "gsd_m"]  # fmt: skip
    bands = "B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12"
    rows = []
    files = {"s2_cloudy": l1c_dn(24, 24), "s2_clear": l1c_dn(24, 24), "s1": radar_db(24, 24),
             "mask": np.eye(24, dtype="uint8")[np.newaxis]}  # fmt: skip
    of_radar, of_mask = ("", "VV VH", "dB"), ("derived", "cloud", "1=cloud,0=not")
    for role, array in files.items():
        write_raster(folder / f"{role}.tif", array)
        level, held, units = {"s1": of_radar, "mask": of_mask}.get(role, ("L1C", bands, "reflectance x10000 (DN)"))
        rows.append([f"{role}.tif", "a", "r", "test", role, level, held, units, "0", "", "2024-05-27", "10"])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, *rows])
    path = folder / "manifest.csv"
    return Target(
        spoilt_table(text.getvalue()),
        lambda spoilt: whole(path, spoilt, lambda _: list(open_data(f"collection:{folder},clouds=real"))),
    )


def benchmark(folder):
    patches = [(1158, 31, 100), (1158, 31, 20)]
    public_layouts.write_sen12ms_cr(folder, patches, layout="flat")
    public_layouts.write_sen12ms_cr_table(folder, patches)
    path = folder / "data.csv"
    return Target(
        spoilt_table(path.read_text()),
        lambda spoilt: whole(path, spoilt, lambda _: list(open_data(f"sen12ms-cr:{folder},split=all"))),
    )


def arrays(folder):
    path = archive_layouts.write_daily(folder / "daily.npz", (0.0, 0.5), fine=False)
    content = path.read_bytes()
    with np.load(path) as file:
        valid = dict(file)
    strange = st.sampled_from([
        np.zeros(0), np.zeros((2, 1)), np.array(np.nan), np.array([np.inf] * 4), np.array(["x"] * 2), np.array("é"),
        np.zeros((2, 6, 0, 0)), np.zeros((2, 6, 7, 7), "complex64"), np.array(2**63, "uint64"), np.array([True, False]),
        np.array(["2024-99-99", "NaT"]), np.array([b"\xff"]), np.zeros((1,) * 30),
        np.array(["2024-01-01"] * 2, "M8[D]"),
    ])  # fmt: skip
    changes = st.dictionaries(st.sampled_from(sorted(valid)), st.none() | strange, min_size=1, max_size=2)

    def run(case):
        if isinstance(case, bytes):
            path.write_bytes(case)
        else:
            np.savez(path, **{name: one for name, one in (valid | case).items() if one is not None})
        read_stacks.cache_clear()
        return open_data(f"archive:{path}").entries

    return Target(spoilt_bytes(content) | changes, run)


def hdf5(folder):
    path = labelled_layouts.write_so2sat(folder, count=2) / "testing.h5"
    content = path.read_bytes()

    def run(spoilt):
        path.write_bytes(spoilt)
        return [entry.load() for entry in open_labelled(f"so2sat:{folder}").entries]

    return Target(spoilt_bytes(content), run)


def labels(folder):
    rows = [labelled_layouts.ben_row(1, number, ["Arable land"]) for number in (1, 2)]
    for number in (1, 2):
        labelled_layouts.write_ben_patch(folder, 1, number)
    path = labelled_layouts.write_metadata(folder, rows)
    content = path.read_bytes()
    texts = {key: text for key, text in rows[0].items() if isinstance(text, str)}
    changes = st.dictionaries(st.sampled_from(sorted(texts)), st.none() | words.map(
        lambda text: text.encode("utf-8", "ignore").decode()), min_size=1, max_size=3)  # fmt: skip

    def run(case):
        if isinstance(case, bytes):
            path.write_bytes(case)
        else:
            labelled_layouts.write_metadata(folder, [rows[0] | case, rows[1]])
        return open_labelled(f"bigearthnet:{folder}").entries

    return Target(spoilt_bytes(content) | changes, run)


def listing(folder):
    lines = "ROIs1970_fall_139_p839\nROIs2017_winter_1_p30.tif\ns2_33UUT_12_34\n"
    tree = {"train": ["ROIs1970_fall_139_p839", {"a": ["x"]}], "n": 3}
    cases = st.one_of(
        st.tuples(st.just("a.txt"), spoilt_text(lines, r"([^_\n]+)")), st.tuples(st.just("a.json"), spoilt_json(tree))
    )
    return Target(cases, lambda case: whole(folder / case[0], case[1], lambda path: read_listing(str(path))))


def configuration(folder):
    text = "steps: 10\nwarmup: 2\ncrop: 64\nbatch: 2\nlearning_rate: 0.001\nseed: 3\nreal_share: 0.5\n" \
           "radar_dropout: 0.15\nsemantic_steps: 0\nnetwork_options: {width: 16}\n"  # fmt: skip
    path = folder / "run.yaml"

    def run(spoilt):
        path.write_bytes(spoilt)
        return line(["train", "nothing", "--config", str(path), "--data", "collection:nowhere", "-o", f"{folder}/run"])

    return Target(spoilt_text(text, r"(?:: |\n)([^\n:]*)"), run)


def trusted(path, content):
    path.write_bytes(content)
    card = json.loads(path.with_suffix(".json").read_text())
    card["sha256"] = {"onnx": hashlib.sha256(content).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card))


def onnx(folder):
    nodes = [helper.make_node("Conv", ["prior", "weight"], ["reflectance"])]
    constants = {"weight": np.ones((13, 13, 1, 1))}
    path = model_files.save(folder / "net.onnx", nodes, [("prior", 13)], constants=constants)
    content = path.read_bytes()

    def run(case):
        spoilt, runtime = case
        trusted(path, spoilt)
        return open_model(path, runtime=runtime)

    return Target(st.tuples(spoilt_bytes(content), st.sampled_from(("openvino", "onnx"))), run)


def safetensors(folder):
    from safetensors.numpy import save

    from sunbreak.train.start import read_start

    content = save({"a.weight": np.ones((4, 4), np.float32), "a.bias": np.ones(4, np.float16)})
    path = model_files.save(
        folder / "net.onnx", [helper.make_node("Identity", ["prior"], ["reflectance"])], [("prior", 13)]
    )
    card = path.with_suffix(".json")
    told = json.loads(card.read_text())

    def run(spoilt):
        path.with_suffix(".safetensors").write_bytes(spoilt)
        card.write_text(json.dumps(told | {"sha256": {"safetensors": hashlib.sha256(spoilt).hexdigest()}}))
        return read_start(path)

    return Target(spoilt_bytes(content), run)


def card(folder):
    path = model_files.save(
        folder / "net.onnx", [helper.make_node("Identity", ["prior"], ["reflectance"])], [("prior", 13)]
    )
    content = json.loads(path.with_suffix(".json").read_text())
    content |= {"sigma_scale": [1.0] * 13, "land_cover": [10, 20], "architecture": {"network": "tdp-cr", "config": {}},
                "training": {"regions_seen": ["a"]}}  # fmt: skip

    def run(spoilt):
        path.with_suffix(".json").write_bytes(spoilt)
        describe(path)
        return open_model(path)

    return Target(spoilt_json(content), run)


def sidecar(folder):
    path = classifier_files.sidecar(classifier_files.linear(folder / "any.onnx", np.eye(3)))
    content = json.loads(path.with_suffix(".json").read_text())
    beside = path.with_suffix(".json")
    return Target(spoilt_json(content), lambda spoilt: whole(beside, spoilt, read_sidecar))


def plan(folder):
    rows = [Row("33UUT", name, "2024-05-27T10:20:31Z", "5", f"{name}.json", "s1.json") for name in ("a", "b")]
    made = {name: folder / name for name in ("plan.csv", "plan.parquet")}
    for path in made.values():
        write_plan(rows, path)
    spoilt = [spoilt_table(made["plan.csv"].read_text()), spoilt_bytes(made["plan.parquet"].read_bytes())]
    cases = st.one_of([st.tuples(st.just(path), one) for path, one in zip(made.values(), spoilt, strict=True)])
    return Target(cases, lambda case: whole(*case, lambda path: [row.folder for row in read_plan(path)]))


def quality(folder):
    path = write_raster(folder / "quality.tif", np.ones((1, 24, 24), "uint8"))
    content = path.read_bytes()
    ground = read(write_raster(folder / "s2.tif", l1c_dn(24, 24)))

    def run(case):
        spoilt, text = case
        path.write_bytes(spoilt)
        parse_map(text)
        return quality_from_file(ground, path, text)(Window(0, 0, 24, 24))

    maps = spoilt_text("0=clear,1=thick,2=thin,3=shadow,255=nodata", r"([^=,]+)").map(lambda one: one.decode("latin-1"))
    return Target(st.tuples(st.just(content) | spoilt_bytes(content), st.none() | st.just("scl") | maps), run)


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


def spec(folder):
    kinds = (
        "collection",
        "simulated",
        "sen12ms-cr",
        "sen12ms-cr-ts",
        "archive",
        "scene",
        "luojia",
        "eurosat",
        "so2sat",
    )
    texts = spoilt_text(f"archive:{folder}/none,split=test,n=3,seed=1,clouds=real", r"([^:,=]+)").map(
        lambda one: one.decode("latin-1")
    )
    return Target(st.tuples(st.sampled_from(kinds), texts).map(
        lambda case: f"{case[0]}:{case[1].partition(':')[2]}"), lambda text: open_data(text).entries)  # fmt: skip


def line(arguments):
    """Run the command line: it may end with 0, 1 or 2, and shows no traceback."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as left:
            code = left.code
    assert code in (0, 1, 2), (code, arguments)
    assert "Traceback" not in err.getvalue(), err.getvalue()
    assert code == 0 or err.getvalue().strip(), "nothing was said"
    return code


def command(folder):
    s2 = write_raster(folder / "s2.tif", l1c_dn(24, 24))
    csv_plan = folder / "plan.csv"
    write_plan([], csv_plan)
    verbs = {
        "models": [], "plan": ["--stac", "--bbox", "--dates", "--max-cloud", "--radar-days", "-o"],
        "run": ["-o", "--workers", "--model", "--level", "--bands", "--sign"],
        "preview": [], "report": ["-o"], "data": [], "evaluate": ["--data", "--protocol", "--task"],
        "restore": ["--radar", "--quality", "--quality-map", "--level", "--offset", "--bands", "--buffer", "--bbox",
                    "--aoi", "--model", "--mask", "--metadata", "--dem", "--geoid", "--precision", "--reference"],
        "classify": ["--model", "--radar", "--stride"], "train": ["--data", "-o", "--steps", "--config"],
        "adapt": ["--archive", "--model", "-o"], "transfer": ["--source", "--target", "-o"],
        "simulate": ["--cover", "--seed", "--date", "--biome"], "bench": [], "nothing": [],
    }  # fmt: skip
    told = words.map(lambda text: text.replace("\0", "").encode("utf-8", "ignore").decode())
    # real scenes would be restored, which takes seconds: what is given as one does not exist, or is a folder
    given = told | st.sampled_from(
        (str(folder), f"{folder}/none.tif", str(csv_plan), str(s2.parent / "none.json"), "check")
    )

    @st.composite
    def lines(draw):
        verb = draw(st.sampled_from(sorted(verbs)))
        arguments = [verb, *draw(st.lists(given, max_size=2))]
        for option in draw(st.lists(st.sampled_from((*verbs[verb], "--debug-not", "--overwrite")), max_size=4)):
            arguments += [option, *draw(st.lists(given, max_size=4 if option == "--bbox" else 1))]
        if verb == "simulate":
            arguments += ["--size", draw(st.sampled_from(("0", "-5", "x", "1e9", "", "99999999")))]
        if verb in ("restore", "classify", "simulate", "run"):
            arguments += ["-o", f"{folder}/out"]
        return arguments

    def run(arguments):
        try:
            return line(arguments)
        finally:
            shutil.rmtree(Path(folder) / "out", ignore_errors=True)

    return Target(lines().filter(lambda one: one[0] != "bench" or len(one) > 1), run)


def metadata(folder):
    """Facts of items in memory, of any type."""
    from sunbreak.radiometry.product_metadata import from_item

    keys = ("s2:processing_baseline", "processing:version", "earthsearch:boa_offset_applied", "processing:level",
            "s2:product_type", "datetime", "start_datetime", "platform", "view:sun_azimuth")  # fmt: skip
    layer = st.fixed_dictionaries({}, optional={"scale": scalars, "offset": scalars, "raster:scale": scalars})
    layers = st.lists(layer | scalars, max_size=2) | scalars
    asset = st.fixed_dictionaries({}, optional={"raster:bands": layers, "bands": layers, "href": scalars})
    cases = st.fixed_dictionaries({
        "properties": st.dictionaries(st.sampled_from(keys), scalars),
        "assets": st.dictionaries(st.sampled_from(("B02", "red", "visual", "")), asset | scalars) | scalars,
        "collection": scalars,
    })  # fmt: skip
    return Target(cases, lambda content: from_item("item", content))


TARGETS = {
    one.__name__: one
    for one in (tiff, jpeg2000, tags, safe, archive, annotation, item, radar_item, items, metadata, manifest, benchmark,
                arrays, hdf5, labels, listing, configuration, onnx, safetensors, card, sidecar, plan, quality, area,
                product, spec, command)
}  # fmt: skip
"""By name; each makes its files in a folder."""
