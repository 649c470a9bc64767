"""The optimiser and how its rate runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from sunbreak.train.options import TrainOptions


def adamw(groups: Iterable[tuple[Iterable[nn.Parameter], float]], options: TrainOptions, steps: int) -> Any:
    """AdamW whose rate rises over the warm-up and falls along a cosine to a hundredth.

    Args:
        groups: Weights, and the factor of their rate.
        options: Rate, decay and warm-up.
        steps: Steps in all.

    Returns:
        What Lightning's `configure_optimizers` returns.
    """
    optimizer = torch.optim.AdamW(
        [{"params": list(weights), "lr": options.learning_rate * factor} for weights, factor in groups],
        weight_decay=options.weight_decay,
        betas=(0.9, 0.99),
    )
    warmup = min(options.warmup, max(steps // 10, 1))

    def rate(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(steps - warmup, 1)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
