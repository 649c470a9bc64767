"""A network that learns one scene's own clear ground before it restores it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from conftest import radar_db, write_raster
from narrow import SEEN, write_narrow
from stac_schemas import validate_file
from sunbreak.errors import OptionError, SunbreakWarning
from sunbreak.legend import Quality
from sunbreak.pipeline import process
from sunbreak.scene import make_scene
from sunbreak.simulate import CloudSpec, SceneSpec, simulate
from sunbreak.steps.mask import MaskOptions
from sunbreak.steps.restore import RestoreOptions, restore
from sunbreak.train.in_scene import OPTIONS, _windows, adapt_to_scene

SIDE = 128


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_narrow(tmp_path_factory.mktemp("base"))


@pytest.fixture(autouse=True)
def _a_small_scene_is_enough(monkeypatch):
    monkeypatch.setattr("sunbreak.train.in_scene.FEWEST_PIXELS", 1000)
    monkeypatch.setattr("sunbreak.train.in_scene.SIDES", (128, 64))
    monkeypatch.setattr("sunbreak.train.in_scene.OPTIONS", replace(OPTIONS, crop=64, batch=1, skies=2))


@pytest.fixture
def better(monkeypatch):
    """Whatever comes out counts as better: a second of learning helps nobody."""
    monkeypatch.setattr("sunbreak.train.check.Checked.helped", True)


@pytest.fixture(scope="module")
def scene():
    spec = SceneSpec(size=SIDE, seed=4, level="L2A", clouds=CloudSpec(seed=9, cover=0.3, kind="thick"))
    window = simulate(spec)
    return make_scene(
        window.optical, bands=spec.bands, level=spec.level, radar=window.radar, quality=window.quality
    )  # fmt: skip


def test_the_product_says_how_its_network_was_adapted(base, scene, better):
    given = json.loads((base / "model.json").read_text())
    options = RestoreOptions(model=base, adapt_seconds=1.0)
    product = restore(scene, options=options)
    told = product.attrs
    assert told["adapted_seconds"] == 1.0
    assert told["adapted_steps"] >= 1
    assert told["adapted_windows"] >= 1
    assert abs(told["adapted_gain"]) < 10
    assert told["adapted_from_sha256"] == given["sha256"]["safetensors"]
    assert told["weights_sha256"] not in given["sha256"].values()
    assert told["model"] == "narrow-adapted"
    card = json.loads(told["model_item"])["properties"]["sunbreak:card"]
    assert card["training"]["regions_seen"] == SEEN
    assert card["licence"].startswith("unknown")
    clear = scene["quality"].data == Quality.CLEAR
    assert np.array_equal(product["reflectance"].data[:, clear], scene["optical"].data[:, clear])
    plain = restore(scene, model=base)
    assert "adapted_seconds" not in plain.attrs
    assert not np.array_equal(plain["reflectance"].data, product["reflectance"].data, equal_nan=True)


def test_weights_that_got_worse_are_not_used(base, scene, monkeypatch):
    monkeypatch.setattr("sunbreak.train.check.Checked.helped", False)
    with pytest.warns(SunbreakWarning, match="did not help"):
        product = restore(scene, options=RestoreOptions(model=base, adapt_seconds=0.1))
    assert product.attrs["model"] == "narrow"
    assert product.attrs["adapted_seconds"] == 0.1
    assert "adapted_from_sha256" not in product.attrs
    assert np.array_equal(product["reflectance"], restore(scene, model=base)["reflectance"], equal_nan=True)


def test_a_scene_smaller_than_two_patches_is_not_learnt(base, scene, monkeypatch):
    monkeypatch.setattr("sunbreak.train.in_scene.SIDES", (512, 256))
    with pytest.warns(SunbreakWarning, match="clear pixels in 0 windows"):
        product = restore(scene, options=RestoreOptions(model=base, adapt_seconds=60.0))
    assert product.attrs["model"] == "narrow"


def test_without_clear_ground_the_weights_stay_as_they_are(base, scene, monkeypatch):
    monkeypatch.setattr("sunbreak.train.in_scene.FEWEST_PIXELS", 10**9)
    with pytest.warns(SunbreakWarning, match="adapting needs"):
        product = restore(scene, options=RestoreOptions(model=base, adapt_seconds=1.0))
    assert product.attrs["model"] == "narrow"
    assert "adapted_seconds" not in product.attrs


def test_a_scene_without_cloud_is_not_learnt(base, scene):
    clear = scene.assign(quality=(("y", "x"), np.ones((SIDE, SIDE), np.uint8)))
    assert "adapted_seconds" not in restore(clear, options=RestoreOptions(model=base, adapt_seconds=60.0)).attrs


def test_a_large_scene_is_learnt_from_its_clearest_windows(base, monkeypatch, tmp_path, better):
    monkeypatch.setattr("sunbreak.train.in_scene.MOST", 3)
    monkeypatch.setattr("sunbreak.train.in_scene.SIDES", (64,))
    rng = np.random.default_rng(0)
    optical = rng.uniform(0.05, 0.3, (4, 256, 256)).astype("float32")
    quality = np.where(rng.random((256, 256)) < 0.3, 3, 1).astype("uint8")
    quality[64:128, 64:] = 1  # three clear windows
    scene = make_scene(optical, bands=("B02", "B03", "B04", "B08"), level="L2A", quality=quality)
    assert adapt_to_scene(scene, base, tmp_path, 0.1).windows == 2
    learnt, held = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("learnt", "held"))
    assert {window["clear"] for window in learnt + held} == {64 * 64}
    assert (len(learnt), len(held)) == (2, 1)
    assert not {window["name"] for window in learnt} & {window["name"] for window in held}


@pytest.mark.parametrize("shape", [(700, 300), (64, 64), (1200, 2500), (10, 300), (256, 256)])
def test_windows_lie_in_the_scene_and_never_overlap(shape):
    for side in (64, 256):
        seen = np.zeros(shape, int)
        for window in _windows(shape, side):
            assert window.rows.stop <= shape[0]
            assert window.cols.stop <= shape[1]
            seen[window.rows, window.cols] += 1
        assert seen.max() <= 1
        assert seen.sum() == side**2 * (shape[0] // side) * (shape[1] // side)


def test_the_item_of_a_product_tells_it_and_nothing_is_left_behind(base, scene, tmp_path, better):
    truth = np.clip(np.rint(np.nan_to_num(scene["optical"].data) * 10_000), 1, 65534).astype("uint16")
    write_raster(
        tmp_path / "s2.tif", truth, descriptions=[str(name) for name in scene["band"].values],
        tags={"PROCESSING_LEVEL": "Level-2A", "BOA_ADD_OFFSET": "0"},
    )  # fmt: skip
    write_raster(tmp_path / "s1.tif", radar_db(SIDE, SIDE), descriptions=("VV", "VH"))
    write_raster(tmp_path / "q.tif", scene["quality"].data[np.newaxis])
    item = process(
        tmp_path / "s2.tif", tmp_path / "s1.tif", tmp_path / "out",
        mask_options=MaskOptions(quality=tmp_path / "q.tif"),
        restore_options=RestoreOptions(model=base, adapt_seconds=0.5),
    )  # fmt: skip
    told = item.properties
    assert told["sunbreak:adapted_seconds"] == 0.5
    assert told["sunbreak:adapted_windows"] >= 1
    assert told["sunbreak:weights_sha256"] != told["sunbreak:adapted_from_sha256"]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"item.json", "model.json", "reflectance.tif"} <= written
    assert all((tmp_path / "out" / name).is_file() for name in written)
    assert validate_file(tmp_path / "out" / "model.json")["properties"]["mlm:name"] == "narrow-adapted"
    with rasterio.open(tmp_path / "out" / "reflectance.tif") as file:
        assert file.count == len(scene["band"])


@pytest.mark.parametrize(
    ("model", "seconds", "words"), [("scene-prior", 5, "no weights"), ("tdp-cr-prior", -1, "at least 0")]
)
def test_what_cannot_be_adapted_is_refused_at_once(model, seconds, words):
    with pytest.raises(OptionError, match=words):
        RestoreOptions(model=model, adapt_seconds=seconds)


def test_missing_packages_are_told(monkeypatch):
    monkeypatch.setattr("sunbreak.steps.adapt.PACKAGES", ("torch", "not_installed_anywhere"))
    with pytest.raises(OptionError, match=r"sunbreak\[train\]"):
        RestoreOptions(adapt_seconds=5.0)
    RestoreOptions()
