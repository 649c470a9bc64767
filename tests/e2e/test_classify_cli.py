"""`sunbreak classify` as a user meets it."""

import json
import subprocess
import sys

import numpy as np
import pytest
import rasterio

from classifier_files import linear, ours, sidecar
from conftest import l1c_dn, radar_db, write_raster
from scenes import UTM, blob, geobox
from sunbreak.bands import L1C_BANDS
from sunbreak.cli import main

SHAPE = (96, 112)
GRID = geobox(SHAPE)


@pytest.fixture
def folder(tmp_path):
    """A scene under a cloud, its radar, a fusion model and somebody's classifier."""
    dn = l1c_dn(*SHAPE, offset=-1000)
    dn[:, blob(SHAPE, (40, 50), 22)] = 7500
    dn[10] = 1010
    tags = {"PROCESSING_LEVEL": "Level-1C", "DATETIME": "2023-07-15T10:30:00Z"}
    place = {"crs": UTM, "transform": GRID.affine}
    write_raster(tmp_path / "s2.tif", dn, descriptions=L1C_BANDS, tags=tags, **place)
    write_raster(tmp_path / "s1.tif", radar_db(*SHAPE), descriptions=("VV", "VH"), **place)
    rng = np.random.default_rng(0)
    (tmp_path / "run").mkdir()
    inputs = [("optical", 3), ("radar", 2), ("radar_valid", 1), ("clear", 1)]
    ours(tmp_path / "run" / "model.onnx", rng.normal(size=(7, 3)), inputs, patch=32)
    sidecar(linear(tmp_path / "anybody.onnx", rng.normal(size=(3, 3))))
    return tmp_path


def classify(folder, *more, model="run"):
    given = ["classify", folder / "s2.tif", "--model", folder / model, "-o", folder / "out", *more]
    return main([str(one) for one in given])


def refused(capsys, code, *words):
    told = capsys.readouterr().err
    lines = [line for line in told.splitlines() if not line.startswith("warning: ")]
    assert code == 2
    assert len(lines) == 1, told
    for word in words:
        assert word in lines[0], lines[0]


def test_a_scene_is_classified_in_one_command_without_torch(folder):
    code = "import sys; sys.modules['torch'] = None; from sunbreak.cli import main; sys.exit(main())"
    command = [
        sys.executable, "-c", code, "classify", folder / "s2.tif", "--radar", folder / "s1.tif",
        "--model", folder / "run", "-o", folder / "out",
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{folder / 'out'}: 12 cells of 32 x 32 pixels, ")
    assert "under cloud; " in line
    assert "look at" in line
    with rasterio.open(folder / "out" / "scene_classes.tif") as file:
        assert (file.crs.to_epsg(), file.shape) == (32633, (3, 4))
        assert file.transform.a == 320
        codes, confidence = file.read()
    assert (codes > 0).all()
    assert ((confidence >= 34) & (confidence <= 100)).all()
    told = json.loads((folder / "out" / "item.json").read_text())
    assert {link["title"] for link in told["links"] if link["rel"] == "derived_from"} == {"optical", "radar", "model"}
    assert told["properties"]["sunbreak:buffer"] == 0
    for name, share in told["properties"]["sunbreak:class_percent"].items():
        assert f"{name} {share} %" in line


def test_a_fusion_model_without_radar_is_warned_of(folder, capsys):
    assert classify(folder) == 0
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert (
        line == "warning: model: takes VV and VH beside the optical image, and the scene has no radar; it goes without"
    )
    assert "12 cells" in told.out


def test_cells_and_part_of_the_scene_can_be_chosen(folder, capsys):
    with rasterio.open(folder / "s2.tif") as file:
        west, south, east, north = rasterio.warp.transform_bounds(file.crs, "EPSG:4326", *file.bounds)
    middle = (west + east) / 2
    assert classify(folder, "--cell", 16, "--bbox", west, south, middle, north, model="anybody.onnx") == 0
    assert "cells of 16 x 16 pixels" in capsys.readouterr().out
    with rasterio.open(folder / "out" / "scene_classes.tif") as file:
        assert file.transform.a == 160
        assert file.width < 112 // 16


def test_a_mask_of_ones_own_is_taken_as_it_is(folder, capsys):
    quality = np.full((1, *SHAPE), 7, np.uint8)
    quality[0, :32] = 9
    write_raster(folder / "mine.tif", quality, crs=UTM, transform=GRID.affine)
    more = ("--quality", folder / "mine.tif", "--quality-map", "7=clear,9=thick")
    assert classify(folder, *more, model="anybody.onnx") == 0
    with rasterio.open(folder / "out" / "cloud.tif") as file:
        cloud = file.read(1)
    assert (cloud[:2] == 100).all()
    assert (cloud[2:] == 0).all()
    assert f"{round(100 * 2 / 6, 2)} % of them under cloud" in capsys.readouterr().out


def test_a_finished_map_is_replaced_only_when_asked(folder, capsys):
    assert classify(folder, model="anybody.onnx") == 0
    capsys.readouterr()
    refused(capsys, classify(folder, model="anybody.onnx"), "already holds a finished product", "--overwrite")
    assert classify(folder, "--overwrite") == 0


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        ("magic", [], ["magic", "sunbreak transfer"]),
        ("anybody.onnx", ["--cell", "0"], ["--cell 0"]),
        ("anybody.onnx", ["--runtime", "torch"], ["anybody.onnx", "openvino or onnx"]),
        ("anybody.onnx", ["--offset=0", "--bands=-,B02,B03" + 10 * ",-"], ["anybody", "without B04"]),
        ("anybody.onnx", ["--radar", "none.tif"], ["none.tif"]),
    ],
)
def test_bad_input_gives_one_line_and_leaves_nothing(folder, capsys, model, more, words):
    refused(capsys, classify(folder, *more, model=model), *words)
    assert not (folder / "out").exists()


def test_a_model_that_restores_is_no_classifier(folder, capsys):
    code = main(["classify", str(folder / "s2.tif"), "--model", "tdp-cr-prior", "-o", str(folder / "out")])
    refused(capsys, code, "tdp-cr-prior", "no classifier")
    code = main(["restore", str(folder / "s2.tif"), "--model", str(folder / "run"), "-o", str(folder / "out")])
    refused(capsys, code, "is a classifier network; --model takes one that restores")
