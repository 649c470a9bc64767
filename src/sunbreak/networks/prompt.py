"""The degradation prompt of TDP-CR: what the cloudy image itself says about how far it can be trusted, and where."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sunbreak.bands import L1C_BANDS
from sunbreak.networks.blocks import NafBlock

WIDTH = 24
"""Channels of the generator."""


class PromptGenerator(nn.Module):
    """Mixes learnt tokens for every pixel of 40 m, with weights from its surroundings and from the whole image.

    The weights are per pixel because the paper's prompt carries spatial uncertainty; one mixture an image, as in
    PromptIR (arXiv:2306.13090), is the alternative.
    """

    def __init__(self, tokens: int, width: int, *, per_pixel: bool = True) -> None:
        super().__init__()
        self.per_pixel = per_pixel
        self.look = nn.Sequential(
            nn.Conv2d(len(L1C_BANDS), WIDTH, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1),
            nn.GELU(),
            NafBlock(WIDTH),
        )
        self.local = nn.Conv2d(WIDTH, tokens, 1)
        self.whole = nn.Conv2d(WIDTH, tokens, 1)
        self.tokens = nn.Conv2d(tokens, width, 1, bias=False)
        self.smooth = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, cloudy: Tensor) -> Tensor:
        """Make the prompt.

        Args:
            cloudy: (n, 13, y, x), normalised.

        Returns:
            (n, width, y / 4, x / 4).
        """
        seen = self.look(cloudy)
        scores = self.whole(seen.mean((2, 3), keepdim=True))
        local = self.local(seen)
        scores = scores + (local if self.per_pixel else torch.zeros_like(local))
        prompt: Tensor = self.smooth(self.tokens(functional.softmax(scores, dim=1)))
        return prompt
