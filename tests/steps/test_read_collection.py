"""The real-data collection, read as it is published."""

import csv

import numpy as np
import pytest

from conftest import refused
from sunbreak.radiometry.dn import encode
from sunbreak.rasters.raster import RasterFile
from sunbreak.steps.read import read


def rows_of(collection, source, **wanted):
    with (collection / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == source and row["path"].endswith(".tif")]
    return [row for row in rows if all(row[key].startswith(value) for key, value in wanted.items())]


def round_trip(path, scene):
    np.testing.assert_array_equal(
        encode(scene.optical.values, scene.optical.encoding),
        RasterFile(path).read(slice(0, scene.sizes["y"]), slice(0, scene.sizes["x"])),
    )


@pytest.mark.parametrize("source", ["sen12mscr_triplets", "sen12mscr_partial", "sen12ms_s2_lc", "sen1floods11"])
def test_real_l1c(collection, source):
    for row in rows_of(collection, source, role="s2")[:12]:
        scene = read(collection / row["path"])
        assert (scene.attrs["level"], scene.optical.encoding["offset"]) == ("L1C", 0)
        assert scene.attrs["georeferenced"] == bool(row["crs"])
        round_trip(collection / row["path"], scene)


@pytest.mark.parametrize(
    "source", ["sen12mscr_triplets", "sen12mscr_partial", "terramesh_s1_s2_lulc", "sen1floods11", "bigearthnet_mm"]
)
def test_real_pairs(collection, source):
    radars = {row["sample_id"]: row for row in rows_of(collection, source, role="s1")}
    pairs = [
        (row, radars[row["sample_id"]]) for row in rows_of(collection, source, role="s2") if row["sample_id"] in radars
    ]
    assert pairs
    for optical, radar in pairs[:6]:
        known = {"level": optical["level"][:3], "offset": -int(optical["dn_offset"])}
        scene = read(collection / optical["path"], collection / radar["path"], **known)
        assert np.isfinite(scene.radar.values).mean() > 0.99
        assert np.median(scene.radar.sel(pol="VV")) > np.median(scene.radar.sel(pol="VH"))


def test_real_terramesh_offset_is_detected(collection):
    found = set()
    for row in rows_of(collection, "terramesh_s1_s2_lulc", level="L1C"):
        scene = read(collection / row["path"])
        assert scene.optical.encoding["dtype"] == "int16"
        assert scene.optical.encoding["offset"] == -int(row["dn_offset"])
        round_trip(collection / row["path"], scene)
        found.add(scene.optical.encoding["offset"])
    assert found == {0, -1000}


def test_real_l2a_must_be_asked_for(collection):
    for source in ("eobrowser_l2a", "majortom_pair", "terramesh_s1_s2_lulc"):
        for row in rows_of(collection, source, role="s2", level="L2A"):
            refused(["--level"], collection / row["path"])
            offset = {}
            if row["dn_offset"] == "1000":
                refused(["--offset"], collection / row["path"], level="L2A")
                offset = {"offset": -1000}
            scene = read(collection / row["path"], level="L2A", **offset)
            assert scene.optical.encoding["offset"] == -int(row["dn_offset"])
            round_trip(collection / row["path"], scene)


def test_real_bigearthnet_level_comes_from_its_name_only(collection, tmp_path):
    for row in rows_of(collection, "bigearthnet_mm", role="s2"):
        assert read(collection / row["path"]).attrs["level"] == "L2A"
        copy = tmp_path / "s2.tif"
        copy.write_bytes((collection / row["path"]).read_bytes())
        refused(["s2.tif", "--level"], copy)
        assert read(copy, level="L2A").optical.encoding["offset"] == 0
