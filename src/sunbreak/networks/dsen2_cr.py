"""DSen2-CR: a deep residual network over optical and radar together, at full resolution.

A re-implementation from the published description (Meraner et al., Cloud removal in Sentinel-2 imagery using a deep
residual neural network and SAR-optical data fusion, ISPRS J. 166:333-346, 2020). The paper gives all sizes, and they
come to its 18.95 M weights and 1241 GMACs. Two things are ours: radar that is invalid takes the lower end of its range,
and the last convolution starts small, so that the untrained network nearly returns its input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from sunbreak.bands import CLIP_PRESETS, L1C_BANDS, RADAR_BANDS
from sunbreak.networks import losses, normalise
from sunbreak.networks.interface import Analysis, RestorationNetwork
from sunbreak.networks.normalise import Tensors

PRESET: Final = CLIP_PRESETS["dsen2-cr"]
"""Ranges that the network works in."""
HEAD_SHARE: Final = 0.1
"""The last convolution's first weights, relative to He's: the correction starts at a few hundredths of reflectance."""


@dataclass(frozen=True)
class DSen2CrOptions:
    """Size and loss of DSen2-CR; the defaults are the paper's."""

    width: int = 256
    """Channels."""
    blocks: int = 16
    """Residual blocks."""
    residual_scale: float = 0.1
    """What a block adds is multiplied by this, which keeps so deep a network stable without normalisation."""
    cloud_adaptive: bool = True
    """Train on the cloud-adaptive regularised loss; otherwise on the absolute error, the paper's comparison."""
    regularisation: float = 1.0
    """Weight of the absolute error of all values in the cloud-adaptive loss, the paper's lambda."""


class ResidualBlock(nn.Module):
    """Convolution, rectifier, convolution, scaled and added; no normalisation.

    Source: Lim et al., Enhanced Deep Residual Networks (EDSR), arXiv:1707.02921, figure 2c.
    """

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Transform (n, channel, y, x), keeping its shape."""
        added: Tensor = features + self.scale * self.second(torch.relu(self.first(features)))
        return added


class DSen2Cr(RestorationNetwork[Analysis]):
    """The network; any y and x. Reflectance above 1 is clipped on its way in."""

    inputs = ("optical", "radar", "radar_valid")

    def __init__(self, options: DSen2CrOptions) -> None:
        super().__init__()
        self.options = options
        planes = len(L1C_BANDS) + len(RADAR_BANDS)
        self.stem = nn.Conv2d(planes, options.width, 3, padding=1)
        self.body = nn.Sequential(
            *[ResidualBlock(options.width, options.residual_scale) for _ in range(options.blocks)]
        )
        self.head = nn.Conv2d(options.width, len(L1C_BANDS), 3, padding=1)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_uniform_(part.weight, nonlinearity="relu")
                nn.init.zeros_(part.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.head.weight.mul_(HEAD_SHARE)

    def analyse(self, inputs: Tensors) -> Analysis:
        """Run the network; see `RestorationNetwork.analyse`."""
        cloudy = normalise.clip_optical(inputs, PRESET)
        features = torch.relu(self.stem(torch.cat([normalise.clip_radar(inputs, PRESET), cloudy], dim=1)))
        return Analysis(normalise.to_reflectance(cloudy + self.head(self.body(features)), PRESET))

    def losses(self, found: Analysis, batch: Tensors, progress: float) -> dict[str, Tensor]:
        """The paper's loss, in reflectance: a fifth of its value in the network's own range."""
        if not self.options.cloud_adaptive:
            error = (found.reflectance - batch["truth"]).abs()
            return {"absolute": losses.weighted_mean(error, batch["counts"])}
        return {"cloud_adaptive": cloud_adaptive(found.reflectance, batch, self.options.regularisation)}


def cloud_adaptive(estimate: Tensor, batch: Tensors, regularisation: float) -> Tensor:
    """Cloud-adaptive regularised loss: restore what is clouded, keep what is clear, and come near the truth everywhere.

    Mean of |mask x (estimate - truth) + (1 - mask) x (estimate - cloudy)| plus regularisation x mean of
    |estimate - truth|, over the values that count; the mask is what is to be restored, clouds and shadows.

    Args:
        estimate: (n, 13, y, x), reflectance.
        batch: With `optical` and `truth`, reflectance, `restore`, 0 or 1, and `counts`, all (n, 13, y, x).
        regularisation: The paper's lambda.

    Returns:
        A number, reflectance.

    Source: Meraner et al. 2020, the loss that the paper calls CARL.
    """
    mask, truth = batch["restore"], batch["truth"]
    adapted = mask * (estimate - truth) + (1 - mask) * (estimate - batch["optical"])
    kept = losses.weighted_mean(adapted.abs(), batch["counts"])
    return kept + regularisation * losses.weighted_mean((estimate - truth).abs(), batch["counts"])


def dsen2_cr(**config: Any) -> DSen2Cr:
    """Build DSen2-CR.

    Args:
        **config: Fields of `DSen2CrOptions` that differ from the defaults.

    Returns:
        The network, with random weights from torch's generator.
    """
    return DSen2Cr(DSen2CrOptions(**config))
