"""`sunbreak restore --reference` as a user meets it."""

import json
import subprocess
import sys

import numpy as np
import pytest
import rasterio

from conftest import write_raster
from references import rmse, two_dates
from scenes import UTM, geobox
from sunbreak.bands import L1C_BANDS

SHAPE = (160, 170)


def sunbreak(*arguments):
    command = [sys.executable, "-m", "sunbreak.cli", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Files of two dates, and what stands under the cloud."""
    folder, made = tmp_path_factory.mktemp("place"), two_dates(SHAPE, seed=5)
    for name, scene, day in (("now", made.scene, "2023-07-15"), ("earlier", made.earlier, "2023-06-25")):
        dn = np.rint(scene.optical.values * 10_000 + 1000).astype(np.uint16)
        tags = {"PROCESSING_LEVEL": "Level-1C", "PRODUCT_START_TIME": f"{day}T10:30:00Z"}
        grid = {"crs": UTM, "transform": geobox(SHAPE).affine}
        write_raster(folder / f"{name}.tif", dn, descriptions=L1C_BANDS, tags=tags, scaling=(1e-4, -0.1), **grid)
        write_raster(folder / f"{name}_s1.tif", scene.radar.values, descriptions=("VV", "VH"), **grid)
        write_raster(folder / f"{name}_quality.tif", scene.quality.values[np.newaxis], **grid)
    return folder, made


def restored(folder, out, *more):
    given = ["--radar", folder / "now_s1.tif", "--quality", folder / "now_quality.tif", "--buffer", 0]
    return sunbreak("restore", folder / "now.tif", *given, "-o", out, "--model", "scene-prior", *more)


def test_a_scene_is_restored_with_an_earlier_product_and_its_radar(place, tmp_path):
    folder, made = place
    first = sunbreak(
        "restore", folder / "earlier.tif", "--radar", folder / "earlier_s1.tif", "--quality",
        folder / "earlier_quality.tif", "--buffer", 0, "-o", tmp_path / "earlier", "--model", "scene-prior",
    )  # fmt: skip
    assert first.returncode == 0, first.stderr
    radar = ("--reference-radar", folder / "earlier_s1.tif")
    done = restored(folder, tmp_path / "with", "--reference", tmp_path / "earlier", *radar)
    assert done.returncode == 0, done.stderr
    assert "by reference date" in done.stdout
    assert restored(folder, tmp_path / "without").returncode == 0
    errors = {}
    for name in ("with", "without"):
        with rasterio.open(tmp_path / name / "reflectance.tif") as file:
            image = (file.read().astype(np.float32) - 1000) / 10_000
        errors[name] = rmse(image, made.truth, made.cloud & ~made.changed)
    assert errors["with"] < 0.5 * errors["without"]
    with rasterio.open(tmp_path / "with" / "quality.tif") as file:
        source = file.read(2)
    looked = made.cloud & (made.earlier.quality.values == 1)
    assert (source[looked] == 7).all()
    item = json.loads((tmp_path / "with" / "item.json").read_text())
    assert [one["datetime"] for one in item["properties"]["sunbreak:references"]] == ["2023-06-25T10:30:00Z"]
    links = [link["title"] for link in item["links"] if link["rel"] == "derived_from"]
    assert links == ["optical", "radar", "quality", "reference", "reference radar"]
    assert "reference date" in item["properties"]["sunbreak:restored_by"]


def test_the_earlier_product_is_not_overwritten(place, tmp_path):
    folder, _ = place
    assert restored(folder, tmp_path / "out").returncode == 0
    before = (tmp_path / "out" / "reflectance.tif").read_bytes()
    done = restored(folder, tmp_path / "out", "--reference", tmp_path / "out", "--overwrite")
    assert done.returncode == 2
    assert "is an input and would be overwritten" in done.stderr
    assert (tmp_path / "out" / "reflectance.tif").read_bytes() == before


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--reference", "none.tif"), "none.tif: no such file"),
        (("--reference-radar", "now_s1.tif"), "--reference-radar: given 1 times, --reference 0 times"),
        (("--reference", "now.tif"), "now.tif: is the scene itself"),
    ],
)
def test_mistakes_are_answered_in_one_line(place, tmp_path, more, words):
    folder, _ = place
    more = [folder / one if one.endswith(".tif") else one for one in more]
    done = restored(folder, tmp_path / "out", *more)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
