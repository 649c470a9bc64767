"""Adaptation of given weights: which parts move, at what rate, and what holds the land cover in its place."""

from __future__ import annotations

import copy
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sunbreak.errors import OptionError
from sunbreak.networks.interface import RestorationNetwork
from sunbreak.networks.normalise import Tensors
from sunbreak.train.adapt_options import Parts
from sunbreak.train.budget import Budget, falling
from sunbreak.train.options import TrainOptions
from sunbreak.train.restoration import Restoration
from sunbreak.train.schedule import Group, adamw

KEEPING: Final = 0.05
"""Weight of staying with the land cover that the given weights find, as of land cover in a training."""


class Adaptation(Restoration):
    """Goes on with phase 1 from given weights, on images of the user's own.

    There are no labels of land cover: where the network maps it, what the given weights find is the target, lest it
    drifts while the decoder that it shares with the image learns (learning without forgetting, arXiv:1606.09282).
    """

    def __init__(
        self, network: RestorationNetwork[Any], options: TrainOptions, parts: Parts, *, budget: Budget | None = None
    ) -> None:
        super().__init__(network, options, semantic=False, steps=options.steps)
        self.budget = budget
        self.moving = moving_parts(network, parts)
        network.requires_grad_(False)
        for part in self.moving:
            part.requires_grad_(True)
        # in a list, so that checkpoints do not hold it: it is there before a leg begins
        self._given = [copy.deepcopy(network).eval()] if getattr(network, "land_cover", None) is not None else []

    @property
    def progress(self) -> float:
        """Losses stand where the training that is gone on with has left them."""
        return 1.0

    @property
    def done(self) -> float:
        """Share of the steps, or of the time, that is done."""
        return min(self.global_step / self.steps, 1.0) if self.budget is None else self.budget.share

    def training_step(self, batch: Tensors, index: int) -> Tensor:
        """Losses of one batch, and of leaving the land cover that was."""
        torch.manual_seed(self.options.seed * 1_000_003 + self.global_step)
        batch = self._weighted(batch)
        found = self.network.analyse(batch)
        parts = self.network.losses(found, batch, self.progress)
        if self._given and found.land_cover is not None:
            with torch.no_grad():
                kept = self._given[0].to(found.land_cover.device)(batch)["land_cover"]
            away = functional.kl_div(functional.log_softmax(found.land_cover, 1), kept, reduction="none").sum(1)
            parts["land_cover"] = KEEPING * away.mean()
        total = torch.stack(list(parts.values())).sum()
        self.log_dict({f"train/{name}": loss.detach() for name, loss in parts.items()})
        self._log_errors(found.reflectance.detach(), batch)
        return total

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Keep normalisation by batch statistics as it is at run time: a few crops of one place would shift it."""
        for part in self.network.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.eval()

    def configure_optimizers(self) -> Any:
        """AdamW over what moves."""
        kept = {id(weight) for weight in self.network.undecayed()}
        weights = [weight for weight in self.network.parameters() if weight.requires_grad]
        return adamw([Group(weights)], self.options, self.steps, undecayed=kept, share=lambda _: falling(self.done))


def moving_parts(network: RestorationNetwork[Any], parts: Parts) -> list[nn.Module]:
    """What an adaptation trains.

    Args:
        network: The network.
        parts: How much of it; the land cover decoder moves with `all` and `decoder`.

    Returns:
        Its parts.

    Raises:
        OptionError: The network does not tell its decoder apart.
    """
    if parts == "all":
        return [network]
    shared = network.shared_with_land_cover()
    if not shared:
        raise OptionError(f"parts {parts!r}: {type(network).__name__} does not tell its decoder apart; take `all`")
    if parts == "decoder":
        return shared
    # stages are listed from the finest to the coarsest
    return [part[0] if isinstance(part, nn.ModuleList) else part for part in shared]
