"""What a user gets who names neither model nor mask: the shipped network behind the rule, from files to a product."""

import json
import subprocess
import sys

import numpy as np
import pytest
import rasterio

from stac_schemas import validate_file
from sunbreak import weights
from sunbreak.models import DEFAULT
from sunbreak.steps.read import read
from sunbreak.steps.restore import restore

FILES = {"item.json", "model.json", "preview.png", "quality.tif", "reflectance.tif", "uncertainty.tif"}
WITH_RADAR, WITHOUT_RADAR = 2, 3


def sunbreak(*arguments):
    command = [sys.executable, "-m", "sunbreak.cli", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=900).stdout


def bands(path):
    with rasterio.open(path) as file:
        return file.read()


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("defaults") / "scene"
    sunbreak("simulate", "-o", folder, "--size", 400, "--seed", 3)
    return folder


@pytest.fixture(scope="module", params=["L1C with radar", "L1C without radar", "L2A with radar"])
def product(request, scene, tmp_path_factory):
    """Folder of the scene, folder of its product, what the command said, and the source of what is restored."""
    folder = tmp_path_factory.mktemp("product")
    level, _, radar = request.param.partition(" ")
    if level == "L2A":
        scene = folder / "scene"
        sunbreak("simulate", "-o", scene, "--size", 300, "--seed", 4, "--level", level)
    given = ["--radar", scene / "radar.tif"] if radar == "with radar" else []
    told = sunbreak("restore", scene / "optical.tif", *given, "-o", folder / "out")
    return scene, folder / "out", told, WITH_RADAR if given else WITHOUT_RADAR


def test_the_network_restores_what_the_mask_finds_and_nothing_else(product):
    scene, out, told, expected = product
    quality, source = bands(out / "quality.tif")
    assert 0.05 < (quality > 1).mean() < 0.95
    np.testing.assert_array_equal(source, np.where(quality > 1, expected, 1))
    before, after = bands(scene / "optical.tif"), bands(out / "reflectance.tif")
    assert before.dtype == after.dtype
    clear = quality == 1
    assert after[:, clear].tobytes() == before[:, clear].tobytes()
    assert (after[:, ~clear] != before[:, ~clear]).mean() > 0.5
    assert ("network with radar" if expected == WITH_RADAR else "network without radar") in told


def test_every_restored_value_has_an_error_and_no_measured_one(product):
    _, out, _, _ = product
    _, source = bands(out / "quality.tif")
    with rasterio.open(out / "uncertainty.tif") as file:
        sigma = file.read()
        assert (sigma != file.nodata).all()
    assert (sigma[:, source > 1] > 0).all()
    assert (sigma[:, source == 1] == 0).all()


def test_the_product_names_mask_and_network_and_holds_the_card(product):
    _, out, _, expected = product
    card = weights.shipped()[DEFAULT]
    assert {path.name for path in out.iterdir()} == FILES | ({"land_cover.tif"} if card.land_cover else set())
    told = json.loads((out / "item.json").read_text())["properties"]
    assert told["sunbreak:quality_from"] == "rule"
    assert told["sunbreak:model"] == DEFAULT
    assert told["sunbreak:weights_sha256"] == card.sha256["onnx"]
    assert told["sunbreak:runtime"] == "openvino"
    names = {WITH_RADAR: "network with radar", WITHOUT_RADAR: "network without radar"}
    assert told["sunbreak:restored_by"].keys() == {names[expected]}
    assert validate_file(out / "model.json")["properties"]["sunbreak:card"] == card.content()


def test_the_product_is_nearer_to_the_truth_than_the_input(product):
    scene, out, _, _ = product
    (cloud,) = np.isin(bands(scene / "quality.tif"), (2, 3))
    truth, before, after = (
        bands(path).astype(float)[:, cloud] / 10000
        for path in (scene / "truth.tif", scene / "optical.tif", out / "reflectance.tif")
    )
    error, cloudy = (float(np.sqrt(((image - truth) ** 2).mean())) for image in (after, before))
    assert error < 0.5 * cloudy


def test_land_cover_is_mapped_where_the_network_maps_it(product):
    _, out, _, _ = product
    codes = weights.shipped()[DEFAULT].land_cover
    quality, _ = bands(out / "quality.tif")
    if codes:
        classes, percent = bands(out / "land_cover.tif")
        assert set(np.unique(classes[quality > 1])) <= set(codes)
        assert (percent[quality > 1] > 0).all()
    else:
        assert not (out / "land_cover.tif").exists()


def test_python_gives_what_the_command_gives(product):
    scene, out, _, expected = product
    made = restore(read(scene / "optical.tif", radar=scene / "radar.tif" if expected == WITH_RADAR else None))
    assert made.attrs["quality_from"] == "rule"
    assert made.attrs["model"] == DEFAULT
    quality, source = bands(out / "quality.tif")
    np.testing.assert_array_equal(made.quality, quality)
    np.testing.assert_array_equal(made.source, source)
    stored = read(out / "reflectance.tif").optical
    np.testing.assert_allclose(made.reflectance, stored, atol=0.51e-4)
