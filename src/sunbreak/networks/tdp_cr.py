"""TDP-CR: joint cloud removal and land cover with prompt-guided fusion, and our form of it with the scene prior.

A re-implementation from the published abstract and framework figure (Zhang et al., Task-Driven Prompt Learning,
arXiv:2601.12052). Certain from these: two encoders, each behind one 3 x 3 convolution; a prompt generator that sees the
cloudy optical image only; fusion at four levels by a global channel context and a local, prompt-conditioned spatial
bias, whose result goes on in the optical encoder; a decoder that the image head and, from phase 2 on, a land cover
decoder share. Everything else is our choice and a field of `TdpCrOptions`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from sunbreak.bands import L1C_BANDS, LEVELS
from sunbreak.legend import LAND_COVER_LEGEND, Quality
from sunbreak.networks import losses, normalise
from sunbreak.networks.blocks import Up, down, stage
from sunbreak.networks.fusion import Fusion, PromptGuidedFusion
from sunbreak.networks.interface import Analysis, RestorationNetwork
from sunbreak.networks.land_cover import LandCoverDecoder
from sunbreak.networks.normalise import Tensors
from sunbreak.networks.prompt import PromptGenerator

BANDS = len(L1C_BANDS)
SIGMA_FLOOR = 0.005
"""Reflectance added to the prior's error, so that the network may correct where the prior is too sure of itself."""
SKY_CLASSES = len(Quality) - 1
"""Clear, thin cloud, thick cloud, shadow: what the prompt is asked to tell."""


@dataclass(frozen=True)
class TdpCrOptions:
    """Every choice that the published abstract and figure leave open."""

    widths: tuple[int, ...] = (16, 32, 64, 128)
    """Channels at 10, 20, 40 and 80 m."""
    optical_depths: tuple[int, ...] = (1, 2, 3, 4)
    """Blocks of the optical encoder's levels."""
    radar_depths: tuple[int, ...] = (1, 1, 1, 2)
    """Blocks of the radar encoder's levels."""
    decoder_depths: tuple[int, ...] = (1, 1, 2, 1)
    """Blocks of the shared decoder's levels."""
    prompts: int = 5
    """Learnt tokens that a pixel's prompt is mixed from."""
    prompt_width: int = 32
    """Channels of the prompt."""
    prompt_global: bool = False
    """Mix the tokens once an image instead of for every pixel."""
    fusion: Fusion = "full"
    """How radar comes in; `full` is the method, the others are its ablations."""
    land_cover_width: int = 32
    """Channels of the land cover decoder."""
    global_residual: bool = True
    """The head corrects the cloudy input (or the prior) instead of giving the reflectance itself."""
    prior: bool = False
    """Ours: the scene prior and its error are inputs, the head corrects them, and the error is estimated too."""
    kriging: bool = False
    """Ours: the regression behind the prior and its correction by kriging are inputs at every pixel."""
    sky_weight: float = 0.02
    """Weight of the auxiliary head that reads the cloud classes off the prompt."""
    likelihood_weight: float = 0.005
    """Weight of the error's likelihood, where the error is estimated."""


@dataclass(frozen=True, kw_only=True)
class TdpCrAnalysis(Analysis):
    """What the network finds, with what its premises are tested on."""

    sky: Tensor
    """(n, 4, y / 4, x / 4), scores of clear, thin cloud, thick cloud and shadow, read off the prompt."""
    gates: list[Tensor]
    """(n, width, y, x) of each level, 0 to 1: how much radar was let in."""


class TdpCr(RestorationNetwork[TdpCrAnalysis]):
    """The network; y and x multiples of 8."""

    maps_land_cover = True

    def __init__(self, options: TdpCrOptions, *, semantic: bool = False) -> None:
        super().__init__()
        self.options = options
        widths = options.widths
        pairs = list(itertools.pairwise(widths))
        self.inputs = ("optical", "present", "level", "radar", "radar_valid", "quality")
        if options.prior:
            self.inputs += ("prior", "prior_sigma")
        if options.kriging:
            self.inputs += ("regression", "kriging")
            self.kriging_stem = nn.Conv2d(3 * BANDS, widths[0], 3, padding=1)
            # weights trained without these inputs begin where they ended
            nn.init.zeros_(self.kriging_stem.weight)
            nn.init.zeros_(self.kriging_stem.bias)  # type: ignore[arg-type]
        planes = BANDS * (3 if options.prior else 1) + len(Quality)
        self.optical_stem = nn.Conv2d(planes, widths[0], 3, padding=1)
        self.product = nn.Conv2d(BANDS + len(LEVELS), widths[0], 1)
        self.radar_stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.prompt = PromptGenerator(options.prompts, options.prompt_width, per_pixel=not options.prompt_global)
        self.sky = nn.Conv2d(options.prompt_width, SKY_CLASSES, 1)
        self.optical_encoder = nn.ModuleList([stage(w, d) for w, d in zip(widths, options.optical_depths, strict=True)])
        self.radar_encoder = nn.ModuleList([stage(w, d) for w, d in zip(widths, options.radar_depths, strict=True)])
        self.optical_down = nn.ModuleList([down(a, b) for a, b in pairs])
        self.radar_down = nn.ModuleList([down(a, b) for a, b in pairs])
        self.fusion = nn.ModuleList([PromptGuidedFusion(w, options.prompt_width, options.fusion) for w in widths])
        self.up = nn.ModuleList([Up(b, a) for a, b in pairs])
        self.decoder = nn.ModuleList([stage(w, d) for w, d in zip(widths, options.decoder_depths, strict=True)])
        self.head = nn.Conv2d(widths[0], BANDS * (2 if options.prior else 1), 3, padding=1)
        # the untrained network returns what it corrects
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.land_cover: LandCoverDecoder | None = None
        if semantic:
            self.attach_land_cover()

    def attach_land_cover(self) -> None:
        """Begin phase 2: the land cover decoder joins the shared decoder."""
        if self.land_cover is None:
            self.land_cover = LandCoverDecoder(
                self.options.widths, self.options.land_cover_width, len(LAND_COVER_LEGEND)
            )

    def shared_with_land_cover(self) -> list[nn.Module]:
        """The shared decoder and the image head."""
        return [self.up, self.decoder, self.head]

    def losses(self, found: TdpCrAnalysis, batch: Tensors, progress: float) -> dict[str, Tensor]:
        """Reconstruction, the reading of the prompt, and the likelihood of the error."""
        parts = super().losses(found, batch, progress)
        parts["sky"] = self.options.sky_weight * losses.sky(found.sky, batch["sky"])
        if found.log_variance is not None:
            parts["likelihood"] = self.options.likelihood_weight * losses.likelihood(
                found.reflectance.detach(), found.log_variance, batch["truth"], batch["restore"]
            )
        return parts

    def analyse(self, inputs: Tensors) -> TdpCrAnalysis:
        """Run the network; see `RestorationNetwork.analyse`."""
        cloudy = normalise.optical(inputs)
        prompt = self.prompt(cloudy)
        features, skips, gates = self._encode(inputs, cloudy, prompt)
        taps = [self.decoder[-1](features)]
        for index in reversed(range(len(self.up))):
            taps.append(self.decoder[index](self.up[index](taps[-1], skips[index])))
        reflectance, log_variance = self._reconstruct(inputs, self.head(taps[-1]))
        land_cover = None if self.land_cover is None else self.land_cover(taps)
        return TdpCrAnalysis(reflectance, log_variance, land_cover, sky=self.sky(prompt), gates=gates)

    def _encode(self, inputs: Tensors, cloudy: Tensor, prompt: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        planes = [cloudy, inputs["quality"]]
        if self.options.prior:
            planes += [normalise.optical(inputs, "prior"), normalise.sigma(inputs)]
        features = self.optical_stem(torch.cat(planes, dim=1)) + self.product(normalise.product(inputs))
        if self.options.kriging:
            features = features + self.kriging_stem(normalise.kriging(inputs))
        radar = self.radar_stem(normalise.radar(inputs))
        skips, gates = [], []
        for index, fusion in enumerate(self.fusion):
            radar = self.radar_encoder[index](radar)
            features, gate = fusion(self.optical_encoder[index](features), radar, prompt, 4 / 2**index)
            skips.append(features)
            gates.append(gate)
            if index < len(self.optical_down):
                features, radar = self.optical_down[index](features), self.radar_down[index](radar)
        return features, skips, gates

    def _reconstruct(self, inputs: Tensors, found: Tensor) -> tuple[Tensor, Tensor | None]:
        if not self.options.prior:
            return (inputs["optical"] + found if self.options.global_residual else found), None
        error = inputs["prior_sigma"] + SIGMA_FLOOR
        correction, growth = found[:, :BANDS], found[:, BANDS:].clamp(-6.0, 6.0)
        base = inputs["prior"] if self.options.global_residual else 0.0
        return base + error * correction, 2.0 * torch.log(error) + growth


_LARGE: Final[dict[str, Any]] = {
    "widths": (32, 64, 128, 256),
    "optical_depths": (2, 2, 3, 4),
    "radar_depths": (1, 1, 2, 2),
    "decoder_depths": (2, 2, 2, 1),
    "land_cover_width": 64,
}


def tdp_cr(*, semantic: bool = False, **config: Any) -> TdpCr:
    """Build TDP-CR at the size that restores a patch of 256 x 256 within 60 ms on two cores.

    Args:
        semantic: With the land cover decoder, as from phase 2 on.
        **config: Fields of `TdpCrOptions` that differ from the defaults.

    Returns:
        The network, with random weights from torch's generator.
    """
    return TdpCr(TdpCrOptions(**config), semantic=semantic)


def tdp_cr_large(*, semantic: bool = False, **config: Any) -> TdpCr:
    """Build TDP-CR at about the size its authors state relative to their baselines; arguments as for `tdp_cr`.

    Args:
        semantic: With the land cover decoder.
        **config: Fields of `TdpCrOptions` that differ.

    Returns:
        The network.
    """
    return tdp_cr(semantic=semantic, **(_LARGE | config))


def tdp_cr_prior(*, semantic: bool = False, **config: Any) -> TdpCr:
    """Build our form: the scene prior as a further input, and an error for every value; arguments as for `tdp_cr`.

    What the prior was before it looked through cloud, and how its errors at clear pixels carry over, are inputs too.

    Args:
        semantic: With the land cover decoder.
        **config: Fields of `TdpCrOptions` that differ.

    Returns:
        The network.
    """
    return tdp_cr(semantic=semantic, **({"prior": True, "kriging": True} | config))
