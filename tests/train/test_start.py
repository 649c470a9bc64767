"""Weights that a training goes on from."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from narrow import CONFIG, SEEN, write_narrow
from sunbreak.errors import OptionError
from sunbreak.models import regions_seen
from sunbreak.networks import build
from sunbreak.train.options import TrainOptions
from sunbreak.train.run import train
from sunbreak.train.start import begin_with, read_start

STILL = TrainOptions(
    steps=1, semantic_steps=1, batch=1, crop=64, final_crop=64, scene_size=64, reuse=1, warmup=1, learning_rate=1e-9,
    weight_decay=0.0,
)  # fmt: skip
WIDTHS = {"widths": CONFIG["widths"]}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_narrow(tmp_path_factory.mktemp("base"))


def test_a_training_goes_on_from_given_weights_in_both_phases(base, tmp_path):
    options = replace(STILL, start_from=str(base))
    assert train("tdp-cr-prior", ["simulated:"], tmp_path / "run", options=options, config=WIDTHS).finished
    before, after = load_file(base / "model.safetensors"), load_file(tmp_path / "run" / "model.safetensors")
    assert before.keys() == after.keys()
    learnt = [name for name in before if "running" not in name and "num_batches" not in name]
    assert any(name.startswith("land_cover") for name in learnt)
    for name in learnt:
        torch.testing.assert_close(before[name], after[name], rtol=0, atol=1e-6)
    assert regions_seen(tmp_path / "run") == set(SEEN)
    card = json.loads((tmp_path / "run" / "model.json").read_text())
    assert card["training"]["started_from"]["name"] == "narrow"
    with pytest.raises(OptionError, match="other options"):
        train("tdp-cr-prior", ["simulated:"], tmp_path / "run", options=STILL, config=WIDTHS)


def test_whole_new_parts_keep_their_initial_values(base, tmp_path):
    start = read_start(base)
    partial = replace(start, weights={name: one for name, one in start.weights.items() if not name.startswith("sky.")})
    torch.manual_seed(7)
    network = build("tdp-cr-prior", WIDTHS)
    fresh = network.state_dict()["sky.weight"].clone()
    begin_with(network, partial)
    assert torch.equal(network.state_dict()["sky.weight"], fresh)
    assert torch.equal(network.state_dict()["radar_stem.weight"], start.weights["radar_stem.weight"])


def test_a_part_that_is_there_in_part_is_refused(base):
    start = read_start(base)
    partial = replace(start, weights={name: one for name, one in start.weights.items() if name != "sky.bias"})
    with pytest.raises(OptionError, match=r"lacks sky\.bias"):
        begin_with(build("tdp-cr-prior", WIDTHS), partial)


@pytest.mark.parametrize(
    ("network", "config", "words"),
    [("tdp-cr-prior", {"widths": [8, 8, 8, 16]}, "the network as set has"), ("naf-unet", {}, "another network")],
)
def test_weights_of_another_network_are_refused(base, tmp_path, network, config, words):
    options = replace(STILL, start_from=str(base))
    with pytest.raises(OptionError, match=words) as told:
        train(network, ["simulated:"], tmp_path / "run", options=options, config=config)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["scene-prior", "nothing-of-the-kind"])
def test_what_has_no_weights_is_refused(name):
    with pytest.raises(OptionError, match=name):
        read_start(name)


def test_damaged_weights_are_refused(base, tmp_path):
    for file in base.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(OptionError, match="not what its card was written for"):
        read_start(tmp_path)
