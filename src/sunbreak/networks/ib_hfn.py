"""IB-HFN: SAR-optical fusion through an information bottleneck, beside a gated path for clear-sky detail.

A re-implementation from the published abstract (Guo et al., IB-HFN, arXiv:2606.09347). Certain from it: two streams
kept apart until deep fusion; a channel-wise variational bottleneck on the radar features at the fusion; in parallel a
local-global gate that predicts clear-sky regions and routes optical detail through a Dirac-initialised skip connection;
an objective of bottleneck, accuracy, structure, spectrum and contrastive sharpness under a dynamic weighting schedule.
Everything else is our choice and a field of `IbHfnOptions`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from sunbreak.bands import L1C_BANDS, LEVELS
from sunbreak.networks import losses, normalise
from sunbreak.networks.blocks import down, stage
from sunbreak.networks.bottleneck import SpatialBottleneck, Squeeze, free_bits
from sunbreak.networks.clear_sky import ClearSkyGate, dirac_skip
from sunbreak.networks.interface import Analysis, RestorationNetwork
from sunbreak.networks.normalise import Tensors

BANDS: Final = len(L1C_BANDS)
LATE: Final = (0.2, 0.5)
"""Progress at which the sharpness term sets in and is whole: its ratio is unstable while the output is still cloudy."""
COMPRESSED: Final = 0.3
"""Progress at which the bottleneck's cost is whole: it needs something worth keeping first."""


@dataclass(frozen=True)
class IbHfnOptions:
    """Every choice that the published abstract leaves open."""

    widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels at 10, 20, 40 and 80 m."""
    optical_depths: tuple[int, ...] = (2, 2, 4, 6)
    """Blocks of the optical stream's levels."""
    radar_depths: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks of the radar stream's levels."""
    fused_depth: int = 4
    """Blocks after the fusion, at the coarsest level."""
    decoder_depths: tuple[int, ...] = (2, 2, 2)
    """Blocks of the decoder's levels, from 10 m."""
    squeeze: Squeeze = "variational"
    """The bottleneck on the radar features; `none` is plain concatenation."""
    gate: bool = True
    """Weigh skip and restored features by the chance of clear sky; without, they are averaged."""
    identity_skips: bool = True
    """Start the skips as the identity."""
    multi_level: bool = True
    """Skips at all levels: one at 80 m alone cannot carry the detail of 10 m."""
    global_residual: bool = True
    """The head corrects the cloudy input instead of giving the reflectance itself."""
    scheduled: bool = True
    """Weigh the losses by the progress of the training; without, by their final weights throughout."""
    structure_weight: float = 0.2
    """Of 1 - structural similarity."""
    spectrum_weight: float = 0.2
    """Of 1 - cosine of the spectral angle, reached linearly from half of it."""
    sharpness_weight: float = 0.02
    """Of the contrastive sharpness."""
    beta: float = 1e-4
    """Of the bottleneck's cost, in mean nats a channel."""
    free_nats: float = 0.1
    """Nats a channel that cost nothing; without them the bottleneck was seen to shut."""


@dataclass(frozen=True, kw_only=True)
class IbHfnAnalysis(Analysis):
    """What the network finds, with what its premises are tested on."""

    divergence: Tensor | None
    """(n, channel, y / 8, x / 8), nats; None without a variational bottleneck."""
    clear: list[Tensor]
    """(n, 1, y, x) of each level from 10 m, 0 to 1: where optical detail is handed on; empty without the gate."""


class IbHfn(RestorationNetwork[IbHfnAnalysis]):
    """The network; y and x multiples of 8. It sees no quality classes: its gate is to find clear sky by itself."""

    inputs = ("optical", "present", "level", "radar", "radar_valid")

    def __init__(self, options: IbHfnOptions) -> None:
        super().__init__()
        self.options = options
        widths = options.widths
        pairs = list(itertools.pairwise(widths))
        skipping = widths if options.multi_level else (widths[-1],)
        self.optical_stem = nn.Conv2d(BANDS, widths[0], 3, padding=1)
        self.product = nn.Conv2d(BANDS + len(LEVELS), widths[0], 1)
        self.radar_stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.optical_encoder = nn.ModuleList([stage(w, d) for w, d in zip(widths, options.optical_depths, strict=True)])
        self.radar_encoder = nn.ModuleList([stage(w, d) for w, d in zip(widths, options.radar_depths, strict=True)])
        self.optical_down = nn.ModuleList([down(a, b) for a, b in pairs])
        self.radar_down = nn.ModuleList([down(a, b) for a, b in pairs])
        self.bottleneck = SpatialBottleneck(widths[-1], options.squeeze)
        self.fuse = nn.Conv2d(2 * widths[-1], widths[-1], 1)
        self.fused = stage(widths[-1], options.fused_depth)
        # from the coarsest level up, so that a single skip is the first
        self.skips = nn.ModuleList([dirac_skip(w, identity=options.identity_skips) for w in reversed(skipping)])
        self.gates = nn.ModuleList([ClearSkyGate(w) for w in reversed(skipping)] if options.gate else [])
        self.up = nn.ModuleList([nn.Sequential(nn.Conv2d(b, 4 * a, 1), nn.PixelShuffle(2)) for a, b in pairs])
        self.decoder = nn.ModuleList([stage(w, d) for w, d in zip(widths[:-1], options.decoder_depths, strict=True)])
        self.head = nn.Conv2d(widths[0], BANDS, 3, padding=1)
        # the untrained network returns what it corrects
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def undecayed(self) -> Iterable[nn.Parameter]:
        """The skips: decay would pull them away from the identity."""
        return self.skips.parameters()

    def analyse(self, inputs: Tensors) -> IbHfnAnalysis:
        """Run the network; see `RestorationNetwork.analyse`."""
        features = self.optical_stem(normalise.optical(inputs)) + self.product(normalise.product(inputs))
        optical = self._stream(features, self.optical_encoder, self.optical_down)
        radar = self._stream(self.radar_stem(normalise.radar(inputs)), self.radar_encoder, self.radar_down)[-1]
        squeezed = self.bottleneck(radar)
        fused = self.fused(self.fuse(torch.cat([optical[-1], squeezed.features], dim=1)))
        clear: list[Tensor] = []
        fused = self._mixed(0, optical[-1], fused, clear)
        for turn, level in enumerate(reversed(range(len(self.up))), start=1):
            risen = self.up[level](fused)
            if self.options.multi_level:
                risen = self._mixed(turn, optical[level], risen, clear)
            fused = self.decoder[level](risen)
        found = self.head(fused)
        reflectance = inputs["optical"] + found if self.options.global_residual else found
        return IbHfnAnalysis(reflectance, divergence=squeezed.divergence, clear=clear[::-1])

    @staticmethod
    def _stream(features: Tensor, encoder: nn.ModuleList, steps: nn.ModuleList) -> list[Tensor]:
        levels = []
        for index, blocks in enumerate(encoder):
            features = blocks(features)
            levels.append(features)
            if index < len(steps):
                features = steps[index](features)
        return levels

    def _mixed(self, turn: int, optical: Tensor, restored: Tensor, clear: list[Tensor]) -> Tensor:
        """Optical detail where the sky is clear, restored features elsewhere."""
        detail: Tensor = self.skips[turn](optical)
        if not self.options.gate:
            return 0.5 * (detail + restored)
        chance: Tensor = self.gates[turn](optical)
        clear.append(chance)
        return chance * detail + (1 - chance) * restored

    def losses(self, found: IbHfnAnalysis, batch: Tensors, progress: float) -> dict[str, Tensor]:
        """The five terms of the abstract: accuracy, structure, spectrum, sharpness, and the bottleneck's cost."""
        options, truth, emphasis = self.options, batch["truth"], batch["emphasis"]
        done = progress if options.scheduled else 1.0
        late = min(max((done - LATE[0]) / (LATE[1] - LATE[0]), 0.0), 1.0)
        parts = {
            "accuracy": losses.charbonnier(found.reflectance, truth, emphasis),
            "structure": options.structure_weight * losses.structure(found.reflectance, truth, emphasis),
            "spectrum": options.spectrum_weight * (0.5 + 0.5 * done) * losses.spectrum(
                found.reflectance * batch["present"], truth * batch["present"], emphasis.amax(1, keepdim=True)
            ),
        }  # fmt: skip
        if late:
            parts["sharpness"] = options.sharpness_weight * late * losses.sharpness(
                found.reflectance, truth, batch["optical"], batch["restore"]
            )  # fmt: skip
        if found.divergence is not None:
            cost = options.beta * min(done / COMPRESSED, 1.0)
            parts["bottleneck"] = cost * free_bits(found.divergence, options.free_nats)
        return parts


_SMALL: Final[dict[str, Any]] = {
    "widths": (16, 32, 64, 128),
    "optical_depths": (1, 2, 3, 4),
    "radar_depths": (1, 1, 1, 2),
    "fused_depth": 2,
    "decoder_depths": (1, 1, 2),
}


def ib_hfn(**config: Any) -> IbHfn:
    """Build IB-HFN at the base size of the notes.

    Args:
        **config: Fields of `IbHfnOptions` that differ from the defaults.

    Returns:
        The network, with random weights from torch's generator.
    """
    return IbHfn(IbHfnOptions(**config))


def ib_hfn_large(**config: Any) -> IbHfn:
    """Build IB-HFN half as wide again; arguments as for `ib_hfn`.

    Args:
        **config: Fields of `IbHfnOptions` that differ.

    Returns:
        The network.
    """
    return ib_hfn(**({"widths": (48, 96, 192, 384)} | config))


def ib_hfn_small(**config: Any) -> IbHfn:
    """Build IB-HFN at the cost of `tdp-cr`; arguments as for `ib_hfn`.

    Args:
        **config: Fields of `IbHfnOptions` that differ.

    Returns:
        The network.
    """
    return ib_hfn(**(_SMALL | config))
