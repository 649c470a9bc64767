"""Training of restoration networks: one step on one screen, in two phases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from sunbreak.legend import Quality
from sunbreak.networks.normalise import Tensors
from sunbreak.networks.tdp_cr import TdpCr
from sunbreak.train import losses
from sunbreak.train.options import TrainOptions
from sunbreak.train.schedule import adamw

UNKNOWN = 255


class Restoration(pl.LightningModule):
    """Phase 1 learns to reconstruct; phase 2 adds land cover and trains what the options leave free."""

    class_weights: Tensor

    def __init__(self, network: TdpCr, options: TrainOptions, *, semantic: bool, steps: int) -> None:
        super().__init__()
        self.network, self.options, self.semantic, self.steps = network, options, semantic, steps
        classes = network.land_cover.classes if network.land_cover is not None else 1
        self.register_buffer("class_weights", torch.ones(classes))

    def training_step(self, batch: Tensors, index: int) -> Tensor:
        """Losses of one batch; see `samples.SampleStream.batch` for its content."""
        found, options = self.network.analyse(batch), self.options
        counts = batch["weight"] * batch["present"]
        restore = batch["restore"] * batch["present"]
        weights = options.clear_weight * counts + (1 - options.clear_weight) * restore
        parts = {"reconstruction": losses.reconstruction(found.reflectance, batch["truth"], weights)}
        parts["sky"] = options.sky_weight * _sky_loss(found.sky, batch["sky"])
        if found.log_variance is not None:
            parts["likelihood"] = options.likelihood_weight * losses.likelihood(
                found.reflectance, found.log_variance, batch["truth"], restore
            )
        if found.land_cover is not None:
            parts["land_cover"] = options.land_cover_weight * losses.land_cover(
                found.land_cover, batch["land_cover"], self.class_weights
            )
        total = torch.stack(list(parts.values())).sum()
        self.log_dict({f"train/{name}": loss.detach() for name, loss in parts.items()})
        self.log("loss", total.detach(), prog_bar=True, logger=False)
        self._log_errors(found.reflectance.detach(), batch, restore)
        return total

    def _log_errors(self, estimate: Tensor, batch: Tensors, restore: Tensor) -> None:
        """Root mean square errors over the pixels to restore, ours and the prior's beside it."""
        for name, values in (("rmse", estimate), ("prior_rmse", batch.get("prior"))):
            if values is not None:
                error = losses.weighted_mean((values - batch["truth"]).square(), restore).sqrt()
                self.log(f"train/{name}", error, prog_bar=True)

    def on_train_epoch_start(self) -> None:
        """Keep frozen parts as they are at run time: normalisation by batch statistics would still move."""
        if self.semantic:
            for part in frozen(self.network, self.options):
                part.eval()

    def configure_optimizers(self) -> Any:
        """AdamW over what this phase trains."""
        if not self.semantic:
            return adamw([(self.network.parameters(), 1.0)], self.options, self.steps)
        for part in frozen(self.network, self.options):
            part.requires_grad_(False)
        head = nn.ModuleList([part for part in (self.network.land_cover,) if part is not None])
        fresh = {id(weight) for weight in head.parameters()}
        shared = [p for p in self.network.parameters() if p.requires_grad and id(p) not in fresh]
        groups: list[tuple[Iterable[nn.Parameter], float]] = [(head.parameters(), 1.0)]
        return adamw([*groups, (shared, 0.1)] if shared else groups, self.options, self.steps)


def frozen(network: TdpCr, options: TrainOptions) -> list[nn.Module]:
    """What phase 2 leaves as it is.

    Args:
        network: The network.
        options: `semantic_trainable` decides.

    Returns:
        Its parts.
    """
    decoder: list[nn.Module] = [network.up, network.decoder, network.head]
    trained = {"head": [], "decoder": decoder, "all": list(network.children())}[options.semantic_trainable]
    return [part for part in network.children() if part is not network.land_cover and part not in trained]


def _sky_loss(scores: Tensor, sky: Tensor) -> Tensor:
    """Cross entropy between the prompt's reading and the classes of every fourth pixel."""
    labels = sky[:, 2::4, 2::4]
    labels = torch.where(labels == Quality.NODATA, UNKNOWN, labels - Quality.CLEAR)
    if bool((labels == UNKNOWN).all()):
        return scores.sum() * 0.0
    return nn.functional.cross_entropy(scores, labels, ignore_index=UNKNOWN)


def balanced_weights(labels: Iterable[Tensor], classes: int) -> Tensor:
    """Weights of the classes: 1 / sqrt(share), within 0.5 and 3, about 1 on average.

    Args:
        labels: Indices, 255 unknown.
        classes: Number of classes.

    Returns:
        (class,), float32; classes that never occur get 1.
    """
    counts = torch.zeros(classes)
    for part in labels:
        counts += torch.bincount(part[part != UNKNOWN].flatten(), minlength=classes).float()
    seen = counts > 0
    if not seen.any():
        return torch.ones(classes)
    weights = torch.ones(classes)
    weights[seen] = (counts[seen] / counts.sum()).rsqrt()
    weights[seen] /= weights[seen].mean()
    return weights.clamp(0.5, 3.0)
