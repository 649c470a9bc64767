"""The scripts in examples/ run as a user runs them, and say what is true."""

import re
import runpy
import shutil
import sys
import urllib.request
from pathlib import Path

import numpy as np
import odc.stac
import pystac
import pytest
import rasterio

from products import make_product
from stac_layouts import placed, write_item
from stac_schemas import validate_file
from sunbreak.view.catalog import find

FOLDER = Path(__file__).parents[1] / "examples"
TESTED = {
    "a_month_of_two_tiles.py",
    "classify_with_a_function.py",
    "compare_models.py",
    "many_scenes.py",
    "restore_a_scene.py",
    "restore_with_odc_stac.py",
    "trust_only_what_is_sure.py",
}


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a script as `python examples/NAME ...` does, and returns what it printed."""

    def runs(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(FOLDER / name), run_name="__main__")
        return capsys.readouterr().out

    return runs


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_product(tmp_path_factory.mktemp("examples"), "product")


def test_every_script_has_a_test():
    assert {path.name for path in FOLDER.glob("*.py")} == TESTED


def test_restore_a_scene(run, made, tmp_path):
    told = run("restore_a_scene.py", made[0] / "optical.tif", made[0] / "radar.tif", tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "quality.tif") as file:
        assert f"{100 * (file.read(2) > 1).mean():.1f} %" in told


def test_trust_only_what_is_sure(run, made):
    told = run("trust_only_what_is_sure.py", made[1])
    with rasterio.open(made[1] / "uncertainty.tif") as file:
        assert f"{100 * (file.read(8) <= 300).mean():.0f} % of the pixels are sure" in told
    assert re.search(r"mean NDVI 0\.\d{3}", told)


def test_restore_with_odc_stac(run, tmp_path):
    item = write_item(tmp_path / "item", "earth-search", offset=-1000, size=300, **{"s2:processing_baseline": "05.10"})
    placed(item)
    told = run("restore_with_odc_stac.py", item, tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "quality.tif") as file:
        assert f"{100 * (file.read(2) > 1).mean():.1f} % restored" in told
    with rasterio.open(tmp_path / "out" / "reflectance.tif") as file:
        assert file.count == 12
        assert file.offsets[0] == pytest.approx(-0.1) or file.tags()["BOA_ADD_OFFSET"] == "-1000"


def test_many_scenes(run, made, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(made[0], tmp_path / "scenes" / name)
    assert "2 scenes" in run("many_scenes.py", tmp_path / "scenes", tmp_path / "out")
    first = (tmp_path / "out" / "one" / "item.json").stat().st_mtime_ns
    run("many_scenes.py", tmp_path / "scenes", tmp_path / "out")
    assert (tmp_path / "out" / "one" / "item.json").stat().st_mtime_ns == first
    assert list(find([tmp_path / "out" / "collection.json"]).entries) == ["one", "two"]


def test_a_month_of_two_tiles(tmp_path, capsys):
    month = runpy.run_path(str(FOLDER / "a_month_of_two_tiles.py"))
    for _ in range(2):
        assert month["main"](str(tmp_path), "96", "--model", "scene-prior") == 0
    told = capsys.readouterr().out
    assert "12 scenes on 2 tiles, 12 with radar" in told
    assert "12 scenes restored, 0 were finished, 0 failed" in told
    assert "0 scenes restored, 12 were finished, 0 failed" in told
    collection = validate_file(tmp_path / "restored" / "collection.json")
    assert sum(link["rel"] == "item" for link in collection["links"]) == 12
    items = pystac.Collection.from_file(str(tmp_path / "restored" / "collection.json")).get_items()
    cube = odc.stac.load(items, bands=["B04", "quality"])
    assert dict(cube.sizes) == {"time": 6, "y": 96, "x": 192}
    assert cube.odc.crs.to_epsg() == 32633
    with rasterio.open(tmp_path / "restored" / "33TXL" / "S2A_33TXL_20240503_0_L2A" / "reflectance_B04.tif") as file:
        np.testing.assert_array_equal(cube["B04"].values[0, :, 96:], file.read(1))
    west, east = (
        validate_file(tmp_path / "restored" / tile / f"S2A_{tile}_20240503_0_L2A" / "item.json")["properties"]
        for tile in ("33TWL", "33TXL")
    )
    assert west["proj:bbox"][2] == east["proj:bbox"][0] == 600_000
    with month["served"](tmp_path / "archive") as address:
        part = urllib.request.Request(
            f"{address}/33TWL/S2A_33TWL_20240503_0_L2A/B02.tif", headers={"Range": "bytes=0-3"}
        )
        with urllib.request.urlopen(part) as answer:
            assert (answer.status, len(answer.read())) == (206, 4)


def test_compare_models(run):
    told = run("compare_models.py", "simulated:n=1,size=128")
    assert "split hash" in told
    assert "tdp-cr-prior" in told
    assert "smooth-fill" in told


def test_classify_with_a_function(run, made):
    told = run("classify_with_a_function.py", made[0] / "optical.tif", made[0] / "radar.tif")
    assert 0 < int(re.match(r"(\d+) %", told)[1]) < 100


def test_show_draws_what_is_in_memory(made):
    from rasterio.io import MemoryFile

    import sunbreak

    scene = sunbreak.read(made[0] / "optical.tif", radar=made[0] / "radar.tif")
    product = sunbreak.restore(sunbreak.mask(scene))
    shown = sunbreak.show(product, scene)
    assert shown.caption == "cloudy, restored, quality, uncertainty, land cover"
    assert shown._repr_html_().startswith('<figure><img src="data:image/png;base64,')
    with MemoryFile(shown._repr_png_()) as memory, memory.open() as file:
        picture = file.read().astype(int)
    assert picture.shape == (3, 256, 5 * 256 + 4 * 8)
    cloudy, restored = picture[:, :, :256], picture[:, :, 264:520]
    clear = product["quality"].values == 1
    np.testing.assert_array_equal(cloudy[:, clear], restored[:, clear])
    assert np.abs(cloudy - restored)[:, ~clear].mean() > 5
    with pytest.raises(sunbreak.SunbreakError, match="another size"):
        sunbreak.show(product, scene.isel(y=slice(10)))
