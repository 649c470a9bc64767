"""A plain U-shaped network that gets all inputs at once: what tdp-cr's prompt and fusion have to beat.

Its blocks, its inputs and its losses are those of tdp-cr, and it is as large; what it lacks is a radar encoder of its
own, the prompt, the fusion by gates, and the land cover decoder.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sunbreak.bands import L1C_BANDS, LEVELS, RADAR_BANDS
from sunbreak.legend import Quality
from sunbreak.networks import normalise
from sunbreak.networks.blocks import Up, down, stage
from sunbreak.networks.interface import Analysis, RestorationNetwork
from sunbreak.networks.normalise import Tensors


@dataclass(frozen=True)
class NafUnetOptions:
    """Size of the network: weights and multiplications within 1 % of those of tdp-cr with its land cover decoder."""

    widths: tuple[int, ...] = (20, 40, 80, 160)
    """Channels at 10, 20, 40 and 80 m."""
    depths: tuple[int, ...] = (1, 2, 3, 4)
    """Blocks of the encoder's levels, as many as in tdp-cr's optical encoder."""
    decoder_depths: tuple[int, ...] = (2, 2, 1, 1)
    """Blocks of the decoder's levels."""
    global_residual: bool = True
    """The head corrects the cloudy input instead of giving the reflectance itself."""


class NafUnet(RestorationNetwork[Analysis]):
    """The network; y and x multiples of 8.

    Source: Chen et al., Simple Baselines for Image Restoration (NAFNet), arXiv:2204.04676: the blocks and the shape.
    """

    inputs = ("optical", "present", "level", "radar", "radar_valid", "quality")

    def __init__(self, options: NafUnetOptions) -> None:
        super().__init__()
        self.options = options
        widths, bands = options.widths, len(L1C_BANDS)
        pairs = list(itertools.pairwise(widths))
        planes = bands + len(RADAR_BANDS) + 1 + len(Quality)
        self.stem = nn.Conv2d(planes, widths[0], 3, padding=1)
        # the same for all pixels, so its share of the concatenation is one sum an image
        self.product = nn.Conv2d(bands + len(LEVELS), widths[0], 1)
        self.encoder = nn.ModuleList([stage(w, d) for w, d in zip(widths, options.depths, strict=True)])
        self.down = nn.ModuleList([down(a, b) for a, b in pairs])
        self.up = nn.ModuleList([Up(b, a) for a, b in pairs])
        self.decoder = nn.ModuleList([stage(w, d) for w, d in zip(widths, options.decoder_depths, strict=True)])
        self.head = nn.Conv2d(widths[0], bands, 3, padding=1)
        # the untrained network returns what it corrects
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def analyse(self, inputs: Tensors) -> Analysis:
        """Run the network; see `RestorationNetwork.analyse`."""
        planes = torch.cat([normalise.optical(inputs), normalise.radar(inputs), inputs["quality"]], dim=1)
        features = self.stem(planes) + self.product(normalise.product(inputs))
        skips = []
        for index, blocks in enumerate(self.encoder):
            features = blocks(features)
            if index < len(self.down):
                skips.append(features)
                features = self.down[index](features)
        features = self.decoder[-1](features)
        for index in reversed(range(len(self.up))):
            features = self.decoder[index](self.up[index](features, skips[index]))
        found = self.head(features)
        return Analysis(inputs["optical"] + found if self.options.global_residual else found)


def naf_unet(**config: Any) -> NafUnet:
    """Build the U-shaped network at the size of tdp-cr.

    Args:
        **config: Fields of `NafUnetOptions` that differ from the defaults.

    Returns:
        The network, with random weights from torch's generator.
    """
    return NafUnet(NafUnetOptions(**config))
