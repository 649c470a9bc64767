"""The command line as a user meets it: a process, its exit code, its one line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from conftest import l1c_dn, write_raster
from model_files import mapper
from scenes import UTM, blob, geobox
from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.models import DEFAULT

SHAPE = (96, 96)
GRID = geobox(SHAPE)
QUICK = ("--model", "scene-prior", "--mask", "rule")
"""Without networks, whose own tests are in test_defaults.py; on scenes this simple what they find is anyone's guess."""


def sunbreak(*arguments, limit=None):
    def limited():
        import resource

        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "sunbreak.cli", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, preexec_fn=limited)


def refused(done, code, *words, out=None):
    """One line on stderr with all the words, the exit code, and nothing left."""
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("sunbreak: ")
    for word in words:
        assert word in lines[0], lines[0]
    assert "Traceback" not in done.stderr
    if out is not None:
        assert not out.exists()


@pytest.fixture
def folder(tmp_path):
    """A scene of 96 x 96 pixels under a cloud, with radar."""
    dn = l1c_dn(*SHAPE, offset=-1000)
    cloud = blob(SHAPE, (40, 50), 22)
    dn[:, cloud] = 7500
    dn[10] = 1010
    optical(tmp_path / "s2.tif", dn)
    radar = -12 + np.random.default_rng(0).standard_normal((2, *SHAPE)).astype(np.float32)
    radar[1] -= 6
    write_raster(tmp_path / "s1.tif", radar, crs=UTM, transform=GRID.affine, descriptions=("VV", "VH"))
    return tmp_path


def radar_of(shape):
    return np.full((2, *shape), [[[-12]], [[-18]]], np.float32)


def optical(path, dn, **options):
    given = {"crs": UTM, "transform": GRID.affine, "tags": {"PROCESSING_LEVEL": "Level-1C"}, "descriptions": L1C_BANDS}
    return write_raster(path, dn, **(given | options))


def test_a_scene_is_restored_in_one_command(folder):
    command = ["restore", folder / "s2.tif", "--radar", folder / "s1.tif", "-o", folder / "out", *QUICK]
    done = sunbreak(*command)
    assert done.returncode == 0, done.stderr
    assert "cloud" in done.stdout
    assert "preview.png" in done.stdout
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert names == ["item.json", "preview.png", "quality.tif", "reflectance.tif", "uncertainty.tif"]
    with rasterio.open(folder / "out" / "quality.tif") as file:
        assert file.read(2)[40, 50] == 4
    refused(sunbreak(*command), 2, "already holds a finished product", "--overwrite")


def test_help_is_quick_and_loads_nothing_heavy():
    code = "import sys; from sunbreak.cli import build_parser; build_parser(); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"xarray", "numpy", "rasterio", "torch", "openvino"} & set(loaded)
    for verb in ("restore", "simulate", "models", "evaluate", "preview"):
        done = sunbreak(verb, "--help")
        assert done.returncode == 0
        assert verb in done.stdout


def test_models_are_listed_and_explained():
    done = sunbreak("models")
    assert "scene-prior" in done.stdout
    assert any(line.startswith(f"{DEFAULT} *") for line in done.stdout.splitlines())
    assert "fitted on the scene's own clear pixels" in sunbreak("models", "scene-prior").stdout
    refused(sunbreak("models", "magic"), 2, "magic", "scene-prior")


def test_a_model_file_restores_and_maps_everywhere(folder):
    mapper(folder / "tiny.onnx")
    done = sunbreak(
        "restore", folder / "s2.tif", "--radar", folder / "s1.tif", "-o", folder / "out",
        "--model", folder / "tiny.onnx", "--mask", "rule", "--everywhere",
        "--runtime", "openvino", "--precision", "fp32",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "network with radar" in done.stdout
    with rasterio.open(folder / "out" / "land_cover.tif") as file:
        assert (file.read(1) != 255).all()


def test_simulate_restore_preview_and_evaluate_work_together(tmp_path):
    assert sunbreak("simulate", "-o", tmp_path / "scene", "--size", 256, "--seed", 3).returncode == 0
    done = sunbreak(
        "restore", tmp_path / "scene/optical.tif", "--radar", tmp_path / "scene/radar.tif", "-o", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr
    done = sunbreak("preview", tmp_path / "out", "-o", tmp_path / "p.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p.png").stat().st_size > 1000
    report = tmp_path / "report.json"
    done = sunbreak("evaluate", DEFAULT, "--data", f"scene:{tmp_path / 'scene'}", "--json", report)
    assert done.returncode == 0, done.stderr
    for word in (DEFAULT, "scene-prior", "smooth-fill", "cloudy", "sunbreak", "PSNR"):
        assert word in done.stdout
    assert json.loads(report.read_text())


def bad(name):
    """Prepare one kind of bad input in a folder; returns arguments, and words the message must hold."""

    def prepare(function):
        CASES[name] = function
        return function

    return prepare


CASES = {}


@bad("missing file")
def _(folder):
    return [folder / "none.tif"], ["none.tif"]


@bad("not a raster")
def _(folder):
    (folder / "notes.tif").write_text("hello")
    return [folder / "notes.tif"], ["notes.tif"]


@bad("empty file")
def _(folder):
    (folder / "empty.tif").write_bytes(b"")
    return [folder / "empty.tif"], ["empty.tif"]


@bad("truncated")
def _(folder):
    content = (folder / "s2.tif").read_bytes()
    (folder / "short.tif").write_bytes(content[: len(content) // 3])
    return [folder / "short.tif"], ["short.tif", "download"]


@bad("a network address")
def _(folder):
    return ["https://example.invalid/s2.tif"], ["https://example.invalid/s2.tif"]


@bad("wrong band count")
def _(folder):
    optical(folder / "five.tif", l1c_dn(*SHAPE)[:5], descriptions=())
    return [folder / "five.tif"], ["five.tif", "--bands"]


@bad("radar of another size, nothing georeferenced")
def _(folder):
    optical(folder / "plain.tif", l1c_dn(*SHAPE), crs=None)
    write_raster(folder / "small.tif", radar_of((50, 50)), crs=None)
    return [folder / "plain.tif", "--radar", folder / "small.tif"], ["small.tif", "plain.tif"]


@bad("radar elsewhere")
def _(folder):
    away = geobox(SHAPE, origin=(700_000.0, 4_000_000.0))
    write_raster(folder / "far.tif", radar_of(SHAPE), crs=UTM, transform=away.affine)
    return [folder / "s2.tif", "--radar", folder / "far.tif"], ["far.tif", "s2.tif"]


@bad("radar without a valid pixel")
def _(folder):
    write_raster(folder / "nan.tif", np.full((2, *SHAPE), np.nan, np.float32), crs=UTM, transform=GRID.affine)
    return [folder / "s2.tif", "--radar", folder / "nan.tif"], ["nan.tif", "valid"]


@bad("HH and HV")
def _(folder):
    values = np.full((2, *SHAPE), -12, np.float32)
    write_raster(folder / "hh.tif", values, crs=UTM, transform=GRID.affine, descriptions=("HH", "HV"))
    return [folder / "s2.tif", "--radar", folder / "hh.tif"], ["hh.tif", "HH"]


@bad("fully clouded, no radar")
def _(folder):
    dn = np.full((13, *SHAPE), 8000, np.uint16)
    dn[10] = 1010
    optical(folder / "white.tif", dn)
    return [folder / "white.tif", "--mask", "rule"], ["white.tif", "--radar"]


@bad("zero-size window")
def _(folder):
    return [folder / "s2.tif", "--bbox", 100, 10, 101, 11], ["s2.tif"]


@bad("unknown level")
def _(folder):
    optical(folder / "x.tif", l1c_dn(*SHAPE)[:12], tags={}, descriptions=L2A_BANDS)
    return [folder / "x.tif"], ["x.tif", "--level"]


@bad("unknown offset")
def _(folder):
    dn = np.full((12, *SHAPE), 3000, np.uint16)
    optical(folder / "x.tif", dn, tags={"PROCESSING_LEVEL": "Level-2A"}, descriptions=L2A_BANDS)
    return [folder / "x.tif"], ["x.tif", "--offset"]


@bad("conflicting metadata")
def _(folder):
    return [folder / "s2.tif", "--level", "L2A"], ["s2.tif", "L1C", "L2A"]


@bad("quality file with strange codes")
def _(folder):
    write_raster(folder / "q.tif", np.full((1, *SHAPE), 77, np.uint8), crs=UTM, transform=GRID.affine)
    return [folder / "s2.tif", "--quality", folder / "q.tif"], ["q.tif", "77", "--quality-map"]


@bad("unknown model")
def _(folder):
    return [folder / "s2.tif", "--model", "magic"], ["magic", "scene-prior"]


@bad("land cover from a model that maps none")
def _(folder):
    return [folder / "s2.tif", "--everywhere", "--model", "scene-prior"], ["--everywhere", "scene-prior"]


@bad("a folder that holds no model")
def _(folder):
    return [folder / "s2.tif", "--model", folder], [str(folder), "model.onnx"]


@bad("impossible buffer")
def _(folder):
    return [folder / "s2.tif", "--buffer", -3], ["--buffer"]


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gives_one_clear_line_and_leaves_nothing(folder, name):
    arguments, words = CASES[name](folder)
    done = sunbreak("restore", *arguments, "-o", folder / "out")
    refused(done, 2, *words, out=folder / "out")


@pytest.mark.parametrize(("model", "source"), [("scene-prior", 5), (DEFAULT, 2)])
def test_a_fully_clouded_scene_with_radar_is_restored_with_a_warning(folder, model, source):
    dn = np.full((13, *SHAPE), 8000, np.uint16)
    dn[10] = 1010
    optical(folder / "white.tif", dn)
    given = [folder / "white.tif", "--radar", folder / "s1.tif", "--mask", "rule", "--model", model]
    done = sunbreak("restore", *given, "-o", folder / "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("warning: ")
    assert "global regression" in done.stderr
    with rasterio.open(folder / "out" / "quality.tif") as file:
        assert (file.read(2) == source).all()


def test_a_scene_without_cloud_is_copied(folder):
    optical(folder / "clear.tif", l1c_dn(*SHAPE, offset=-1000))
    done = sunbreak("restore", folder / "clear.tif", "-o", folder / "out", "--mask", "rule")
    assert done.returncode == 0, done.stderr
    assert "copied unchanged" in done.stdout
    with rasterio.open(folder / "clear.tif") as before, rasterio.open(folder / "out" / "reflectance.tif") as after:
        np.testing.assert_array_equal(before.read(), after.read())


def test_a_full_disk_is_a_failure_and_leaves_nothing(folder):
    given = [folder / "s2.tif", "--radar", folder / "s1.tif", *QUICK]
    done = sunbreak("restore", *given, "-o", folder / "out", limit=30_000)
    refused(done, 1, "writing failed", out=folder / "out")


def test_an_unwritable_folder_is_refused(folder):
    out = Path("/proc/sunbreak-out")  # not even root may make a folder there
    refused(sunbreak("restore", folder / "s2.tif", "-o", out), 2, str(out), "cannot write", out=out)


def test_an_output_below_a_file_is_refused(folder):
    refused(sunbreak("restore", folder / "s2.tif", "-o", folder / "s2.tif" / "out"), 2, "cannot write")


def test_debug_shows_where_an_error_came_from(folder):
    done = sunbreak("restore", folder / "none.tif", "-o", folder / "out", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_wrong_usage_leaves_with_code_2():
    assert sunbreak("restore").returncode == 2
    assert sunbreak("conjure").returncode == 2


@pytest.mark.parametrize(("way", "sources"), [((), {1, 2, 3}), (QUICK, {1, 4, 5, 6})], ids=["default", "quick"])
@pytest.mark.parametrize(
    "name", ["S12CR_1970_139/ROIs1970_fall_139_p839", "S12CR_T5/4438", "S12CR_T2/2266", "S12CR_T1/1302"]
)
def test_real_triplets_are_restored(collection, tmp_path, name, way, sources):
    """Georeferenced and not; broken, overcast and clear."""
    stem = collection / "sen12mscr_triplets" / name
    done = sunbreak("restore", f"{stem}_s2_cloudy.tif", "--radar", f"{stem}_s1.tif", "-o", tmp_path / "out", *way)
    assert done.returncode == 0, done.stderr
    with (
        rasterio.open(f"{stem}_s2_cloudy.tif") as before,
        rasterio.open(tmp_path / "out" / "reflectance.tif") as after,
        rasterio.open(tmp_path / "out" / "quality.tif") as file,
    ):
        quality, source = file.read()
        np.testing.assert_array_equal(before.read()[:, quality == 1], after.read()[:, quality == 1])
        assert (before.crs, before.transform) == (after.crs, after.transform)
        assert set(np.unique(source)) <= sources
