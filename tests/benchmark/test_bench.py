"""The bench measures in fresh processes, on inputs that are what they say, and tells every run."""

import json

import numpy as np
import pytest
import rasterio

from sunbreak.benchmark.child import measured
from sunbreak.benchmark.inputs import SPACING, mask_of, simulated_scene
from sunbreak.benchmark.models import jpeg_2000
from sunbreak.benchmark.parts import PARTS, BenchOptions
from sunbreak.benchmark.products import safe_product
from sunbreak.cli import main
from sunbreak.cli.bench import NAMES
from sunbreak.errors import OptionError, SunbreakError
from sunbreak.legend import Quality
from sunbreak.steps.read import read


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def scene(cache):
    return simulated_scene(512, cache)


def test_masks_leave_the_share_that_they_say(scene):
    for touched in (0.0, 0.5, 1.0):
        with rasterio.open(mask_of(scene, touched)) as file:
            codes = file.read(1)
        wanted = codes >= Quality.THIN_CLOUD
        rows = int(np.ceil(touched * 512))
        assert not wanted[rows:].any()
        patches = [wanted[top : top + SPACING, left : left + SPACING] for top in (0, 224) for left in (0, 224)]
        if touched == 1.0:
            assert all(patch.any() for patch in patches)


def test_a_scene_is_made_once(scene, cache):
    stamp = (scene / "optical.tif").stat().st_mtime_ns
    assert simulated_scene(512, cache) == scene
    assert (scene / "optical.tif").stat().st_mtime_ns == stamp


def test_the_jpeg_2000_copy_is_lossless(scene):
    with rasterio.open(jpeg_2000(scene)) as copy, rasterio.open(scene / "optical.tif") as file:
        assert copy.driver == "JP2OpenJPEG"
        np.testing.assert_array_equal(copy.read(1), file.read(2))


def test_the_safe_product_is_the_scene_with_coarse_bands(scene):
    path = safe_product(scene)
    assert safe_product(scene) == path
    product, whole = read(path), read(scene / "optical.tif")
    assert product.attrs["level"] == "L1C"
    inside = {"y": slice(0, 510), "x": slice(0, 510)}
    for band, step in (("B02", 1), ("B05", 2), ("B10", 6)):
        expected = whole.optical.sel(band=band).isel(inside).values[::step, ::step].repeat(step, 0).repeat(step, 1)
        np.testing.assert_allclose(product.optical.sel(band=band).values, expected, atol=1e-6)


def test_reading_has_a_row_for_every_form(scene, cache):
    table = PARTS["files"](BenchOptions(sizes=(512,), repeats=1, cache=cache))
    assert [row[0].split(",")[0] for row in table.rows] == ["GeoTIFF", "JPEG 2000", "SAFE"]
    assert table.raw[-1]["values"] == 13 * 510 * 510


def test_the_command_prints_tables_and_writes_every_run(scene, cache, tmp_path, capsys):
    told = tmp_path / "bench.json"
    asked = ["bench", "scenes", "--sizes", "512", "--touched", "1", "0", "--model", "scene-prior", "--repeats", "2"]
    assert main([*asked, "--cache", str(cache), "--json", str(told)]) == 0
    shown = capsys.readouterr().out
    assert "processor: " in shown
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines() if line.startswith("| 512")]
    assert [row[1] for row in rows] == ["copy to COG", "mask by rule", "100% touched", "0% touched"]
    content = json.loads(told.read_text())
    runs = [run for run in content["tables"][0]["runs"] if run["case"] == "scene"]
    assert len(runs) == 4
    for run in runs:
        # what passes one after the other adds up to the whole
        assert sum(run["main"].values()) == pytest.approx(run["wall"], rel=0.1)
        assert run["peak_mib"] > 50
        assert run["seconds"] > run["wall"]
    touched, clear = runs[0], runs[2]
    assert touched["others"]["prior"] > 0
    assert "prior" not in clear["others"]
    assert not (scene / "copy.tif").exists()


def test_the_first_patch_counts_from_the_start_of_the_process():
    found = measured("first_patch", threads=1)
    assert 0.3 < found["first_patch"] < found["seconds"] + 0.5


def test_what_cannot_be_measured_is_told_in_one_line(capsys):
    assert main(["bench", "speed"]) == 2
    assert capsys.readouterr().err == f"sunbreak: bench: no part speed; there are {', '.join(PARTS)}\n"
    assert tuple(PARTS) == NAMES
    with pytest.raises(OptionError, match="sizes from 256"):
        BenchOptions(sizes=(64,))
    with pytest.raises(SunbreakError, match=r"bench decode .*: failed \("):
        measured("decode", path="missing.tif")
    with pytest.raises(OptionError, match=r"^missing.onnx: a model is an .onnx file"):
        measured("network", name="missing", runtime="auto", precision="auto", folder=".")
