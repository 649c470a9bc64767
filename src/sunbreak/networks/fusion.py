"""Prompt-guided fusion: radar comes into the optical features only where the prompt says that optics fail."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from sunbreak.networks.blocks import ChannelNorm

Fusion = Literal["full", "global", "local", "promptless", "concat", "none"]
"""`full`; without the local bias; without the global context; without the prompt; plain concatenation; no radar."""


class PromptGuidedFusion(nn.Module):
    """The gate of one level: sigmoid(global channel context + local prompt-conditioned spatial bias).

    The bias is added to the gate's logit, as the abstract's word says. The injection starts at 0: the network begins as
    an optical one and learns to let radar in.
    """

    def __init__(self, width: int, prompt_width: int, fusion: Fusion) -> None:
        super().__init__()
        self.kind = fusion
        hidden = max(16, width // 4)
        both = 2 * width + prompt_width
        self.norm_optical = ChannelNorm(width)
        self.norm_radar = ChannelNorm(width)
        self.value = nn.Conv2d(width, width, 1)
        self.prompt = nn.Conv2d(prompt_width, prompt_width, 1)
        self.context = nn.Sequential(nn.Conv2d(both, hidden, 1), nn.GELU(), nn.Conv2d(hidden, width, 1))
        self.bias = nn.Sequential(
            nn.Conv2d(both, hidden, 1),
            nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden),
            nn.GELU(),
            nn.Conv2d(hidden, 1, 1),
        )
        self.out = nn.Conv2d(2 * width if fusion == "concat" else width, width, 1)
        self.injection = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, optical: Tensor, radar: Tensor, prompt: Tensor, zoom: float) -> tuple[Tensor, Tensor]:
        """Fuse one level.

        Args:
            optical: (n, width, y, x).
            radar: (n, width, y, x).
            prompt: (n, prompt width, y', x').
            zoom: y / y'.

        Returns:
            The optical features with radar let in, and the gate, (n, width, y, x), 0 to 1.
        """
        value = self.value(self.norm_radar(radar))
        if self.kind == "none":
            return optical, torch.zeros_like(value)
        if self.kind == "concat":
            return optical + self.injection * self.out(torch.cat([optical, value], dim=1)), torch.ones_like(value)
        guide = self.prompt(prompt)
        if zoom != 1:
            guide = functional.interpolate(guide, scale_factor=zoom, mode="bilinear", align_corners=False)
        if self.kind == "promptless":
            guide = torch.zeros_like(guide)
        both = torch.cat([self.norm_optical(optical), value, guide], dim=1)
        logit = torch.zeros_like(value)
        if self.kind != "local":
            logit = logit + self.context(both.mean((2, 3), keepdim=True))
        if self.kind != "global":
            logit = logit + self.bias(both)
        gate = torch.sigmoid(logit)
        return optical + self.injection * self.out(gate * value), gate
