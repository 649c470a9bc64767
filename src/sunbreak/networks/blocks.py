"""The blocks that the networks are made of; only operators that PyTorch, ONNX Runtime and OpenVINO agree on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of every pixel.

    Written out with means over the channel axis: `nn.LayerNorm` wants channels last, and its two transposes a call cost
    more than the normalisation itself in the exported graph. There, the means are convolutions with ones, which
    OpenVINO runs five times as fast as its reductions.

    Source: Ba et al., Layer Normalization, arXiv:1607.06450.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Normalise (n, channel, y, x)."""
        centred = features - _mean(features)
        scale = torch.rsqrt(_mean(centred * centred) + 1e-6)
        return centred * scale * self.weight + self.bias


def _mean(features: Tensor) -> Tensor:
    """Mean over the channels, (n, 1, y, x)."""
    if not torch.onnx.is_in_onnx_export():
        return features.mean(1, keepdim=True)
    # ones, and the share apart: as weights in bf16, shares would be rounded
    channels = int(features.shape[1])
    return functional.conv2d(features, torch.ones(1, channels, 1, 1)) * (1.0 / channels)


def _gated(features: Tensor, *layers: nn.Conv2d) -> Tensor:
    """The product of the two halves of what convolutions in a row give.

    In the exported graph the halves go their own ways from the start, so that nothing has to be split.
    """
    if not torch.onnx.is_in_onnx_export():
        for layer in layers:
            features = layer(features)
        first, second = features.chunk(2, dim=1)
        return first * second
    halves = []
    for start in (0, layers[0].out_channels // 2):
        half = features
        for layer in layers:
            stop, groups = start + layer.out_channels // 2, 1 if layer.groups == 1 else layer.groups // 2
            bias = None if layer.bias is None else layer.bias[start:stop]
            half = functional.conv2d(half, layer.weight[start:stop], bias, layer.stride, layer.padding, 1, groups)
        halves.append(half)
    return halves[0] * halves[1]


class NafBlock(nn.Module):
    """Residual block without activation functions: two gated branches, each scaled from 0.

    Source: Chen et al., Simple Baselines for Image Restoration (NAFNet), arXiv:2204.04676, figure 2c.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_spatial = ChannelNorm(width)
        self.expand = nn.Conv2d(width, 2 * width, 1)
        self.depthwise = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.attention = nn.Conv2d(width, width, 1)
        self.project = nn.Conv2d(width, width, 1)
        self.norm_channel = ChannelNorm(width)
        self.widen = nn.Conv2d(width, 2 * width, 1)
        self.narrow = nn.Conv2d(width, width, 1)
        self.scale_spatial = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.scale_channel = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Transform (n, channel, y, x), keeping its shape."""
        gated = _gated(self.norm_spatial(features), self.expand, self.depthwise)
        attended = gated * self.attention(gated.mean((2, 3), keepdim=True))
        features = features + self.project(attended) * self.scale_spatial
        mixed = self.narrow(_gated(self.norm_channel(features), self.widen))
        restored: Tensor = features + mixed * self.scale_channel
        return restored


def stage(width: int, depth: int) -> nn.Sequential:
    """Some blocks in a row.

    Args:
        width: Channels.
        depth: Number of blocks; 0 passes the features through.

    Returns:
        The blocks.
    """
    return nn.Sequential(*[NafBlock(width) for _ in range(depth)])


def down(width: int, wider: int) -> nn.Conv2d:
    """Halve the resolution by a convolution of 2 x 2 with stride 2.

    Args:
        width: Channels in.
        wider: Channels out.

    Returns:
        The convolution.
    """
    return nn.Conv2d(width, wider, 2, stride=2)


class Up(nn.Module):
    """Double the resolution by a 1 x 1 convolution and a pixel shuffle, and join the skip connection."""

    def __init__(self, wider: int, width: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(wider, 4 * width, 1)
        self.fuse = nn.Conv2d(2 * width, width, 1)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        """Bring (n, wider, y, x) to the (n, width, 2 y, 2 x) of the skip connection."""
        fused: Tensor = self.fuse(torch.cat([functional.pixel_shuffle(self.expand(features), 2), skip], dim=1))
        return fused
