"""The bench of trainings: what it counts is what was done, and every form of samples has its row."""

import pytest
import torch

from sunbreak.benchmark.inputs import simulated_scene
from sunbreak.benchmark.parts import PARTS, BenchOptions
from sunbreak.benchmark.public_data import sen12ms_cr
from sunbreak.data import open_data
from sunbreak.networks import build
from sunbreak.train.timing import Traffic


def test_bytes_are_those_that_operations_read_and_write():
    image, layer = torch.zeros(1, 4, 8, 8), torch.nn.Conv2d(4, 4, 1, bias=False)
    with Traffic() as traffic:
        layer(image).view(1, -1).relu()
    convolution, relu = 4 * (256 + 16 + 256), 4 * (256 + 256)
    assert traffic.bytes == convolution + relu


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def test_patches_are_the_scene_in_the_layout_of_the_data_set(cache):
    scene = simulated_scene(512, cache)
    spec = sen12ms_cr(scene)
    assert sen12ms_cr(scene) == spec
    samples = open_data(spec)
    assert (samples.split, len(samples.entries)) == ("train", 4)
    sample = samples.entries[3].load()
    assert sample.cloudy.shape == sample.clear.shape == (13, 256, 256)
    assert -0.05 < float(sample.clear.mean()) < 0.6
    assert float(sample.cloudy.mean()) > float(sample.clear.mean())


def test_every_form_of_samples_has_its_row(cache):
    table = PARTS["training"](BenchOptions(sizes=(512,), networks=("naf-unet",), repeats=1, batch=1, cache=cache))
    assert [row[:3] for row in table.rows] == [
        ["naf-unet", name, "1"] for name in ("simulated", "skies of their own", "SEN12MS-CR")
    ]
    weights = sum(weight.numel() for weight in build("naf-unet").parameters())
    for run in table.raw:
        # a step reads and writes every weight, multiplies at least a few times with each, and waits for its batch
        assert run["bytes"] > 12 * weights
        assert run["flops"] > 100 * weights
        assert 0 < run["wait"] < run["seconds"]
        assert 0 < run["flops"] / run["step"] < run["flops_limit"]
        assert 0 < run["waiting"] < 1
