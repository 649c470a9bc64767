"""Training through its public function: legs, kills, and what the run folder holds."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from sunbreak.errors import OptionError
from sunbreak.networks import build
from sunbreak.train.options import TrainOptions
from sunbreak.train.restoration import Restoration
from sunbreak.train.run import train

SMALL = TrainOptions(
    steps=6, semantic_steps=3, batch=2, crop=64, final_crop=128, final_share=0.34, scene_size=128, reuse=2,
    checkpoint=2, warmup=1,
)  # fmt: skip


NARROW = {"widths": [8, 8, 16, 16]}


def equal(one, other):
    first, second = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    leg = train("tdp-cr-prior", ["simulated:"], run, options=SMALL, config=NARROW)
    assert leg.finished
    return run


def command(out):
    flags = [f"--{name}={getattr(SMALL, name)}" for name in (
        "steps", "semantic_steps", "batch", "crop", "final_crop", "final_share", "scene_size", "reuse", "checkpoint",
        "warmup",
    )]  # fmt: skip
    return [
        sys.executable,
        "-m",
        "sunbreak.cli",
        "train",
        "tdp-cr-prior",
        "--data",
        "simulated:",
        "-o",
        str(out),
        *flags,
        "--network-options",
        json.dumps(NARROW),
    ]


def test_a_killed_training_ends_in_the_same_weights(whole, tmp_path):
    out = tmp_path / "run"
    first = subprocess.Popen(command(out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    checkpoint = out / "phase1" / "last.ckpt"
    limit = time.monotonic() + 240
    while not checkpoint.is_file() and first.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert checkpoint.is_file()
    assert not (out / "model.onnx").exists()
    done = subprocess.run(command(out), capture_output=True, text=True, check=True)
    assert "trained" in done.stdout
    assert len(list((out / "phase1" / "logs").iterdir())) == 2  # it went on, and did not begin again
    assert equal(whole, out)


def test_a_leg_stops_in_time_and_goes_on(whole, tmp_path):
    legs = [train("tdp-cr-prior", ["simulated:"], tmp_path / "run", options=SMALL, config=NARROW, minutes=0.0)]
    assert legs[0].done == "phase1: 1 of 6 steps"
    legs.append(train("tdp-cr-prior", ["simulated:"], tmp_path / "run", options=SMALL, config=NARROW, minutes=0.0))
    assert legs[1].done == "phase1: 2 of 6 steps"
    assert train("tdp-cr-prior", ["simulated:"], tmp_path / "run", options=SMALL, config=NARROW).finished
    assert equal(whole, tmp_path / "run")


def test_legs_under_skies_of_their_own_add_up(tmp_path):
    options = replace(SMALL, own_skies=True, semantic_steps=2)
    runs = [tmp_path / name for name in ("whole", "legs", "scenes")]
    assert train("tdp-cr", ["simulated:"], runs[0], options=options, config=NARROW).finished
    assert not train("tdp-cr", ["simulated:"], runs[1], options=options, config=NARROW, minutes=0.0).finished
    assert train("tdp-cr", ["simulated:"], runs[1], options=options, config=NARROW).finished
    assert equal(*runs[:2])
    assert train("tdp-cr", ["simulated:"], runs[2], options=replace(options, own_skies=False), config=NARROW).finished
    assert not equal(*runs[1:])


@pytest.mark.parametrize(("network", "reason"), [("tdp-cr-prior", "scene prior"), ("cloud-mask", "does not restore")])
def test_skies_of_their_own_are_refused_where_they_cannot_be(network, reason, tmp_path):
    with pytest.raises(OptionError, match=f"own_skies: {network} .*{reason}"):
        train(network, ["simulated:"], tmp_path / "run", options=replace(SMALL, own_skies=True))
    assert not (tmp_path / "run").exists()


def test_a_task_that_is_to_be_compiled_can_be_handed_to_other_processes():
    options = replace(SMALL, compile=True)
    task = Restoration(build("naf-unet"), options, semantic=False, steps=3)
    assert pickle.loads(pickle.dumps(task)).options == options  # as several devices do


def test_a_network_that_cannot_be_compiled_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, str(tmp_path / "no-compiler")))
    options = replace(SMALL, compile=True, semantic_steps=0)
    with pytest.raises(OptionError, match=r"--compile: .*leave it out, or install a C"):
        train("tdp-cr", ["simulated:"], tmp_path / "run", options=options, config=NARROW)


def test_the_run_holds_a_model_with_its_card(whole):
    card = json.loads((whole / "model.json").read_text())
    assert card["name"] == "tdp-cr-prior"
    assert card["training"]["options"]["steps"] == 6
    assert card["training"]["regions_seen"] == []
    assert card["land_cover"][0] == 10
    assert (whole / "phase1" / "logs" / "from-0").is_dir()


def test_a_finished_run_is_not_trained_again(whole):
    files = [whole / "phase2" / "weights.safetensors", whole / "model.onnx", whole / "model.json"]
    before = [file.stat().st_mtime_ns for file in files]
    assert train("tdp-cr-prior", ["simulated:"], whole, options=SMALL, config=NARROW).finished
    assert [file.stat().st_mtime_ns for file in files] == before


def test_other_settings_in_the_same_folder_are_refused(whole):
    with pytest.raises(OptionError, match="other network"):
        train("tdp-cr", ["simulated:"], whole, options=SMALL)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(OptionError, match="not empty"):
        train("cloud-mask", ["simulated:"], tmp_path, options=SMALL)


def test_only_what_can_be_trained_on_is(tmp_path):
    with pytest.raises(OptionError, match="trained on"):
        train("cloud-mask", ["scene:somewhere"], tmp_path / "run", options=SMALL)


@pytest.mark.parametrize(("trained", "moves"), [("head", False), ("decoder", True), ("all", True)])
def test_phase_2_trains_what_the_setting_says(trained, moves, tmp_path):
    from dataclasses import replace

    run = tmp_path / "run"
    options = replace(SMALL, steps=2, semantic_steps=2, semantic_trainable=trained)
    train("tdp-cr", ["simulated:"], run, options=options, config=NARROW)
    before, after = (load_file(run / phase / "weights.safetensors") for phase in ("phase1", "phase2"))
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert bool(changed) == moves
    assert changed <= ({"up", "decoder", "head"} if trained == "decoder" else {key.split(".")[0] for key in before})


def test_the_mask_network_is_trained_in_one_phase(tmp_path):
    leg = train("cloud-mask", ["simulated:"], tmp_path / "run", options=SMALL)
    card = json.loads((tmp_path / "run" / "model.json").read_text())
    assert leg.finished
    assert card["kind"] == "mask"
    assert not (tmp_path / "run" / "phase2").exists()
