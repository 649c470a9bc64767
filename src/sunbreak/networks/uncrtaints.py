"""UnCRtainTS for one date, with an error for every value: inverted bottlenecks at full resolution.

A re-implementation from the published description (Ebel et al., UnCRtainTS: Uncertainty Quantification for Cloud
Removal in Optical Satellite Time Series, arXiv:2304.05464) and from the counts of weights and multiplications measured
on the authors' network (0.520 M, 27.02 GMACs at 256 x 256), which this one meets: 0.520 M and 27.02.

The published network encodes every date, weighs the dates by attention computed at low resolution, and decodes the
weighted sum. With one date the weights over time are 1 whatever the attention computes, so its weights would never get
a gradient; the aggregator is left out here, and the counts agree only without it. This is therefore the
mono-temporal form, and cannot take a series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sunbreak.bands import CLIP_PRESETS, L1C_BANDS, RADAR_BANDS
from sunbreak.networks import losses, normalise
from sunbreak.networks.interface import Analysis, RestorationNetwork
from sunbreak.networks.normalise import Tensors

BANDS: Final = len(L1C_BANDS)
PRESET: Final = CLIP_PRESETS["uncrtaints"]
"""Ranges that the network works in: its optical range is reflectance itself."""
EPSILON: Final = 1e-5
"""Added to the variances of the groups."""


@dataclass(frozen=True)
class UnCRtainTsOptions:
    """Sizes, and every choice that we inferred."""

    width: int = 128
    """Channels at full resolution."""
    encoder_blocks: int = 1
    """Blocks before the aggregator. Inferred: only six blocks between two convolutions of 1 x 1 give the count of
    multiplications; how they are split makes no difference for one date."""
    decoder_blocks: int = 5
    """Blocks after the aggregator; see `encoder_blocks`."""
    expansion: int = 2
    """Channels inside a block relative to `width`. Inferred from the count of multiplications."""
    squeeze: int = 4
    """Channels of the squeeze in a block are `width` divided by this. Inferred from the count of weights."""
    groups: int = 4
    """Groups of the normalisation, everywhere. Ours: statistics of a group do not depend on the size of the batch, and
    the count of weights is that of normalisation by batch."""
    variance_floor: float = 1e-6
    """Added to the variance, in squared reflectance. Ours: an error is never stated below 0.001, which keeps the
    likelihood finite where a clear pixel is returned exactly."""


@dataclass(frozen=True, kw_only=True)
class UnCRtainTsAnalysis(Analysis):
    """What the network finds: it always states its error."""

    log_variance: Tensor
    """(n, 13, y, x), logarithm of the squared error of the reflectance."""


class GroupNorm(nn.Module):
    """Normalisation over the pixels and the channels of each group, exact on every engine.

    Source: Wu and He, Group Normalization, arXiv:1803.08494.
    """

    def __init__(self, groups: int, width: int) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.ones(1, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Normalise (n, channel, y, x)."""
        if not torch.onnx.is_in_onnx_export():
            return functional.group_norm(features, self.groups, self.weight.flatten(), self.bias.flatten(), EPSILON)
        # written out, row by row: engines add a group's million values up in one go, which costs three digits
        mean = self._mean(features)
        centred = features - mean
        # a division, because ONNX Runtime's optimiser loses a weight that 1 / root is multiplied with
        scale = self.weight / torch.sqrt(self._mean(centred * centred) + EPSILON)
        return features * scale + (self.bias - mean * scale)

    def _mean(self, features: Tensor) -> Tensor:
        """Means of the groups, for every channel: (n, channel, 1, 1)."""
        width = self.weight.shape[1]
        size = width // self.groups
        means = features.mean(3, keepdim=True).mean(2, keepdim=True).reshape(-1, self.groups, size, 1)
        return means.mean(2, keepdim=True).repeat(1, 1, size, 1).reshape(-1, width, 1, 1)


class SqueezeExcitation(nn.Module):
    """Weighs the channels by what their means over the patch say.

    Source: Hu et al., Squeeze-and-Excitation Networks, arXiv:1709.01507.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, hidden, 1, bias=False)
        self.excite = nn.Conv2d(hidden, width, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Weigh (n, channel, y, x), keeping its shape."""
        hidden = functional.gelu(self.squeeze(features.mean((2, 3), keepdim=True)))
        return features * torch.sigmoid(self.excite(hidden))


class InvertedBottleneck(nn.Module):
    """Widen, look around by a depthwise convolution, weigh the channels, narrow, and add (MBConv).

    Source: Sandler et al., MobileNetV2, arXiv:1801.04381; with squeeze and excitation as in Tan and Le, EfficientNet,
    arXiv:1905.11946. The first normalisation and the activation are those of Dai et al., CoAtNet, arXiv:2106.04803.
    """

    def __init__(self, options: UnCRtainTsOptions) -> None:
        super().__init__()
        width, inside = options.width, options.width * options.expansion
        self.change = nn.Sequential(
            GroupNorm(options.groups, width),
            nn.Conv2d(width, inside, 1, bias=False),
            GroupNorm(options.groups, inside),
            nn.GELU(),
            nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False),
            GroupNorm(options.groups, inside),
            nn.GELU(),
            SqueezeExcitation(inside, width // options.squeeze),
            nn.Conv2d(inside, width, 1, bias=False),
            GroupNorm(options.groups, width),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Transform (n, channel, y, x), keeping its shape."""
        added: Tensor = features + self.change(features)
        return added


class UnCRtainTs(RestorationNetwork[UnCRtainTsAnalysis]):
    """The network; any y and x. Its reflectance lies within 0 and 1, so brighter snow and clouds cannot come out."""

    inputs = ("optical", "radar", "radar_valid")

    def __init__(self, options: UnCRtainTsOptions) -> None:
        super().__init__()
        self.options = options
        self.stem = nn.Sequential(
            nn.Conv2d(BANDS + len(RADAR_BANDS), options.width, 1),
            GroupNorm(options.groups, options.width),
            nn.ReLU(),
        )
        self.encoder = nn.Sequential(*[InvertedBottleneck(options) for _ in range(options.encoder_blocks)])
        self.decoder = nn.Sequential(*[InvertedBottleneck(options) for _ in range(options.decoder_blocks)])
        self.head = nn.Conv2d(options.width, 2 * BANDS, 1)

    def analyse(self, inputs: Tensors) -> UnCRtainTsAnalysis:
        """Run the network; see `RestorationNetwork.analyse`."""
        planes = torch.cat([normalise.clip_radar(inputs, PRESET), normalise.clip_optical(inputs, PRESET)], dim=1)
        # sigmoid and softplus in full precision: mixed precision would round them to three digits
        found = self.head(self.decoder(self.encoder(self.stem(planes)))).float()
        mean, variance = torch.sigmoid(found[:, :BANDS]), functional.softplus(found[:, BANDS:])
        return UnCRtainTsAnalysis(mean, log_variance=torch.log(variance + self.options.variance_floor))

    def losses(self, found: UnCRtainTsAnalysis, batch: Tensors, progress: float) -> dict[str, Tensor]:
        """The likelihood alone, which trains the reflectance too (the paper's loss with diagonal covariance)."""
        found_error = losses.likelihood(found.reflectance, found.log_variance, batch["truth"], batch["emphasis"])
        return {"likelihood": found_error}


def uncrtaints(**config: Any) -> UnCRtainTs:
    """Build UnCRtainTS for one date.

    Args:
        **config: Fields of `UnCRtainTsOptions` that differ from the defaults.

    Returns:
        The network, with random weights from torch's generator.
    """
    return UnCRtainTs(UnCRtainTsOptions(**config))
