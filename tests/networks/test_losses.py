"""Losses: known values, and nothing counts that has no weight."""

import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from sunbreak.networks import build, losses
from sunbreak.train.export import example


def pair():
    generator = torch.Generator().manual_seed(1)
    truth = torch.rand(2, 3, 40, 40, generator=generator)
    return truth + 0.1 * torch.randn(truth.shape, generator=generator), truth


def test_a_perfect_estimate_costs_nothing():
    _, truth = pair()
    assert losses.reconstruction(truth, truth, torch.ones(2, 1, 40, 40)) < 1e-6


def test_pixels_without_weight_do_not_count():
    estimate, truth = pair()
    weights = torch.ones(2, 1, 40, 40)
    weights[..., 20:] = 0
    other = estimate.clone()
    other[..., 28:] += 7  # beyond the window of the similarity
    assert torch.allclose(
        losses.reconstruction(estimate, truth, weights), losses.reconstruction(other, truth, weights), atol=1e-5
    )
    assert losses.weighted_mean(estimate, torch.zeros(2, 1, 40, 40)) == 0


def test_similarity_is_near_the_gaussian_one():
    estimate, truth = pair()
    theirs = structural_similarity_index_measure(estimate, truth, data_range=1.0, kernel_size=7, gaussian_kernel=False)
    assert abs(losses.similarity(estimate, truth)[..., 4:-4, 4:-4].mean() - theirs) < 0.02


def test_the_likelihood_is_best_at_the_true_error_and_trains_what_is_not_detached():
    truth = torch.zeros(1, 1, 100, 100)
    estimate = (0.1 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    weights = torch.ones_like(truth)

    def at(sigma):
        return losses.likelihood(estimate, torch.full_like(truth, sigma).log() * 2, truth, weights)

    assert at(0.1) < at(0.08)
    assert at(0.1) < at(0.12)
    log_variance = torch.full_like(truth, -4.0, requires_grad=True)
    losses.likelihood(estimate.detach(), log_variance, truth, weights).backward()
    assert estimate.grad is None
    assert log_variance.grad is not None
    losses.likelihood(estimate, log_variance, truth, weights).backward()
    assert estimate.grad is not None


def test_our_network_states_its_error_without_any_pull_on_the_estimate():
    network = build("tdp-cr-prior", {"widths": (8, 8, 8, 8)})
    inputs = example(network.inputs, 32)
    ones = torch.ones_like(inputs["optical"])
    batch = inputs | {"truth": inputs["optical"], "counts": ones, "restore": ones, "emphasis": ones,
                      "sky": torch.ones(1, 32, 32, dtype=torch.int64)}  # fmt: skip
    found = network.analyse(batch)
    found.reflectance.retain_grad()
    found.log_variance.retain_grad()
    network.losses(found, batch, 0.0)["likelihood"].backward()
    assert found.reflectance.grad is None
    assert found.log_variance.grad.abs().sum() > 0


def test_land_cover_ignores_unknown_pixels():
    scores = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.full((1, 8, 8), 255)
    assert losses.land_cover(scores, labels, torch.ones(4)) == 0
    labels[:, :4] = 1
    right = torch.full_like(scores, -20.0)
    right[:, 1] = 20.0
    assert losses.land_cover(right, labels, torch.ones(4)) < 1e-4
    assert losses.land_cover(scores, labels, torch.ones(4)) > 0.5
