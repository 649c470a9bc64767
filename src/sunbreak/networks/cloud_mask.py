"""The mask network: clear, thin cloud, thick cloud or shadow for every pixel of 20 m."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from sunbreak.bands import L1C_BANDS, LEVELS
from sunbreak.networks import normalise
from sunbreak.networks.blocks import ChannelNorm, Up, down, stage
from sunbreak.networks.normalise import Tensors


@dataclass(frozen=True)
class CloudMaskOptions:
    """Size of the mask network."""

    widths: tuple[int, ...] = (16, 24, 32, 48, 64)
    """Channels at 20 m, 40 m, ...; the coarsest level must see a cloud and its shadow at once."""
    depths: tuple[int, ...] = (1, 1, 2, 2, 2)
    """Blocks of the encoder's levels."""
    decoder_depth: int = 1
    """Blocks of each of the decoder's levels."""


class CloudMask(nn.Module):
    """A small U-shaped network over the optical bands alone, so that it serves any restoration network."""

    inputs = ("optical", "present", "level")
    """Names of the inputs it takes."""

    def __init__(self, options: CloudMaskOptions) -> None:
        super().__init__()
        widths = options.widths
        self.stem = nn.Conv2d(len(L1C_BANDS), widths[0], 3, padding=1)
        self.product = nn.Conv2d(len(L1C_BANDS) + len(LEVELS), widths[0], 1)
        self.encoder = nn.ModuleList([stage(w, d) for w, d in zip(widths, options.depths, strict=True)])
        self.down = nn.ModuleList([down(a, b) for a, b in itertools.pairwise(widths)])
        self.up = nn.ModuleList([Up(b, a) for a, b in itertools.pairwise(widths)])
        self.decoder = nn.ModuleList([stage(w, options.decoder_depth) for w in widths[:-1]])
        self.head = nn.Sequential(ChannelNorm(widths[0]), nn.Conv2d(widths[0], 4, 1))

    def logits(self, inputs: Tensors) -> Tensor:
        """Scores of the classes.

        Args:
            inputs: `optical` (n, 13, y, x) reflectance at 20 m, y and x multiples of 16, `present` (n, 13, 1, 1) and
                `level` (n, 2, 1, 1).

        Returns:
            (n, 4, y, x): clear, thin cloud, thick cloud, shadow.
        """
        features = self.stem(normalise.optical(inputs)) + self.product(normalise.product(inputs))
        skips = []
        for index, blocks in enumerate(self.encoder):
            features = blocks(features)
            if index < len(self.down):
                skips.append(features)
                features = self.down[index](features)
        for index in reversed(range(len(self.up))):
            features = self.decoder[index](self.up[index](features, skips[index]))
        scores: Tensor = self.head(features)
        return scores

    def forward(self, inputs: Tensors) -> dict[str, Tensor]:
        """Probabilities of the classes.

        Args:
            inputs: See `logits`.

        Returns:
            `quality`, (n, 4, y, x), summing to 1.
        """
        return {"quality": functional.softmax(self.logits(inputs), dim=1)}


def cloud_mask(**config: int | tuple[int, ...]) -> CloudMask:
    """Build the mask network.

    Args:
        **config: Fields of `CloudMaskOptions` that differ from the defaults.

    Returns:
        The network, with random weights from torch's generator.
    """
    return CloudMask(CloudMaskOptions(**config))  # type: ignore[arg-type]
