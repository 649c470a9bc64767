"""Training on data that others publish: what is taken, what is refused, and what the run says it has seen."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from public_layouts import write_sen12ms_cr, write_sen12ms_land_cover, write_tiff
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.models import regions_seen
from sunbreak.train.batches import Batches, Plan
from sunbreak.train.options import TrainOptions
from sunbreak.train.run import train
from sunbreak.train.scenes import training_scene
from sunbreak.train.sources import Sources, read_sources
from sunbreak.train.surfaces import SceneOptions

TRAIN, HELD = [(1970, 1, 30), (1970, 1, 31), (1158, 6, 2)], [(1970, 139, 839)]
SMALL = TrainOptions(
    steps=4, semantic_steps=0, batch=2, crop=64, final_crop=64, scene_size=64, reuse=2, checkpoint=2, warmup=1,
    radar_dropout=0.0, band_dropout=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_sen12ms_cr(tmp_path_factory.mktemp("cr"), TRAIN + HELD, size=64)


def test_without_a_split_the_train_split_is_taken(pairs):
    sources = read_sources([f"sen12ms-cr:{pairs}"])
    assert not sources.simulated
    assert sources.pairs == (f"sen12ms-cr:{pairs},split=train",)
    assert sources.describe(64)["regions_seen"] == ["ROIs1158_6", "ROIs1970_1"]
    assert read_sources([f"sen12ms-cr:{pairs},split=val"]).pairs == (f"sen12ms-cr:{pairs},split=val",)


def test_a_collection_is_laid_under_simulated_clouds_unless_its_pairs_are_asked_for(tmp_path):
    assert read_sources([f"collection:{tmp_path}"]) == Sources(simulated=False, collection=str(tmp_path))
    spec = f"collection:{tmp_path},clouds=real,radar=any"
    assert read_sources(["simulated:", spec]) == Sources(pairs=(f"{spec},split=train",))


@pytest.mark.parametrize("data", [[], ["scene:somewhere"], ["collection:a", "collection:b"]])
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
        assert np.array_equal(scene.optical[:, 40:], scene.truth[:, 40:])
        assert scene.truth[:, :32].max() < 0.45
        assert scene.radar_valid.all()
    # every pair once before any comes again
    assert len({scene.truth.tobytes() for scene in scenes[:3]}) == 3
    assert {scene.truth.tobytes() for scene in scenes[:3]} == {scene.truth.tobytes() for scene in scenes[3:]}


def test_data_without_any_cloud_end_in_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr("sunbreak.train.scenes.MOST_ATTEMPTS", 3)
    root = write_sen12ms_cr(tmp_path, TRAIN[:1], size=64)
    meadow = np.array([1200, 900, 800, 600, 1000, 2200, 2800, 3000, 3200, 900, 10, 1800, 900], "uint16")
    for part in ("s2", "s2_cloudy"):
        write_tiff(next(root.rglob(f"*_{part}_1_p30.tif")), np.repeat(meadow, 64 * 64).reshape(13, 64, 64))
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
    assert card["training"]["splits"][0]["split_hash"] == settings["split_hashes"][0]
    assert card["licence"] == "Apache-2.0"
    assert settings["torch"] == torch.__version__
    assert regions_seen(run) == {"ROIs1158_6", "ROIs1970_1"}
    # the same command on other data under the same path does not go on
    write_sen12ms_cr(pairs, [(1868, 4, 1)], size=64)
    from sunbreak.train.sources import pair_set

    pair_set.cache_clear()
    with pytest.raises(OptionError, match="other split_hashes"):
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


def test_a_training_with_a_running_mean_goes_on_exactly(tmp_path):
    options = replace(SMALL, ema=0.8)
    runs = [tmp_path / name for name in ("whole", "legs", "last")]
    small = {"widths": [8, 8, 8, 8]}
    train("ib-hfn-small", ["simulated:"], runs[0], options=options, config=small)
    while not train("ib-hfn-small", ["simulated:"], runs[1], options=options, config=small, minutes=0.0).finished:
        pass
    train("ib-hfn-small", ["simulated:"], runs[2], options=SMALL, config=small)
    whole, legs, last = (load_file(run / "model.safetensors") for run in runs)
    assert all(torch.equal(whole[key], legs[key]) for key in whole)
    assert not all(torch.equal(whole[key], last[key]) for key in whole)


def test_every_device_and_process_has_samples_of_its_own():
    options = replace(SMALL, devices=2, workers=2)
    plan = Plan(options, Sources(), 0, 4, prior=False)
    batches = {rank: [batch["optical"] for batch in Batches(plan, 0, rank)] for rank in (0, 1)}
    assert all(len(found) == 4 for found in batches.values())
    everything = [batch for found in batches.values() for batch in found]
    assert len({batch.numpy().tobytes() for batch in everything}) == len(everything)


def test_two_devices_train_one_network(tmp_path):
    options = replace(SMALL, steps=2, devices=2)
    run = tmp_path / "run"
    assert train("cloud-mask", ["simulated:"], run, options=options).finished
    assert (run / "model.onnx").is_file()
    with pytest.raises(OptionError, match="devices 0"):
        replace(SMALL, devices=0)
