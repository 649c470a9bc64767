"""Losses of balanced multimodal learning that the regulation is compared with: OGM-GE, GDL and QMF.

They train the same two-branch network on the pseudo-labels of the same source. What the pseudo-labels are (classes,
or the source's soft output) is the caller's: losses take a `task` that turns logits into one loss for every sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from sunbreak.errors import GeometryError
from sunbreak.networks.scene_classifier import ENERGY

Task: TypeAlias = Callable[[Tensor], Tensor]
"""From logits (n, class) to the loss of every sample (n,): distillation of the source, or cross-entropy."""

OGM_ALPHA: Final = 0.1
"""Strength of the gradient modulation.

Source: Peng et al., CVPR 2022, example of the published code.
"""
GDL_BETA: Final = 0.05
"""Weight of the unimodal terms of gradient-decoupled learning.

Source: GDNet, TGRS 2024, one of the published training scripts.
"""
GDL_KL: Final = 1e-4
"""Weight of the divergence of the descriptors from the standard normal distribution.

Source: GDNet, TGRS 2024, published code.
"""
QMF_RANKING: Final = 0.1
"""Weight of the ranking of confidences.

Source: Zhang et al., ICML 2023, published training script.
"""
_LEAST: Final = 1e-12
"""Keeps the quotient of two scores finite."""


def ogm_coefficients(optical: Tensor, radar: Tensor, targets: Tensor, alpha: float = OGM_ALPHA) -> tuple[float, float]:
    """Factors for the gradients of the two encoders: the branch that is ahead in this batch is slowed down.

    A branch's score is the sum over the batch of its probability of the label; with r its score over the other's, the
    better one gets 1 - tanh(alpha r).

    Args:
        optical: Logits of the optical branch alone, (n, class).
        radar: Logits of the radar branch alone, (n, class).
        targets: Pseudo-labels, (n,) class indices, or the source's probabilities, (n, class).
        alpha: Strength, at least 0; 0 gives factors of 1.

    Returns:
        Factors of the optical and of the radar encoder, 0..1; at least one is 1.

    Raises:
        GeometryError: The branches' logits differ in shape, or the targets do not fit them.

    Source: Peng et al., Balanced multimodal learning via on-the-fly gradient modulation (OGM-GE), CVPR 2022,
        equations for the discrepancy ratio and the coefficient.

    Example:
        >>> sure, unsure = torch.tensor([[9.0, 0.0]]), torch.tensor([[0.0, 0.0]])
        >>> slow, full = ogm_coefficients(sure, unsure, torch.tensor([0]))
        >>> round(slow, 2), full
        (0.8, 1.0)
    """
    if optical.shape != radar.shape or targets.shape not in (optical.shape, optical.shape[:1]):
        raise GeometryError(
            f"optical logits {tuple(optical.shape)}, radar logits {tuple(radar.shape)}, targets "
            f"{tuple(targets.shape)}: give logits (patch, class) and one label or one row of probabilities a patch"
        )
    first, second = (max(_score(logits, targets), _LEAST) for logits in (optical, radar))
    if first == second:
        return 1.0, 1.0
    slowed = 1 - math.tanh(alpha * max(first / second, second / first))
    return (slowed, 1.0) if first > second else (1.0, slowed)


def modulate(encoder: nn.Module, coefficient: float, generator: torch.Generator) -> None:
    """Scale the gradients of an encoder's convolutions and add noise of the gradients' own spread.

    To be called between backward and the optimiser's step, for both encoders: the noise, which is to restore the
    generalisation that slower learning costs, comes also where the factor is 1.

    Args:
        encoder: Its 4-d parameters that have a gradient are changed; all others are left alone.
        coefficient: Factor of the gradients, 0..1, from `ogm_coefficients`.
        generator: Source of the noise.

    Source: Peng et al., OGM-GE, CVPR 2022: modulation and generalisation enhancement.

    Example:
        >>> layer = nn.Conv2d(1, 1, 3)
        >>> layer(torch.ones(1, 1, 3, 3)).sum().backward()
        >>> modulate(layer, 0.5, torch.Generator().manual_seed(0))  # equal gradients have no spread
        >>> layer.weight.grad.unique().item(), layer.bias.grad.item()
        (0.5, 1.0)
    """
    for parameter in encoder.parameters():
        gradient = parameter.grad
        if gradient is None or gradient.ndim != 4:
            continue
        spread = gradient.std(correction=0)
        noise = torch.randn(gradient.shape, generator=generator, device=generator.device, dtype=gradient.dtype)
        gradient.mul_(coefficient).add_(spread * noise.to(gradient.device))


def gradient_decoupled_loss(
    found: Mapping[str, Tensor], task: Task, beta: float = GDL_BETA, kl_weight: float = GDL_KL
) -> Tensor:
    """Task loss of the fused output, with each branch taught on its own and towards the fused output.

    The fused output is held fixed where a branch is compared with it, so that a weak branch does not pull it down; the
    published code lets both move.

    Args:
        found: Of a variational two-branch network in training: `logits`, `logits_optical`, `logits_radar` (n, class);
            `mean_optical`, `log_variance_optical`, `mean_radar`, `log_variance_radar` (n, feature).
        task: Loss of every sample.
        beta: Weight of the unimodal terms, at least 0.
        kl_weight: Weight of the descriptors' divergence, summed over features, from the standard normal distribution.

    Returns:
        (n,).

    Source: Wei et al., gradient decoupled learning with unimodal regularisation (GDNet), IEEE TGRS 2024, after its
        published code.

    Example:
        >>> zero = torch.zeros(1, 2)
        >>> names = ("logits", "logits_optical", "logits_radar", "mean_optical", "mean_radar")
        >>> found = dict.fromkeys((*names, "log_variance_optical", "log_variance_radar"), zero)
        >>> gradient_decoupled_loss(found, lambda logits: logits.sum(1) + 1.0)
        tensor([1.1000])
    """
    fused = found["logits"].float()
    loss = task(fused)
    for modality in ("optical", "radar"):
        alone = found[f"logits_{modality}"].float()
        distance = (alone - fused.detach()).square().mean(dim=1)
        mean, log_variance = found[f"mean_{modality}"].float(), found[f"log_variance_{modality}"].float()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
        loss = loss + beta * (task(alone) + distance) + kl_weight * divergence
    return loss


class ConfidenceRanking:
    """Makes a branch's confidence follow its record: samples it found hard in the past shall weigh less.

    Keeps the mean loss of every sample and branch over training. Neighbours in a batch are compared: the one with the
    larger past loss shall have the smaller energy confidence, by the difference of the past losses scaled to 0..1.
    The margin follows the paper; in the published script a sign turns it into a tolerance.

    Source: Zhang et al., Provable dynamic fusion for low-quality multimodal data (QMF), ICML 2023; the ranking is that
        of Moon et al., Confidence-aware learning for deep neural networks, ICML 2020.

    Example:
        >>> ranking = ConfidenceRanking(samples=2)
        >>> ranking.update(torch.tensor([0, 1]), torch.tensor([0.0, 3.0]), torch.tensor([1.0, 1.0]))
        >>> flat = torch.zeros(2, 4)
        >>> ranking(torch.tensor([0, 1]), flat, flat)  # the optical branch should trust sample 0 more
        tensor([1., 1.])
    """

    def __init__(self, samples: int, device: torch.device | str = "cpu") -> None:
        self._losses = torch.zeros(2, samples, device=device)
        self._visits = torch.zeros(samples, device=device)

    def update(self, indices: Tensor, optical: Tensor, radar: Tensor) -> None:
        """Add losses to the record.

        Args:
            indices: Numbers of the samples in the training set, (n,).
            optical: Their losses by the optical branch alone, (n,).
            radar: Their losses by the radar branch alone, (n,).
        """
        self._losses.index_add_(1, indices, torch.stack([optical, radar]).detach().float())
        self._visits.index_add_(0, indices, torch.ones_like(indices, dtype=torch.float32))

    def __call__(self, indices: Tensor, optical: Tensor, radar: Tensor) -> Tensor:
        """Penalty of confidences that contradict the record; samples without one cost nothing.

        Args:
            indices: Numbers of the samples in the training set, (n,).
            optical: Logits of the optical branch alone, (n, class).
            radar: Logits of the radar branch alone, (n, class).

        Returns:
            (n,), at least 0, both branches together.
        """
        following = indices.roll(-1)
        known = (self._visits[indices] > 0) & (self._visits[following] > 0)
        total = torch.zeros(len(indices), device=self._visits.device)
        for losses, logits in zip(self._losses, (optical, radar), strict=True):
            past = self._scaled(losses)
            lead = past[indices] - past[following]
            confidence = ENERGY * logits.float().logsumexp(dim=1)
            excess = lead.sign() * (confidence - confidence.roll(-1)) + lead.abs()
            total = total + torch.where(known & (lead != 0), functional.relu(excess), 0.0)
        return total

    def _scaled(self, losses: Tensor) -> Tensor:
        """Mean past losses on the scale 0..1 of the samples seen so far."""
        seen = self._visits > 0
        if not seen.any():
            return torch.zeros_like(losses)
        means = losses / self._visits.clamp(min=1)
        least, most = means[seen].aminmax()
        return (means - least) / (most - least).clamp(min=_LEAST)


def quality_fusion_loss(
    found: Mapping[str, Tensor],
    task: Task,
    ranking: ConfidenceRanking,
    indices: Tensor,
    weight: float = QMF_RANKING,
) -> Tensor:
    """Task loss of the energy-fused output and of both branches, with the ranking of their confidences.

    The losses of the branches are added to the record of `ranking` afterwards.

    Args:
        found: `logits`, `logits_optical`, `logits_radar`, (n, class), of a network with the fusion `energy`.
        task: Loss of every sample.
        ranking: Record of the training set.
        indices: Numbers of the samples in the training set, (n,).
        weight: Of the ranking, at least 0.

    Returns:
        (n,).

    Source: Zhang et al., QMF, ICML 2023; the sum of terms after its published training script.

    Example:
        >>> found = dict.fromkeys(("logits", "logits_optical", "logits_radar"), torch.ones(1, 2))
        >>> quality_fusion_loss(found, lambda logits: logits.sum(1), ConfidenceRanking(1), torch.tensor([0]))
        tensor([6.])
    """
    optical, radar = found["logits_optical"], found["logits_radar"]
    alone = task(optical), task(radar)
    penalty = ranking(indices, optical, radar)
    ranking.update(indices, *alone)
    return task(found["logits"]) + alone[0] + alone[1] + weight * penalty


def _score(logits: Tensor, targets: Tensor) -> float:
    """Sum over the batch of the probability of the targets."""
    chances = logits.detach().float().softmax(dim=1)
    if targets.ndim == 2:
        return float((chances * targets).sum())
    return float(chances.gather(1, targets[:, None]).sum())
