"""IB-HFN: what its abstract claims of the parts, and what its objective does in the course of a training."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sunbreak.networks import build, losses
from sunbreak.networks.bottleneck import SpatialBottleneck, free_bits
from sunbreak.networks.clear_sky import ClearSkyGate, dirac_skip
from sunbreak.train.export import example
from sunbreak.train.options import TrainOptions
from sunbreak.train.schedule import Group, adamw

NARROW = {"widths": (8, 12, 16, 24), "optical_depths": (1, 1, 1, 1), "radar_depths": (1, 1, 1, 1), "fused_depth": 1,
          "decoder_depths": (1, 1, 1)}  # fmt: skip


def network(**config):
    torch.manual_seed(0)
    made = build("ib-hfn", NARROW | config)
    for weight in made.parameters():
        if not weight.abs().sum():
            torch.nn.init.normal_(weight, 0.0, 0.05)
    return made


def batch(size=32):
    inputs = example(build("ib-hfn", NARROW).inputs, size)
    ones = torch.ones_like(inputs["optical"])
    truth = inputs["optical"].flip(-1)
    return inputs | {"truth": truth, "counts": ones, "restore": ones, "emphasis": ones}


def test_an_untrained_network_returns_the_cloudy_input():
    inputs = batch()
    with torch.no_grad():
        assert torch.equal(build("ib-hfn", NARROW).eval()(inputs)["reflectance"], inputs["optical"])


def test_noise_is_drawn_in_training_only():
    inputs, made = batch(), network()
    with torch.no_grad():
        made.train()
        assert not torch.equal(made.analyse(inputs).reflectance, made.analyse(inputs).reflectance)
        made.eval()
        assert torch.equal(made.analyse(inputs).reflectance, made.analyse(inputs).reflectance)


@pytest.mark.parametrize("squeeze", ["deterministic", "none"])
def test_without_a_variational_bottleneck_there_is_neither_noise_nor_cost(squeeze):
    inputs, made = batch(), network(squeeze=squeeze).train()
    found = made.analyse(inputs)
    assert found.divergence is None
    assert torch.equal(found.reflectance, made.analyse(inputs).reflectance)
    assert "bottleneck" not in made.losses(found, inputs, 1.0)


@pytest.mark.parametrize(
    "config", [{}, {"squeeze": "none"}, {"gate": False}, {"multi_level": False}, {"identity_skips": False}]
)
def test_radar_matters_and_every_weight_learns_in_every_form(config):
    inputs, made = batch(), network(**config).eval()
    with torch.no_grad():
        other = made(inputs | {"radar": inputs["radar"] + 3})["reflectance"]
        assert not torch.equal(made(inputs)["reflectance"], other)
    found = made.train().analyse(inputs)
    torch.stack(list(made.losses(found, inputs, 1.0).values())).sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in made.parameters())


def test_the_streams_do_not_meet_before_the_fusion():
    made, inputs = network(), batch()
    seen = {}
    for name in ("optical_encoder", "radar_encoder"):
        made.get_submodule(name)[-1].register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    made.eval()
    with torch.no_grad():
        made(inputs)
        first = dict(seen)
        made(inputs | {"radar": inputs["radar"] + 3})
        other_radar = dict(seen)
        made(inputs | {"optical": inputs["optical"] + 0.1})
        other_optical = dict(seen)
    for name, changed, kept in (
        ("optical_encoder", other_optical, other_radar),
        ("radar_encoder", other_radar, other_optical),
    ):
        assert torch.equal(first[name], kept[name])
        assert not torch.equal(first[name], changed[name])


def test_a_dirac_skip_starts_as_the_identity():
    features = torch.randn(1, 6, 9, 9)
    assert torch.equal(dirac_skip(6)(features), features)
    assert not torch.equal(dirac_skip(6, identity=False)(features), features)


def test_weight_decay_leaves_skips_and_vectors_alone():
    made = network()
    options = TrainOptions(steps=2, warmup=1)
    kept = {id(weight) for weight in made.undecayed()}
    groups = adamw([Group(made.parameters())], options, 2, undecayed=kept)["optimizer"].param_groups
    free = {id(weight) for group in groups if not group["weight_decay"] for weight in group["params"]}
    decayed = {id(weight) for group in groups if group["weight_decay"] for weight in group["params"]}
    names = dict(made.named_parameters())
    assert {id(names[name]) for name in names if name.startswith("skips.")} <= free
    assert {id(weight) for name, weight in names.items() if name.endswith("bias") or "scale_" in name} <= free
    assert id(names["head.weight"]) in decayed
    assert free | decayed == {id(weight) for weight in made.parameters()}


def test_the_gate_is_a_chance_and_sees_the_whole_image():
    torch.manual_seed(0)
    gate, features = ClearSkyGate(8), torch.randn(1, 8, 24, 24)
    other = features.clone()
    other[..., 12:, 12:] = features[..., 12:, 12:].flip(1) * 3
    with torch.no_grad():
        one, two = gate(features), gate(other)
    assert one.shape == (1, 1, 24, 24)
    assert 0 < one.min() < one.max() < 1
    assert not torch.equal(one[..., 0, 0], two[..., 0, 0])


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0, 2.0), st.integers(0, 1000))
def test_free_bits_never_cost_less_than_the_floor_nor_less_than_the_mean(floor, seed):
    divergence = torch.rand(2, 5, 4, 4, generator=torch.Generator().manual_seed(seed))
    cost = float(free_bits(divergence, floor))
    assert cost >= floor - 1e-6
    assert cost >= float(divergence.mean()) - 1e-6


def test_channels_below_the_floor_feel_no_pull():
    divergence = torch.full((1, 2, 3, 3), 0.05)
    divergence[:, 1] = 0.5
    divergence.requires_grad_()
    free_bits(divergence, 0.1).backward()
    assert not divergence.grad[:, 0].any()
    assert divergence.grad[:, 1].all()


def test_the_divergence_is_that_of_normal_distributions():
    torch.manual_seed(0)
    made, features = SpatialBottleneck(8, "variational").eval(), torch.randn(1, 8, 5, 5)
    with torch.no_grad():
        torch.nn.init.normal_(made.log_variance.weight, 0, 0.3)
        seen = made.look(features)
        mean, deviation = made.mean(seen), torch.exp(0.5 * made.log_variance(seen).clamp(-8, 4))
        expected = torch.distributions.kl_divergence(
            torch.distributions.Normal(mean, deviation), torch.distributions.Normal(0.0, 1.0)
        )
        assert torch.allclose(made(features).divergence, expected, atol=1e-5)


def test_the_schedule_brings_compression_and_then_sharpness():
    made, given = network().train(), batch()
    found = made.analyse(given)
    start, middle, end = (made.losses(found, given, progress) for progress in (0.0, 0.3, 1.0))
    assert start["bottleneck"] == 0
    assert middle["bottleneck"] == end["bottleneck"] > 0
    assert "sharpness" not in start
    assert 0 < middle["sharpness"] < end["sharpness"]
    assert torch.allclose(end["spectrum"], 2 * start["spectrum"])
    assert start["accuracy"] == end["accuracy"]
    static = network(scheduled=False)
    assert static.losses(found, given, 0.0).keys() == static.losses(found, given, 1.0).keys()


def test_a_perfect_estimate_costs_only_what_passes_the_bottleneck():
    given = batch()
    made = network()
    found = made.analyse(given)
    perfect = type(found)(given["truth"], divergence=found.divergence, clear=found.clear)
    parts = made.losses(perfect, given, 1.0)
    assert parts["accuracy"] == pytest.approx(1e-3, abs=1e-5)  # the smoothing of the absolute error
    assert all(abs(float(parts[name])) < 1e-5 for name in ("structure", "spectrum", "sharpness"))


def test_sharpness_is_lost_by_blur_and_by_the_cloud_and_counts_only_what_is_restored():
    truth = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    cloudy = 0.2 * truth + 0.6
    blurred = torch.nn.functional.avg_pool2d(truth, 5, 1, 2, count_include_pad=False)
    ones = torch.ones_like(truth)
    cost = {name: float(losses.sharpness(image, truth, cloudy, ones))
            for name, image in {"truth": truth, "blurred": blurred, "cloudy": cloudy}.items()}  # fmt: skip
    assert cost["truth"] < cost["blurred"] < cost["cloudy"]
    assert losses.sharpness(cloudy, truth, cloudy, torch.zeros_like(truth)) == 0
