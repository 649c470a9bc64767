"""The land cover decoder of phase 2: one linear layer a level of the shared decoder, joined at 20 m."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sunbreak.networks.blocks import ChannelNorm


class LandCoverDecoder(nn.Module):
    """All levels brought to 20 m, concatenated, mixed, and brought to 10 m.

    Source: the all-MLP decoder of SegFormer (Xie et al., arXiv:2105.15203, section 3.2), with one 3 x 3 convolution.
    """

    def __init__(self, widths: Sequence[int], width: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.taps = nn.ModuleList([nn.Sequential(ChannelNorm(w), nn.Conv2d(w, width, 1)) for w in reversed(widths)])
        self.mix = nn.Sequential(
            nn.Conv2d(len(widths) * width, width, 1),
            nn.BatchNorm2d(width),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.GELU(),
            nn.Conv2d(width, classes, 1),
        )

    def forward(self, taps: Sequence[Tensor]) -> Tensor:
        """Score the classes.

        Args:
            taps: Features of the shared decoder, from 80 m to 10 m.

        Returns:
            (n, class, y, x) at 10 m.
        """
        joined = []
        for index, (level, features) in enumerate(zip(self.taps, taps, strict=True)):
            zoom = 2.0 ** (len(taps) - 2 - index)
            if zoom < 1:
                # average pooling, because engines differ in shrinking by interpolation
                joined.append(level(functional.avg_pool2d(features, 2)))
            elif zoom > 1:
                joined.append(functional.interpolate(level(features), scale_factor=zoom, mode="bilinear"))
            else:
                joined.append(level(features))
        scores = self.mix(torch.cat(joined, dim=1))
        return functional.interpolate(scores, scale_factor=2.0, mode="bilinear")
