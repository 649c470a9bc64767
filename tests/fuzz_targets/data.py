"""Data to train and to evaluate with: archives, collections, public data sets, lists, SPECs."""

import csv
import io
import json

import numpy as np
from hypothesis import strategies as st

import archive_layouts
import labelled_layouts
import public_layouts
from conftest import UTM, l1c_dn, radar_db, write_raster
from fuzz_mutations import latin, names, spoilt_bytes, spoilt_json, spoilt_table, spoilt_text
from fuzz_targets.target import Target, whole
from sunbreak.data import FORMS, open_data
from sunbreak.data.archive.stacks import read_stacks
from sunbreak.data.labelled.kinds import open_labelled
from sunbreak.data.listing import read_listing


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
    head = ["path", "sample_id", "region_id", "split", "role", "level", "bands", "units", "dn_offset", "quality",
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
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    path = folder / "manifest.csv"
    return Target(
        spoilt_table(text.getvalue()),
        lambda spoilt: whole(path, spoilt, lambda _: list(open_data(f"collection:{folder},clouds=real"))),
    )


def benchmark(folder):
    patches = [(1158, 31, 100), (1158, 31, 20)]
    public_layouts.write_sen12ms_cr(folder, patches, layout="flat")
    table, image = folder / "data.csv", folder / "s2_cloudy" / "ROIs1158_spring_31_p20.tif"
    public_layouts.write_sen12ms_cr_table(folder, patches)
    valid = {path: path.read_bytes() for path in (table, image)}
    spoilt = {table: spoilt_table(valid[table].decode()), image: spoilt_bytes(valid[image])}

    def run(case):
        for path, content in (valid | dict([case])).items():
            path.write_bytes(content)
        entries = open_data(f"sen12ms-cr:{folder},split=all").entries
        assert len(entries) == len(patches), "the table has decided"
        return [entry.load() for entry in entries]

    return Target(st.one_of([st.tuples(st.just(path), one) for path, one in spoilt.items()]), run)


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
    changes = st.dictionaries(st.sampled_from(sorted(texts)), st.none() | names, min_size=1, max_size=3)

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


def spec(folder):
    """Of every kind; those of `archive` and `simulated` find what they ask for."""
    path = archive_layouts.write_daily(folder / "daily.npz", (0.0, 0.5), fine=False)
    holes = r"([^:,=]+)"
    told = st.one_of(
        [
            spoilt_text(f"archive:{path},clouds=real,min_cloud=0.1,size=32", holes),
            spoilt_text("simulated:n=3,seed=1,cover=0.5,kind=thin", holes),
        ]
    ).map(latin)
    kinds = st.none() | st.sampled_from(list(FORMS))
    texts = st.tuples(kinds, told).map(lambda case: f"{case[0]}:{case[1].partition(':')[2]}" if case[0] else case[1])
    return Target(texts, lambda text: open_data(text).entries)
