"""Training of restoration networks: one step on one screen, in one or two phases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from sunbreak.legend import LAND_COVER_NODATA
from sunbreak.networks import losses
from sunbreak.networks.interface import RestorationNetwork
from sunbreak.networks.normalise import Tensors
from sunbreak.train.options import TrainOptions
from sunbreak.train.schedule import Group, adamw


class Restoration(pl.LightningModule):
    """Phase 1 learns to reconstruct; phase 2 adds land cover and trains what the options leave free."""

    class_weights: Tensor

    def __init__(
        self, network: RestorationNetwork[Any], options: TrainOptions, *, semantic: bool, steps: int, classes: int = 1
    ) -> None:
        super().__init__()
        self.network, self.options, self.semantic, self.steps = network, options, semantic, steps
        self._analyse = network.analyse
        # here and not with the optimiser: several devices want to know beforehand what learns
        for part in frozen(network, options) if semantic else ():
            part.requires_grad_(False)
        self.register_buffer("class_weights", torch.ones(classes))

    def on_fit_start(self) -> None:
        """Compile, in the process that trains: what is compiled cannot be handed to another one."""
        if self.options.compile:
            # for each size of crops anew: code for any size would be slower
            self._analyse = torch.compile(self.network.analyse, dynamic=False)

    def training_step(self, batch: Tensors, index: int) -> Tensor:
        """Losses of one batch; see `samples.SampleStream.batch` for its content."""
        # noise inside a network is a function of seed and step, too, so that legs add up
        torch.manual_seed(
            (self.options.seed * 1_000_003 + self.global_step) * self.trainer.world_size + self.global_rank
        )
        batch = self._weighted(batch)
        found = self._analyse(batch)
        parts = self.network.losses(found, batch, self.progress)
        if self.semantic and found.land_cover is not None:
            parts["land_cover"] = self.options.land_cover_weight * losses.land_cover(
                found.land_cover, batch["land_cover"], self.class_weights
            )
        total = torch.stack(list(parts.values())).sum()
        self.log_dict({f"train/{name}": loss.detach() for name, loss in parts.items()})
        self.log("loss", total.detach(), prog_bar=True, logger=False)
        self._log_errors(found.reflectance.detach(), batch)
        return total

    @property
    def progress(self) -> float:
        """Share of the phase that is done, 0 to 1."""
        return min(self.global_step / self.steps, 1.0)

    def _weighted(self, batch: Tensors) -> dict[str, Tensor]:
        """The batch with the weights of its values; see `RestorationNetwork.losses`."""
        counts, restore = batch["weight"] * batch["present"], batch["restore"] * batch["present"]
        clear = self.options.clear_weight
        return dict(batch) | {"counts": counts, "restore": restore, "emphasis": clear * counts + (1 - clear) * restore}

    def _log_errors(self, estimate: Tensor, batch: Tensors) -> None:
        """Root mean square errors over the pixels to restore, ours and the prior's beside it."""
        for name, values in (("rmse", estimate), ("prior_rmse", batch.get("prior"))):
            if values is not None:
                error = losses.weighted_mean((values - batch["truth"]).square(), batch["restore"]).sqrt()
                self.log(f"train/{name}", error, prog_bar=True)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Keep frozen parts as they are at run time: normalisation by batch statistics would still move.

        Not when an epoch starts: a leg that goes on starts in the middle of one.
        """
        if self.semantic:
            for part in frozen(self.network, self.options):
                part.eval()

    def configure_optimizers(self) -> Any:
        """AdamW over what this phase trains."""
        kept = {id(weight) for weight in self.network.undecayed()}
        if not self.semantic:
            return adamw([Group(self.network.parameters())], self.options, self.steps, undecayed=kept)
        fresh = {id(weight) for weight in land_cover_decoder(self.network).parameters()}
        free = [weight for weight in self.network.parameters() if weight.requires_grad]
        groups = [Group([weight for weight in free if id(weight) in fresh])]
        shared = [weight for weight in free if id(weight) not in fresh]
        return adamw([*groups, *([Group(shared, 0.1)] if shared else [])], self.options, self.steps, undecayed=kept)


def land_cover_decoder(network: RestorationNetwork[Any]) -> nn.Module:
    """The decoder that phase 2 has attached.

    Args:
        network: After `attach_land_cover`.

    Returns:
        The decoder.
    """
    return network.get_submodule("land_cover")


def frozen(network: RestorationNetwork[Any], options: TrainOptions) -> list[nn.Module]:
    """What phase 2 leaves as it is.

    Args:
        network: The network.
        options: `semantic_trainable` decides.

    Returns:
        Its parts.
    """
    everything = list(network.children())
    trained = {"head": [], "decoder": network.shared_with_land_cover(), "all": everything}[options.semantic_trainable]
    decoder = land_cover_decoder(network)
    return [part for part in everything if part is not decoder and all(part is not other for other in trained)]


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
        counts += torch.bincount(part[part != LAND_COVER_NODATA].flatten(), minlength=classes).float()
    seen = counts > 0
    if not seen.any():
        return torch.ones(classes)
    weights = torch.ones(classes)
    weights[seen] = (counts[seen] / counts.sum()).rsqrt()
    weights[seen] /= weights[seen].mean()
    return weights.clamp(0.5, 3.0)
