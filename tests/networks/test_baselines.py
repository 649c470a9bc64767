"""Published and plain networks to compare with: their sizes, their losses, and one answer on all engines."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sunbreak.networks import build
from sunbreak.networks.dsen2_cr import cloud_adaptive, dsen2_cr
from sunbreak.networks.interface import Analysis
from sunbreak.networks.losses import likelihood
from sunbreak.networks.naf_unet import naf_unet
from sunbreak.networks.uncrtaints import uncrtaints
from sunbreak.train import export

NARROW = {
    "dsen2-cr": lambda **config: dsen2_cr(**({"width": 16, "blocks": 2} | config)),
    "uncrtaints": lambda **config: uncrtaints(**({"width": 16, "decoder_blocks": 1} | config)),
    "naf-unet": lambda **config: naf_unet(
        **({"widths": (8, 12, 16, 24), "depths": (1,) * 4, "decoder_depths": (1,) * 4} | config)
    ),
}
EACH = pytest.mark.parametrize("name", NARROW)
SHAPE = (2, 13, 16, 16)


def built(name, **config):
    """A narrow network whose zero-initialised parts have been moved, as training would."""
    torch.manual_seed(0)
    network = NARROW[name](**config)
    for weight in network.parameters():
        if not weight.abs().sum():
            torch.nn.init.normal_(weight, 0.0, 0.05)
    return network.eval()


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    cloudy, truth = torch.rand(2, *SHAPE, generator=generator)
    restore = (torch.rand(SHAPE, generator=generator) > 0.5).float()
    return {"optical": cloudy, "truth": truth, "restore": restore, "counts": torch.ones(SHAPE)}


def counted(builder):
    """Size at full width, without memory for the weights."""
    with torch.device("meta"):
        network = builder()
    return export.count(network)


def test_dsen2_cr_has_its_published_size():
    assert counted(dsen2_cr) == (18_947_341, pytest.approx(1241.18, abs=0.005))


def test_uncrtaints_has_the_size_measured_on_its_authors_network():
    parameters, gmacs = counted(uncrtaints)
    assert round(parameters / 1e6, 3) == 0.520
    assert round(gmacs, 2) == 27.02


def test_naf_unet_is_as_large_as_tdp_cr():
    theirs = counted(lambda: build("tdp-cr", {"semantic": True}))
    assert counted(naf_unet) == pytest.approx(theirs, rel=0.01)


@EACH
def test_every_weight_learns_from_the_networks_own_losses(name):
    network = built(name).train()
    inputs = export.example(network.inputs, 16)
    values = {"truth": inputs["optical"].flip(-1), "counts": torch.ones(1, 13, 16, 16), "emphasis": torch.ones(1)}
    losses = network.losses(network.analyse(inputs), inputs | values | {"restore": values["counts"]}, 0.0)
    sum(losses.values()).backward()
    assert not [key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.abs().sum()]


@EACH
def test_radar_matters_where_it_is_valid_and_only_there(name):
    network = built(name)
    inputs = export.example(network.inputs, 32)

    def moved(valid):
        flags = {"radar_valid": torch.full_like(inputs["radar_valid"], valid)}
        other = {"radar": inputs["radar"] + 3}
        with torch.no_grad():
            return (network(inputs | flags)["reflectance"] - network(inputs | flags | other)["reflectance"]).abs().max()

    assert moved(1.0) > 1e-4
    assert moved(0.0) == 0


def test_the_quality_planes_matter_to_naf_unet():
    network = built("naf-unet")
    inputs = export.example(network.inputs, 32)
    other = inputs | {"quality": 1 - inputs["quality"]}
    with torch.no_grad():
        assert not torch.equal(network(inputs)["reflectance"], network(other)["reflectance"])


def test_untrained_networks_start_at_their_input():
    for name, tolerance in (("naf-unet", 0.0), ("dsen2-cr", 0.1)):
        torch.manual_seed(0)
        network = NARROW[name]()
        inputs = export.example(network.inputs, 32)
        with torch.no_grad():
            assert (network(inputs)["reflectance"] - inputs["optical"]).abs().mean() <= tolerance, name


def test_naf_unet_can_give_the_reflectance_itself():
    network = NARROW["naf-unet"](global_residual=False)
    with torch.no_grad():
        assert not network(export.example(network.inputs, 16))["reflectance"].any()


@given(bias=st.floats(-60, 60))
@settings(max_examples=20, deadline=None)
def test_uncrtaints_stays_within_its_range_whatever_its_head_says(bias):
    network = built("uncrtaints")
    torch.nn.init.constant_(network.head.bias, bias)
    with torch.no_grad():
        found = network(export.example(network.inputs, 16))
    assert bool(((found["reflectance"] >= 0) & (found["reflectance"] <= 1)).all())
    assert found["log_variance"].min() >= np.log(network.options.variance_floor) - 1e-3
    assert found["log_variance"].isfinite().all()


def test_the_cloud_adaptive_loss_wants_the_truth_under_clouds_and_the_input_elsewhere():
    values = batch()
    best = torch.where(values["restore"] > 0, values["truth"], values["optical"])
    assert cloud_adaptive(best, values, regularisation=0.0) == 0
    assert cloud_adaptive(values["truth"], values, regularisation=0.0) > 0.1
    assert cloud_adaptive(values["optical"], values, regularisation=0.0) > 0.1


def test_the_regularisation_adds_the_absolute_error_of_everything():
    values = batch()
    estimate = values["truth"] + 0.25
    plain = cloud_adaptive(estimate, values, regularisation=0.0)
    assert cloud_adaptive(estimate, values, regularisation=2.0) - plain == pytest.approx(0.5, abs=1e-5)


def test_values_that_do_not_count_cost_nothing():
    values = batch()
    values["counts"] = values["counts"].clone()
    values["counts"][:, 3] = 0
    estimate = values["truth"] + 0.1
    other = estimate.clone()
    other[:, 3] += 5
    for loss in NARROW["dsen2-cr"](), NARROW["dsen2-cr"](cloud_adaptive=False):
        first, second = (sum(loss.losses(Analysis(found), values, 0.0).values()) for found in (estimate, other))
        assert first == second > 0


def test_without_clouds_in_mind_dsen2_cr_trains_on_the_absolute_error():
    values = batch()
    parts = NARROW["dsen2-cr"](cloud_adaptive=False).losses(Analysis(values["truth"] - 0.25), values, 0.0)
    assert {name: loss.item() for name, loss in parts.items()} == {"absolute": pytest.approx(0.25)}


@given(sigma=st.floats(0.01, 0.5), factor=st.floats(0.2, 5.0))
@settings(max_examples=30, deadline=None)
def test_the_likelihood_is_best_at_the_true_error(sigma, factor):
    truth = torch.zeros(SHAPE)
    estimate = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    estimate *= sigma / estimate.square().mean().sqrt()
    at_best, elsewhere = (
        likelihood(estimate, torch.full(SHAPE, 2 * np.log(stated)), truth, torch.ones(SHAPE))
        for stated in (sigma, sigma * factor)
    )
    assert at_best <= elsewhere + 1e-5


def test_the_likelihood_trains_the_estimate_by_the_stated_precision_and_only_where_it_weighs():
    estimate = torch.full(SHAPE, 0.1, requires_grad=True)
    log_variance = torch.zeros(SHAPE)
    log_variance[..., :8] = np.log(0.01)
    weights = torch.ones(SHAPE)
    weights[:, :, :4] = 0
    found = SimpleNamespace(reflectance=estimate, log_variance=log_variance)
    values = {"truth": torch.zeros(SHAPE), "emphasis": weights}
    NARROW["uncrtaints"]().losses(found, values, 0.0)["likelihood"].backward()
    assert not estimate.grad[:, :, :4].any()
    assert torch.allclose(estimate.grad[:, :, 4:, :8], 100 * estimate.grad[:, :, 4:, 8:])
