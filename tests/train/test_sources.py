"""Training on data that others publish: what is taken, what is refused, and what the run says it has seen."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from public_layouts import write_sen12ms_cr, write_sen12ms_land_cover, write_tiff
from sunbreak.errors import OptionError, RasterError
from sunbreak.legend import Quality
from sunbreak.models import regions_seen
from sunbreak.networks import build
from sunbreak.train.batches import Batches, Plan
from sunbreak.train.calibration import sigma_scale
from sunbreak.train.legs import Checkpoint
from sunbreak.train.options import TrainOptions
from sunbreak.train.run import train
from sunbreak.train.scene_options import SceneOptions
from sunbreak.train.scenes import training_scene
from sunbreak.train.sources import Sources, read_sources

TRAIN, HELD = [(1970, 1, 30), (1970, 1, 31), (1158, 6, 2)], [(1970, 139, 839)]
SMALL = TrainOptions(
    steps=4, semantic_steps=0, batch=2, crop=64, final_crop=64, scene_size=64, reuse=2, checkpoint=2, warmup=1,
    radar_dropout=0.0, band_dropout=0.0,
)  # fmt: skip


MEADOW = np.array([1200, 900, 800, 600, 1000, 2200, 2800, 3000, 3200, 900, 10, 1800, 900], "uint16")


def write_series(root, *, cloudy, size=64):
    """A patch of SEN12MS-CR-TS, a region of its train split, with the given dates under cloud."""
    land = np.repeat(MEADOW, size**2).reshape(13, size, size)
    radar = np.full((2, size, size), -12, "float32")
    for number in range(30):
        name = f"ROIs1868_36_ImgNo_{number}_2018-{1 + number // 28:02}-{1 + number % 28:02}_patch_1.tif"
        image = land.copy()
        if number in cloudy:
            image[:, : size // 2] = 9000
        write_tiff(root / "ROIs1868" / "36" / "S2" / str(number) / f"s2_{name}", image)
        write_tiff(root / "ROIs1868" / "36" / "S1" / str(number) / f"s1_{name}", radar)
    return root


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_sen12ms_cr(tmp_path_factory.mktemp("cr"), TRAIN + HELD, size=64)


def test_without_a_split_the_train_split_is_taken(pairs):
    sources = read_sources([f"sen12ms-cr:{pairs}"])
    assert not sources.simulated
    assert sources.pairs == (f"sen12ms-cr:{pairs},split=train",)
    assert sources.seen(64)["regions_seen"] == ["ROIs1158_6", "ROIs1970_1"]
    assert read_sources([f"sen12ms-cr:{pairs},split=val"]).pairs == (f"sen12ms-cr:{pairs},split=val",)


def test_a_collection_is_laid_under_simulated_clouds_unless_its_pairs_are_asked_for(tmp_path):
    assert read_sources([f"collection:{tmp_path}"]) == Sources(simulated=False, collection=str(tmp_path))
    spec = f"collection:{tmp_path},clouds=real,radar=any"
    for given in (spec, f"{spec},split=auto"):
        assert read_sources(["simulated:", given]) == Sources(pairs=(f"{spec},split=train",))


@pytest.mark.parametrize(
    "data",
    [[], ["scene:somewhere"], ["collection:a", "collection:b"], ["simulated:seed=4"], ["collection:a,split=test"],
     ["collection:a,clouds=simulated,cover=0.9"]],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_refused(data):
    with pytest.raises(OptionError, match="data"):
        read_sources(data)


def test_a_scene_of_a_pair_holds_what_the_files_hold(pairs):
    spec = f"sen12ms-cr:{pairs},split=train"
    options = SceneOptions(pairs=(spec,), real_share=1.0, size=64, smallest=64, with_prior=False,
                           radar_dropout=0, band_dropout=0)  # fmt: skip
    scenes = [training_scene(options, index) for index in range(6)]
    for scene in scenes:
        cloudy = scene.optical[0] > 0.85
        assert cloudy[:32].all()
        assert not cloudy[32:].any()
        assert (scene.sky[:32] != Quality.CLEAR).mean() > 0.9  # found by our own mask: the files have none
        np.testing.assert_allclose(scene.optical[:, 40:], scene.truth[:, 40:], atol=0.02)  # matched to the input
        assert scene.truth[:, :32].max() < 0.45
        assert scene.radar_valid.all()
    # every pair once before any comes again
    assert len({scene.truth.tobytes() for scene in scenes[:3]}) == 3
    assert {scene.truth.tobytes() for scene in scenes[:3]} == {scene.truth.tobytes() for scene in scenes[3:]}


def test_the_target_of_a_series_is_its_clearest_date(tmp_path):
    root = write_series(tmp_path, cloudy=range(29))
    options = SceneOptions(pairs=(f"sen12ms-cr-ts:{root},split=train",), real_share=1.0, size=64, smallest=64,
                           with_prior=False, radar_dropout=0, band_dropout=0)  # fmt: skip
    scene = training_scene(options, 0)
    assert scene.truth[1].max() < 0.3 < scene.optical[1].max()


def test_the_error_is_calibrated_on_other_scenes_than_those_trained_on(pairs, monkeypatch):
    asked = []

    def noted(self, step):
        asked.append(self.options.scenes)
        raise StopIteration

    monkeypatch.setattr("sunbreak.train.samples.SampleStream.batch", noted)
    plan = Plan(SMALL, Sources(simulated=False, pairs=(f"sen12ms-cr:{pairs},split=train",)), 0, 4)
    with pytest.raises(StopIteration):
        sigma_scale(build("naf-unet", {"widths": [8, 8, 8, 8]}), plan)
    assert asked[0].pairs == ()
    assert asked[0].real_share == 0
    assert asked[0].seed != SMALL.seed


def test_a_wrong_path_is_told_in_one_line_and_leaves_no_run(tmp_path):
    with pytest.raises(OptionError, match="no such file") as told:
        train("naf-unet", ["simulated:", f"collection:{tmp_path / 'nowhere'}"], tmp_path / "run", options=SMALL)
    assert len(str(told.value).splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_options_of_a_network_that_do_not_go_together_are_told(tmp_path):
    with pytest.raises(OptionError, match="naf-unet"):
        train("naf-unet", ["simulated:"], tmp_path / "run", options=SMALL, config={"widths": [8, 8, 8]})
    assert not (tmp_path / "run").exists()


def test_an_error_in_a_process_that_makes_batches_is_told_in_its_own_words(pairs, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(pairs, damaged)
    for path in damaged.rglob("*_s2_cloudy_*.tif"):
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RasterError) as told:
        train("naf-unet", [f"sen12ms-cr:{damaged}"], tmp_path / "run", options=SMALL, config={"widths": [8, 8, 8, 8]})
    assert len(str(told.value).splitlines()) == 1
    assert str(told.value).startswith(str(damaged))


def test_data_without_any_cloud_end_in_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr("sunbreak.train.scenes.MOST_ATTEMPTS", 3)
    root = write_sen12ms_cr(tmp_path, TRAIN[:1], size=64)
    for part in ("s2", "s2_cloudy"):
        write_tiff(next(root.rglob(f"*_{part}_1_p30.tif")), np.repeat(MEADOW, 64 * 64).reshape(13, 64, 64))
    options = SceneOptions(pairs=(f"sen12ms-cr:{root},split=train",), real_share=1.0, size=64, smallest=64)
    with pytest.raises(OptionError, match="nothing was to be restored"):
        training_scene(options, 0)


def test_crops_larger_than_the_images_end_in_a_message(pairs):
    options = SceneOptions(pairs=(f"sen12ms-cr:{pairs},split=train",), real_share=1.0, size=128, smallest=128)
    with pytest.raises(OptionError, match="smaller than crops of 128"):
        training_scene(options, 0)


def test_a_run_says_what_it_has_seen(pairs, tmp_path):
    spec = f"sen12ms-cr:{pairs}"
    run = tmp_path / "run"
    assert train("cloud-mask", ["simulated:", spec], run, options=SMALL).finished
    card, settings = (json.loads((run / name).read_text()) for name in ("model.json", "run.json"))
    assert card["training"]["regions_seen"] == settings["regions_seen"] == ["ROIs1158_6", "ROIs1970_1"]
    assert card["training"]["splits"][0]["split_hash"] == settings["splits"][0]["split_hash"]
    assert card["licence"] == "Apache-2.0"
    assert settings["torch"] == torch.__version__
    assert regions_seen(run) == {"ROIs1158_6", "ROIs1970_1"}
    # the same command on other data under the same path does not go on
    write_sen12ms_cr(pairs, [(1868, 4, 1)], size=64)
    from sunbreak.train.sources import pair_set

    pair_set.cache_clear()
    with pytest.raises(OptionError, match="other real_images, regions_seen, splits"):
        train("cloud-mask", ["simulated:", spec], run, options=SMALL)


def test_joined_land_cover_is_learnt_in_phase_2(pairs, tmp_path):
    maps = write_sen12ms_land_cover(tmp_path / "lc", TRAIN, size=64)
    mapped = f"sen12ms-cr:{pairs},split=train,land_cover={maps}"
    sources = read_sources([f"sen12ms-cr:{pairs}", mapped])
    assert sources.labelled() == Sources(simulated=False, pairs=(mapped,))
    options = replace(SMALL, steps=2, semantic_steps=2)
    run = tmp_path / "run"
    train("tdp-cr", [mapped], run, options=options, config={"widths": [8, 8, 8, 8]})
    assert json.loads((run / "model.json").read_text())["land_cover"]
    assert (run / "phase2" / "weights.safetensors").is_file()


def test_without_labels_anywhere_phase_2_takes_what_there_is(pairs):
    sources = read_sources([f"sen12ms-cr:{pairs}"])
    assert sources.labelled() == sources


def test_a_training_with_a_running_mean_goes_on_exactly(tmp_path, monkeypatch):
    options = replace(SMALL, ema=0.8)
    runs = {name: tmp_path / name for name in ("whole", "legs", "killed", "finished", "plain")}
    small = {"widths": [8, 8, 8, 8]}

    def go(name, options=options, **more):
        return train("ib-hfn-small", ["simulated:"], runs[name], options=options, config=small, **more).finished

    kept = {}
    save = Checkpoint._save

    def keep(self, trainer):
        save(self, trainer)
        kept[trainer.global_step] = self.path.read_bytes()

    monkeypatch.setattr(Checkpoint, "_save", keep)
    assert go("whole")
    monkeypatch.undo()
    while not go("legs", minutes=0.0):
        pass
    # a kill after the checkpoint in the middle, and one after the last step, before the weights are written
    for name, step in (("killed", 2), ("finished", 4)):
        go(name, minutes=0.0)
        (runs[name] / "phase1" / "last.ckpt").write_bytes(kept[step])
        assert go(name)
    go("plain", options=SMALL)
    weights = {name: load_file(run / "model.safetensors") for name, run in runs.items()}
    for name in ("legs", "killed", "finished"):
        assert all(torch.equal(value, weights[name][key]) for key, value in weights["whole"].items()), name
    assert not all(torch.equal(value, weights["plain"][key]) for key, value in weights["whole"].items())


def test_every_device_and_process_has_samples_of_its_own():
    options = replace(SMALL, devices=2, workers=2)
    plan = Plan(options, Sources(), 0, 4, prior=False)
    batches = {rank: [batch["optical"] for batch in Batches(plan, 0, rank)] for rank in (0, 1)}
    assert all(len(found) == 4 for found in batches.values())
    everything = [batch for found in batches.values() for batch in found]
    assert len({batch.numpy().tobytes() for batch in everything}) == len(everything)


def test_two_devices_train_one_network(tmp_path):
    options = replace(SMALL, steps=2, semantic_steps=2, devices=2)
    run = tmp_path / "run"
    assert train("tdp-cr", ["simulated:"], run, options=options, config={"widths": [8, 8, 8, 8]}).finished
    assert (run / "model.onnx").is_file()
    with pytest.raises(OptionError, match="devices 0"):
        replace(SMALL, devices=0)


def test_pairs_of_a_collection_come_with_their_own_terms(collection):
    sources = read_sources([f"collection:{collection},clouds=real,radar=any,split=train"])
    assert sources.may_be_given_away
    assert all("CC BY 4.0" in told for told in sources.seen(128)["sources"])
