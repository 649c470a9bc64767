"""Scene classifiers: one class for a patch, from optical, from radar, or from both.

The networks of ESCCS, a re-implementation from the published abstract and figures (arXiv:2501.04283): which encoders
its authors took and how their target network fuses is not published, so both are settings here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from sunbreak.bands import OPTICAL_BANDS
from sunbreak.networks.encoders import ENCODERS, STRIDE, WIDTHS, Encoder, EncoderName

Modality = Literal["optical", "radar"]
Fusion = Literal["concat", "sum", "gated", "film", "stack", "energy"]
"""How optical and radar meet: descriptors side by side; their sum; their sum under a learnt gate; radar scaling and
shifting the optical descriptor; one encoder over all channels; the branches' logits weighted by their energy (QMF)."""
CLIP: Final = 3.0
"""Standard deviations beyond which reflectance is clipped."""
ENERGY: Final = 0.1
"""Factor of the energy confidence of QMF."""


@dataclass(frozen=True)
class SceneClassifierOptions:
    """How a scene classifier is built."""

    bands: tuple[str, ...] = ("B04", "B03", "B02")
    """Optical bands in the order of the input."""
    classes: int = 10
    """Number of classes."""
    modalities: tuple[Modality, ...] = ("optical", "radar")
    """What it looks at."""
    encoder: EncoderName = "small"
    """`small`, or `resnet18`."""
    fusion: Fusion = "concat"
    """How optical and radar meet."""
    masked: bool = False
    """Clouds do not enter the descriptor: the clear surroundings stand in for them, and are not pooled."""
    variational: bool = False
    """Draw the descriptors in training from a mean and a variance (for gradient-decoupled learning)."""

    def __post_init__(self) -> None:
        twice = any(len(set(names)) != len(names) for names in (self.modalities, self.bands))
        if not self.modalities or twice or not set(self.modalities) <= set(get_args(Modality)):
            raise ValueError(
                f"modalities are {self.modalities}, bands {self.bands}; name each once, modalities of "
                f"{', '.join(get_args(Modality))}"
            )
        if self.fusion not in get_args(Fusion) or self.encoder not in ENCODERS:
            raise ValueError(f"no fusion {self.fusion!r} of the encoder {self.encoder!r}")
        if not self.bands or set(self.bands) - set(OPTICAL_BANDS) or self.classes < 2:
            raise ValueError(f"bands {self.bands} and {self.classes} classes: unknown bands, or nothing to tell apart")


class SceneClassifier(nn.Module):
    """One or two encoders and a linear head."""

    optical_mean: Tensor
    optical_std: Tensor
    radar_mean: Tensor
    radar_std: Tensor

    def __init__(self, options: SceneClassifierOptions) -> None:
        super().__init__()
        self.options = options
        self.fused = len(options.modalities) == 2
        self.stacked = self.fused and options.fusion == "stack"
        channels = {"optical": len(options.bands), "radar": 3}
        self.inputs = tuple(_inputs(options))
        if self.stacked:
            self.encoders = nn.ModuleDict({"optical": Encoder(sum(channels.values()), options.encoder)})
        else:
            self.encoders = nn.ModuleDict({m: Encoder(channels[m], options.encoder) for m in options.modalities})
        width = WIDTHS[options.encoder]
        self.head = _Head(options, width, branches=len(self.encoders))
        if options.variational:
            self.spreads = nn.ModuleDict({m: _spread(width) for m in self.encoders})
        self.register_buffer("optical_mean", torch.zeros(len(options.bands), 1, 1))
        self.register_buffer("optical_std", torch.ones(len(options.bands), 1, 1))
        self.register_buffer("radar_mean", torch.full((2, 1, 1), -15.0))
        self.register_buffer("radar_std", torch.full((2, 1, 1), 5.0))

    def normalise_by(self, statistics: Mapping[str, Tensor]) -> None:
        """Take the statistics of the data that the network is trained on.

        Args:
            statistics: `optical_mean`, `optical_std` (band,), reflectance; `radar_mean`, `radar_std` (2,), dB; what is
                missing stays.
        """
        for name, values in statistics.items():
            getattr(self, name).copy_(values.reshape(-1, 1, 1))

    def start_from(self, *others: SceneClassifier) -> None:
        """Take over the encoders of networks of one sensor each.

        Args:
            others: Networks with the same encoder and bands; what they look at, this one does, too.
        """
        for other in others:
            for modality, encoder in other.encoders.items():
                self.encoders[modality].load_state_dict(encoder.state_dict())

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Classify patches.

        Args:
            inputs: `optical` (n, band, y, x) reflectance; `clear` (n, 1, y, x), 1 where measured and clear; `radar`
                (n, 2, y, x) dB; `radar_valid` (n, 1, y, x). Those in `self.inputs` are needed.

        Returns:
            `logits` (n, class); with two encoders `logits_optical` and `logits_radar`, what is said with the descriptor
            of the other one at 0 and half of the bias (for `concat` and `sum` they add up to `logits`). With
            `variational`, branches have heads of their own, and in training come `mean_*` and `log_variance_*`
            (n, feature) of each.
        """
        images = {m: self._image(m, inputs) for m in self.options.modalities}
        if self.stacked:
            images = {"optical": torch.cat(list(images.values()), dim=1)}
        clear = inputs["clear"] if "clear" in self.inputs else None
        features = {m: self.encoders[m](image, clear if m == "optical" else None) for m, image in images.items()}
        found: dict[str, Tensor] = {}
        if self.options.variational:
            for m, described in features.items():
                mean, log_variance = self.spreads[m](described).chunk(2, dim=1)
                features[m] = mean
                if self.training:
                    features[m] = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
                    found |= {f"mean_{m}": mean, f"log_variance_{m}": log_variance}
        answers: dict[str, Tensor] = self.head(features)
        return answers | found

    def _image(self, modality: Modality, inputs: Mapping[str, Tensor]) -> Tensor:
        if modality == "optical":
            # a cloud is brighter than anything a clear sky shows; unclipped it would outweigh all the rest of the patch
            image = ((inputs["optical"] - self.optical_mean) / self.optical_std).clamp(-CLIP, CLIP)
            return _filled(image, inputs["clear"]) if "clear" in self.inputs else image
        valid = inputs["radar_valid"]
        return torch.cat([(inputs["radar"] - self.radar_mean) / self.radar_std * valid, valid], dim=1)


def _drawn(options: SceneClassifierOptions, branches: int) -> tuple[Modality, ...]:
    return options.modalities if options.variational and branches == 2 and options.fusion != "energy" else ()


def _spread(width: int) -> nn.Linear:
    layer = nn.Linear(width, 2 * width)
    # descriptors begin nearly certain: noise as large as they are would leave nothing to learn from
    nn.init.zeros_(layer.weight[width:])
    nn.init.constant_(layer.bias[width:], -4.0)
    return layer


def _filled(image: Tensor, clear: Tensor) -> Tensor:
    """Take clouds out: what is clear around stands in for them, or else what is clear in the patch, or the mean, 0."""
    seen = image * clear
    whole = seen.mean((2, 3), keepdim=True) / (clear.mean((2, 3), keepdim=True) + 1e-3)
    near, share = (functional.avg_pool2d(values, STRIDE, ceil_mode=True) for values in (seen, clear))
    around = (near + 0.05 * whole) / (share + 0.05)
    smooth = functional.interpolate(around, image.shape[-2:], mode="bilinear", align_corners=False)
    return seen + (1 - clear) * smooth


class _Head(nn.Module):
    """From descriptors to logits, together and each alone."""

    def __init__(self, options: SceneClassifierOptions, width: int, branches: int) -> None:
        super().__init__()
        self.fusion: Fusion = options.fusion if branches == 2 else "sum"
        self.classify = nn.Linear(width * (2 if self.fusion == "concat" else 1), options.classes)
        if self.fusion == "gated":
            self.gate = nn.Linear(2 * width, width)
        if self.fusion == "film":
            self.modulate = nn.Linear(width, 2 * width)
        if self.fusion == "energy":
            self.classify_radar = nn.Linear(width, options.classes)
        # branches that are drawn towards the fused answer need heads of their own: slices of its head would pull each
        # other up without end
        self.own = nn.ModuleDict({m: nn.Linear(width, options.classes) for m in _drawn(options, branches)})

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        if len(features) == 1:
            return {"logits": self.classify(*features.values())}
        optical, radar = features["optical"], features["radar"]
        if self.fusion == "energy":
            alone = self.classify(optical), self.classify_radar(radar)
            return {"logits": energy_fusion(*alone), "logits_optical": alone[0], "logits_radar": alone[1]}
        if self.own:
            drawn = {f"logits_{m}": head(features[m]) for m, head in self.own.items()}
            return {"logits": self.classify(self._fuse(optical, radar)), **drawn}
        silent, half = torch.zeros_like(optical), 0.5 * self.classify.bias
        return {
            "logits": self.classify(self._fuse(optical, radar)),
            "logits_optical": self.classify(self._fuse(optical, silent)) - half,
            "logits_radar": self.classify(self._fuse(silent, radar)) - half,
        }

    def _fuse(self, optical: Tensor, radar: Tensor) -> Tensor:
        if self.fusion == "concat":
            return torch.cat([optical, radar], dim=1)
        if self.fusion == "gated":
            share = torch.sigmoid(self.gate(torch.cat([optical, radar], dim=1)))
            return share * optical + (1 - share) * radar
        if self.fusion == "film":
            scale, shift = self.modulate(radar).chunk(2, dim=1)
            optical, radar = optical * (1 + scale), shift
        return optical + radar


def energy_fusion(optical: Tensor, radar: Tensor) -> Tensor:
    """Weigh the logits of two branches by their energy confidence: a peaked answer counts more than a flat one.

    Args:
        optical: (n, class) logits.
        radar: (n, class) logits.

    Returns:
        (n, class).

    Source:
        Zhang et al., Provable Dynamic Fusion for Low-Quality Multimodal Data (QMF), ICML 2023.

    Example:
        >>> fused = energy_fusion(torch.tensor([[9.0, 0.0]]), torch.tensor([[0.0, 0.1]]))
        >>> bool(fused[0, 0] > fused[0, 1])
        True
    """
    weights: list[Tensor] = [ENERGY * logits.logsumexp(1, keepdim=True) for logits in (optical, radar)]
    return weights[0].detach() * optical + weights[1].detach() * radar


def _inputs(options: SceneClassifierOptions) -> list[str]:
    names = ["optical"] if "optical" in options.modalities else []
    names += ["radar", "radar_valid"] if "radar" in options.modalities else []
    return names + (["clear"] if options.masked and "optical" in options.modalities else [])


def scene_classifier(**config: object) -> SceneClassifier:
    """Build a scene classifier.

    Args:
        **config: Fields of `SceneClassifierOptions` that differ from the defaults.

    Returns:
        The network, with random weights from torch's generator.
    """
    # cards keep lists
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
    return SceneClassifier(SceneClassifierOptions(**fields))  # type: ignore[arg-type]
