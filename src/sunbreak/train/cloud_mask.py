"""Training of the mask network: cross entropy and overlap of clear, thin cloud, thick cloud and shadow at 20 m."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from sunbreak.networks import losses
from sunbreak.networks.cloud_mask import CloudMask
from sunbreak.networks.normalise import Tensors
from sunbreak.train.options import TrainOptions
from sunbreak.train.schedule import Group, adamw


class CloudDetection(pl.LightningModule):
    """The only phase of the mask network."""

    class_weights: Tensor

    def __init__(self, network: CloudMask, options: TrainOptions, *, steps: int) -> None:
        super().__init__()
        self.network, self.options, self.steps = network, options, steps
        # no class is favoured: what is rare in the sky must not be frequent in the mask
        self.register_buffer("class_weights", torch.ones(4))

    def training_step(self, batch: Tensors, index: int) -> Tensor:
        """Loss of one batch; see `samples.at_20m` for its content."""
        scores = self.network.logits(batch)
        loss = losses.land_cover(scores, batch["labels"], self.class_weights)
        known = batch["labels"] < scores.shape[1]
        right = (scores.argmax(1) == batch["labels"])[known].float().mean()
        self.log_dict({"train/loss": loss.detach(), "train/right": right}, prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        """AdamW over all weights."""
        return adamw([Group(self.network.parameters())], self.options, self.steps)
