"""Encoders of scene classification: from a patch to one descriptor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

EncoderName = Literal["small", "resnet18"]
ENCODERS: Final[tuple[EncoderName, ...]] = get_args(EncoderName)
SMALL: Final = (32, 64, 128, 128)
"""Channels of the small encoder: 0.24 million weights."""
RESNET: Final = (64, 128, 256, 512)
"""Channels of ResNet-18, 11.2 million weights."""
WIDTHS: Final[dict[EncoderName, int]] = {"small": SMALL[-1], "resnet18": RESNET[-1]}
"""Features of a descriptor."""
STRIDE: Final = 8
"""Pixels of a patch to a feature, in both encoders."""


class Encoder(nn.Module):
    """Convolutions, then the mean over the patch, or over its clear part."""

    def __init__(self, channels: int, name: EncoderName = "small") -> None:
        super().__init__()
        self.body = _small(channels) if name == "small" else _resnet18(channels)

    def forward(self, image: Tensor, clear: Tensor | None = None) -> Tensor:
        """Describe patches.

        Args:
            image: (n, channel, y, x), normalised.
            clear: (n, 1, y, x), 1 where a pixel counts, 0 under cloud; None counts all.

        Returns:
            (n, feature); 0 where no pixel counts.
        """
        features: Tensor = self.body(image)
        if clear is None:
            return features.mean((2, 3))
        weight = functional.avg_pool2d(clear, STRIDE, ceil_mode=True, count_include_pad=False)
        # where next to nothing counts, next to nothing is told
        return (features * weight).sum((2, 3)) / (weight.sum((2, 3)) + 1e-3)


def _convolution(inside: int, outside: int, stride: int, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, stride, size // 2, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
    )


def _small(channels: int, widths: Sequence[int] = SMALL) -> nn.Sequential:
    first, second, third, last = widths
    return nn.Sequential(
        _convolution(channels, first, 2, 5),
        _convolution(first, second, 2),
        _convolution(second, third, 2),
        _convolution(third, last, 1),
    )


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut.

    Source: He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385, figure 2 and option B.
    """

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(inside, outside, stride)
        self.second = nn.Sequential(nn.Conv2d(outside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inside != outside:
            self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, features: Tensor) -> Tensor:
        """Transform (n, channel, y, x)."""
        return torch.relu(self.second(self.first(features)) + self.shortcut(features))


def _resnet18(channels: int) -> nn.Sequential:
    # patches are small: the first convolution keeps the size, and nothing is pooled
    layers: list[nn.Module] = [_convolution(channels, RESNET[0], 1)]
    inside = RESNET[0]
    for width in RESNET:
        layers += [ResidualBlock(inside, width, 1 if width == RESNET[0] else 2), ResidualBlock(width, width, 1)]
        inside = width
    return nn.Sequential(*layers)
