"""Spatial information bottleneck: radar features squeezed through noisy channels, so that speckle stays behind."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn

from sunbreak.networks.blocks import ChannelNorm

Squeeze = Literal["variational", "deterministic", "none"]
"""`variational` is the method; without noise and with as many channels as it gets; nothing at all."""

LOG_VARIANCE_RANGE: Final = (-8.0, 4.0)
"""Limits of the logarithm of the noise's variance, lest it or its inverse overflow."""
QUIET: Final = -4.0
"""Log-variance at the start: nearly without noise, so that there is something worth keeping first."""


class Squeezed(NamedTuple):
    """What comes out of the bottleneck."""

    features: Tensor
    """(n, width, y, x)."""
    divergence: Tensor | None
    """(n, channel, y, x), nats from the standard normal distribution; None without noise."""


class SpatialBottleneck(nn.Module):
    """Means and variances of every channel at every place; sampled in training, the means at run time.

    The posterior is factorised over channels, so that whole channels can be switched off ("channel-wise" in the
    published abstract).

    Source: Alemi et al., Deep Variational Information Bottleneck, arXiv:1612.00410, equation 17, with maps in place of
    vectors.
    """

    def __init__(self, width: int, squeeze: Squeeze) -> None:
        super().__init__()
        self.squeeze = squeeze
        if squeeze == "none":
            return
        latent = width // 2 if squeeze == "variational" else width
        self.look = nn.Sequential(
            ChannelNorm(width),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.Conv2d(width, width, 1),
            nn.GELU(),
        )
        self.mean = nn.Conv2d(width, latent, 1)
        self.back = nn.Conv2d(latent, width, 1)
        if squeeze == "variational":
            self.log_variance = nn.Conv2d(width, latent, 1)
            nn.init.zeros_(self.log_variance.weight)
            nn.init.constant_(self.log_variance.bias, QUIET)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Squeezed:
        """Squeeze (n, width, y, x)."""
        if self.squeeze == "none":
            return Squeezed(features, None)
        seen = self.look(features)
        mean = self.mean(seen)
        if self.squeeze == "deterministic":
            return Squeezed(self.back(mean), None)
        log_variance = self.log_variance(seen).clamp(*LOG_VARIANCE_RANGE)
        divergence = 0.5 * (mean.square() + torch.exp(log_variance) - log_variance - 1)
        kept = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean) if self.training else mean
        return Squeezed(self.back(kept), divergence)


def free_bits(divergence: Tensor, floor: float) -> Tensor:
    """Cost of what passes the bottleneck; channels below the floor cost no less, so that they are not switched off.

    Args:
        divergence: (n, channel, y, x), nats.
        floor: Nats a channel, averaged over batch and place, that are free.

    Returns:
        A number: mean over channels, nats.

    Source: Kingma et al., Improved Variational Inference with Inverse Autoregressive Flow, arXiv:1606.04934, equation
        15.
    """
    return divergence.mean((0, 2, 3)).clamp(min=floor).mean()
