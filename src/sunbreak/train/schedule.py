"""The optimiser and how its rate runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

import torch
from torch import nn

from sunbreak.train.options import TrainOptions


class Group(NamedTuple):
    """Weights that learn at one rate."""

    weights: Iterable[nn.Parameter]
    """The weights."""
    factor: float = 1.0
    """Of the options' rate."""


def adamw(
    groups: Iterable[Group],
    options: TrainOptions,
    steps: int,
    *,
    undecayed: Collection[int] = (),
    share: Callable[[int], float] | None = None,
) -> Any:
    """AdamW whose rate rises over the warm-up and falls along a cosine to a hundredth.

    Args:
        groups: What is trained.
        options: Rate, decay and warm-up.
        steps: Steps in all.
        undecayed: `id` of weights that decay leaves alone, beside all vectors, scales and biases.
        share: Share of the rate at a step, in the place of that course.

    Returns:
        What Lightning's `configure_optimizers` returns.
    """

    def decays(weight: nn.Parameter) -> bool:
        # a scale of (1, width, 1, 1) is a vector, too
        return id(weight) not in undecayed and weight.numel() > max(weight.shape, default=1)

    parts: list[dict[str, Any]] = []
    for weights, factor in groups:
        given, rate = list(weights), options.learning_rate * factor
        parts += [
            {"params": [weight for weight in given if decays(weight)], "lr": rate},
            {"params": [weight for weight in given if not decays(weight)], "lr": rate, "weight_decay": 0.0},
        ]
    # not `fused`: Lightning refuses to clip gradients with it
    optimizer = torch.optim.AdamW(
        [part for part in parts if part["params"]], weight_decay=options.weight_decay, betas=(0.9, 0.99)
    )
    warmup = min(options.warmup, max(steps // 10, 1))

    def rising_and_falling(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(steps - warmup, 1)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, share or rising_and_falling)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
