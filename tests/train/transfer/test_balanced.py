"""OGM-GE, GDL and QMF: what they slow down, pull together and rank."""

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from sunbreak.errors import GeometryError
from sunbreak.networks.scene_classifier import energy_fusion
from sunbreak.train.transfer.balanced import (
    ConfidenceRanking,
    gradient_decoupled_loss,
    modulate,
    ogm_coefficients,
    quality_fusion_loss,
)
from sunbreak.train.transfer.distillation import kd_loss

seeds = st.integers(0, 2**31 - 1)
MODALITIES = ("optical", "radar")


def draw(seed, *shape, spread=3.0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * spread


def outputs(seed, n=6, classes=4):
    """What a variational two-branch network says in training."""
    names = ("logits", "logits_optical", "logits_radar", "mean_optical", "mean_radar")
    found = {name: draw(seed + i, n, classes) for i, name in enumerate(names)}
    found |= {f"log_variance_{m}": draw(seed + 9, n, classes, spread=0.5) for m in MODALITIES}
    return {name: tensor.requires_grad_() for name, tensor in found.items()}


def cross_entropy(logits):
    return functional.cross_entropy(logits, torch.arange(len(logits)) % logits.shape[1], reduction="none")


@given(seeds, st.floats(0, 2), st.booleans())
def test_ogm_slows_at_most_one_branch_and_swapped_branches_swap(seed, alpha, soft):
    optical, radar = draw(seed, 6, 4), draw(seed + 1, 6, 4)
    targets = draw(seed + 2, 6, 4).softmax(1) if soft else torch.arange(6) % 4
    first, second = ogm_coefficients(optical, radar, targets, alpha)
    assert (second, first) == ogm_coefficients(radar, optical, targets, alpha)
    assert max(first, second) == 1
    assert 0 <= min(first, second) <= 1


@given(seeds)
def test_ogm_leaves_equal_branches_and_alpha_zero_alone(seed):
    optical, radar = draw(seed, 6, 4), draw(seed + 1, 6, 4)
    targets = torch.arange(6) % 4
    assert ogm_coefficients(optical, optical, targets) == (1, 1)
    assert ogm_coefficients(optical, radar, targets, alpha=0.0) == (1, 1)


def test_ogm_slows_the_branch_with_the_larger_sum_of_label_scores():
    optical, radar = draw(1, 6, 4), draw(2, 6, 4)
    targets = optical.argmax(1)
    scores = [z.softmax(1)[torch.arange(6), targets].sum().item() for z in (optical, radar)]
    slow, full = ogm_coefficients(optical, radar, targets, alpha=0.3)
    assert full == 1
    assert slow == pytest.approx(1 - math.tanh(0.3 * scores[0] / scores[1]), rel=1e-5)


def test_ogm_takes_labels_as_certain_probabilities():
    optical, radar, targets = draw(1, 6, 4), draw(2, 6, 4), torch.arange(6) % 4
    hard, soft = (ogm_coefficients(optical, radar, t) for t in (targets, functional.one_hot(targets, 4).float()))
    assert hard == pytest.approx(soft)


def test_ogm_stays_finite_where_a_branch_gives_the_labels_no_chance():
    sure, wrong = torch.tensor([[60_000.0, -60_000.0]]).half(), torch.tensor([[-60_000.0, 60_000.0]]).half()
    for pair in ((sure, wrong), (wrong, wrong)):
        assert all(math.isfinite(one) for one in ogm_coefficients(*pair, torch.tensor([0])))


def test_ogm_refuses_targets_of_other_patches():
    with pytest.raises(GeometryError, match="one label"):
        ogm_coefficients(torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(5, dtype=torch.long))


@pytest.fixture
def learnt():
    encoder = nn.Sequential(nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 3))
    encoder(draw(0, 4, 2, 8, 8)).square().sum().backward()
    return encoder


def test_modulation_scales_convolutions_and_adds_noise_of_their_own_spread():
    grown = nn.Conv2d(16, 64, 3)
    grown.weight.grad = draw(1, *grown.weight.shape)
    before = grown.weight.grad.clone()
    modulate(grown, 0.25, torch.Generator().manual_seed(2))
    noise = grown.weight.grad - 0.25 * before
    assert noise.std().item() == pytest.approx(before.std().item(), rel=0.05)
    assert noise.mean().abs() < 0.1
    assert torch.corrcoef(torch.stack([noise.flatten(), before.flatten()]))[0, 1].abs() < 0.05


def test_modulation_touches_convolutions_only_and_repeats_with_the_seed(learnt):
    twin = copy.deepcopy(learnt)
    for one, parameter in zip(twin.parameters(), learnt.parameters(), strict=True):
        one.grad = parameter.grad.clone()
    before = {name: p.grad.clone() for name, p in learnt.named_parameters()}
    for encoder in (learnt, twin):
        modulate(encoder, 1.0, torch.Generator().manual_seed(7))
    for (name, parameter), other in zip(learnt.named_parameters(), twin.parameters(), strict=True):
        assert torch.equal(parameter.grad, other.grad)
        assert torch.equal(parameter.grad, before[name]) == (name != "0.weight")


def test_modulation_passes_over_parameters_that_learnt_nothing():
    frozen = nn.Conv2d(1, 1, 3)
    modulate(frozen, 0.5, torch.Generator())
    assert frozen.weight.grad is None


@given(seeds)
def test_gdl_is_the_sum_of_its_terms(seed):
    found = outputs(seed)
    loss = gradient_decoupled_loss(found, cross_entropy, beta=0.3, kl_weight=0.01)
    expected = cross_entropy(found["logits"])
    for m in MODALITIES:
        alone = found[f"logits_{m}"]
        expected = expected + 0.3 * (cross_entropy(alone) + (alone - found["logits"]).square().mean(1))
        normal = torch.distributions.Normal(found[f"mean_{m}"], (found[f"log_variance_{m}"] / 2).exp())
        spread = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
        expected = expected + 0.01 * spread.sum(1)
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-4)


def test_gdl_without_its_terms_is_the_task():
    found = outputs(4)
    assert torch.equal(gradient_decoupled_loss(found, cross_entropy, 0.0, 0.0), cross_entropy(found["logits"]))


def test_gdl_lets_no_branch_pull_the_fused_output():
    found = outputs(5)
    gradient_decoupled_loss(found, cross_entropy).sum().backward()
    whole = found["logits"].grad.clone()
    found["logits"].grad = None
    cross_entropy(found["logits"]).sum().backward()
    torch.testing.assert_close(whole, found["logits"].grad)
    for part in ("logits", "mean", "log_variance"):
        assert all(found[f"{part}_{m}"].grad.abs().sum() > 0 for m in MODALITIES)


def test_gdl_of_a_standard_normal_in_agreement_costs_the_task_alone():
    zero = torch.zeros(2, 4)
    found = dict.fromkeys(outputs(0), zero)
    torch.testing.assert_close(gradient_decoupled_loss(found, cross_entropy, beta=0.5), 2 * cross_entropy(zero))


def test_the_tasks_may_distil_a_soft_teacher():
    found, teacher = outputs(6), draw(7, 6, 4)

    def task(logits):
        return kd_loss(logits, teacher)

    assert gradient_decoupled_loss(found, task).shape == (6,)
    assert quality_fusion_loss(found, task, ConfidenceRanking(6), torch.arange(6)).shape == (6,)


@given(seeds)
def test_energy_lets_the_more_peaked_branch_decide(seed):
    flat, classes = draw(seed, 5, 4, spread=0.1), torch.arange(5) % 4
    peaked = 12.0 * functional.one_hot(classes, 4)
    assert torch.equal(energy_fusion(flat, peaked).argmax(1), classes)
    assert torch.equal(energy_fusion(peaked, flat).argmax(1), classes)


def test_without_a_record_nothing_is_ranked():
    ranking = ConfidenceRanking(8)
    assert ranking(torch.arange(4), draw(0, 4, 3), draw(1, 4, 3)).tolist() == [0] * 4
    ranking.update(torch.tensor([5]), torch.tensor([2.0]), torch.tensor([1.0]))
    assert ranking(torch.tensor([5, 6]), draw(0, 2, 3), draw(1, 2, 3)).tolist() == [0] * 2


def test_confidence_that_follows_the_record_costs_nothing_and_the_reverse_costs():
    ranking, both = ConfidenceRanking(2), torch.tensor([0, 1])
    ranking.update(both, torch.tensor([0.1, 4.0]), torch.tensor([1.0, 1.0]))
    easy_sure, hard_sure = torch.tensor([[30.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [30.0, 0.0]])
    same = torch.zeros(2, 2)
    assert ranking(both, easy_sure, same).sum() == 0
    assert (ranking(both, hard_sure, same) > 1).all()
    assert ranking(both, easy_sure, hard_sure).sum() == 0


def test_ranking_moves_confidences_the_right_way():
    ranking, both = ConfidenceRanking(2), torch.tensor([0, 1])
    ranking.update(both, torch.tensor([0.1, 4.0]), torch.tensor([1.0, 1.0]))
    optical = torch.zeros(2, 3, requires_grad=True)
    ranking(both, optical, torch.zeros(2, 3)).sum().backward()
    assert (optical.grad[0] < 0).all()
    assert (optical.grad[1] > 0).all()


def test_the_record_is_the_mean_over_visits():
    often, once = ConfidenceRanking(3), ConfidenceRanking(3)
    for losses in ([1.0, 5.0], [3.0, 1.0]):
        often.update(torch.tensor([0, 2]), torch.tensor(losses), torch.tensor(losses))
    often.update(torch.tensor([1, 1]), torch.tensor([8.0, 10.0]), torch.tensor([10.0, 8.0]))
    once.update(torch.arange(3), torch.tensor([2.0, 9.0, 3.0]), torch.tensor([2.0, 9.0, 3.0]))
    ask = (torch.arange(3), draw(0, 3, 4), draw(1, 3, 4))
    torch.testing.assert_close(often(*ask), once(*ask))


def test_qmf_adds_all_tasks_and_learns_from_its_losses_afterwards():
    found, ranking, numbers = outputs(8), ConfidenceRanking(6), torch.arange(6)
    tasks = sum(cross_entropy(found[name]) for name in ("logits", "logits_optical", "logits_radar"))
    first = quality_fusion_loss(found, cross_entropy, ranking, numbers)
    second = quality_fusion_loss(found, cross_entropy, ranking, numbers, weight=1.0)
    penalty = ranking(numbers, found["logits_optical"], found["logits_radar"])
    assert penalty.sum() > 0
    torch.testing.assert_close(first, tasks)
    torch.testing.assert_close(second, tasks + penalty)
