"""The local-global gate of IB-HFN: where the optical features see the ground, and may be handed on as they are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sunbreak.networks.blocks import ChannelNorm


class ClearSkyGate(nn.Module):
    """A chance of clear sky for every place, from its surroundings and from the whole image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = max(16, width // 4)
        self.norm = ChannelNorm(width)
        self.local = nn.Sequential(
            nn.Conv2d(width, hidden, 1),
            nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden),
            nn.GELU(),
            nn.Conv2d(hidden, hidden, 3, padding=2, dilation=2, groups=hidden),
            nn.GELU(),
            nn.Conv2d(hidden, 1, 1),
        )
        self.context = nn.Sequential(nn.Conv2d(2 * width, hidden, 1), nn.GELU(), nn.Conv2d(hidden, width, 1))
        self.joint = nn.Conv2d(width, 1, 1)

    def forward(self, optical: Tensor) -> Tensor:
        """Judge (n, width, y, x).

        Args:
            optical: Features of the optical stream.

        Returns:
            (n, 1, y, x), 0 to 1; 1 = clear.
        """
        seen = self.norm(optical)
        pooled = torch.cat([seen.mean((2, 3), keepdim=True), seen.amax((2, 3), keepdim=True)], dim=1)
        return torch.sigmoid(self.local(seen) + self.joint(torch.sigmoid(self.context(pooled)) * seen))


def dirac_skip(width: int, *, identity: bool = True) -> nn.Conv2d:
    """A 3 x 3 convolution that starts as the identity, and learns what else a skip connection should do.

    Args:
        width: Channels.
        identity: Start as the identity; otherwise at random, for the ablation.

    Returns:
        The convolution, without bias. Weight decay would pull it away from the identity: leave it out.

    Source: Zagoruyko and Komodakis, DiracNets, arXiv:1706.00388, section 3.1.
    """
    skip = nn.Conv2d(width, width, 3, padding=1, bias=False)
    if identity:
        nn.init.dirac_(skip.weight)
    return skip
