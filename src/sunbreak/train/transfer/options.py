"""How classifiers are transferred: every setting of `sunbreak transfer`, with its default."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

from sunbreak.errors import OptionError

Recipe = Literal["faithful", "cloud-aware"]
"""`faithful`: ESCCS as published, as far as that is known; `cloud-aware`: ours."""
RECIPES: Final[tuple[Recipe, ...]] = get_args(Recipe)
EncoderName = Literal["small", "resnet18"]
FusionName = Literal["concat", "sum", "gated", "film", "stack"]
Mode = Literal["equal", "ogm", "inverse_ratio", "inverse_share", "share", "ogm_batch"]
"""How weights follow from the ratio r of the auxiliaries' scores (own : other).

`equal` all 1. `ogm` 1 - tanh(alpha r) where r > 1, else 1: damps the superior one. `inverse_ratio` 1 / r: raises the
inferior one too. `inverse_share` the other's share of both scores, times 2. `share` the own share, times 2: the
opposite direction, a control. `ogm_batch` as `ogm` with scores summed over groups of samples, as OGM-GE has it.
"""
Score = Literal["label", "agree"]
"""What an auxiliary is worth on a sample.

`label` its probability of the source's class. `agree` exp(-KL(source, auxiliary)) of the whole outputs.
"""
Applied = Literal["loss", "logits"]
"""What a weight multiplies: the teacher's loss, or the teacher's logits (the literal reading of the figure)."""


@dataclass(frozen=True)
class TransferOptions:
    """Settings of a transfer; every network of it is trained for the same number of steps."""

    recipe: Recipe = "cloud-aware"
    """`cloud-aware`, or `faithful` to the published method."""
    encoder: EncoderName = "small"
    """Of all networks: `small` (0.24 million weights) or `resnet18`."""
    fusion: FusionName = "concat"
    """How the target network joins optical and radar: `concat`, `sum`, `gated`, `film`, `stack`."""
    epochs: int = 20
    """Passes over the data of each stage; a stage on fewer patches makes as many steps."""
    batch: int = 64
    """Patches in a step."""
    learning_rate: float = 0.05
    """Highest rate of stochastic gradient descent with momentum 0.9."""
    weight_decay: float = 5e-4
    """Decay of weights."""
    warmup: float = 0.1
    """Share of the steps in which the rate rises; then it falls along a cosine."""
    temperature: float = 4.0
    """Of the distillation."""
    threshold: float = 0.7
    """Least confidence of a pseudo-label that `faithful` believes."""
    max_cloud: float = 0.3
    """Largest share of cloud of a patch whose pseudo-label `cloud-aware` believes."""
    regulation: Mode = "ogm"
    """How the teachers are weighed: `ogm`, `inverse_ratio`, `inverse_share`, `share`, `ogm_batch`, or `equal`."""
    score: Score = "label"
    """What an auxiliary is worth on a patch: its probability of the source's class (`label`), or how far it agrees
    with the source as a whole (`agree`)."""
    alpha: float = 0.1
    """Strength of `ogm`."""
    applied: Applied = "loss"
    """What the weights multiply: a teacher's `loss`, or its `logits`."""
    rounds: int = 0
    """Rounds of self-training of `cloud-aware`, on all patches; they share its steps."""
    seed: int = 0
    """Seed of weights and order."""

    def __post_init__(self) -> None:
        choices = {
            "recipe": RECIPES, "encoder": get_args(EncoderName), "fusion": get_args(FusionName),
            "regulation": get_args(Mode), "score": get_args(Score), "applied": get_args(Applied),
        }  # fmt: skip
        for name, valid in choices.items():
            if getattr(self, name) not in valid:
                raise OptionError(f"{name} {getattr(self, name)!r}: choose from {', '.join(valid)}")
        for name, least in {"epochs": 1, "batch": 2}.items():
            if getattr(self, name) < least:
                raise OptionError(f"{name} {getattr(self, name)}: must be at least {least}")
        for name in ("learning_rate", "temperature"):
            # written so that NaN fails too
            if not getattr(self, name) > 0:
                raise OptionError(f"{name} {getattr(self, name)}: must be above 0")
        if self.rounds < 0 or not 0 <= self.seed < 2**32:
            raise OptionError(f"rounds {self.rounds}, seed {self.seed}: must be 0 or more, the seed below 2^32")
        for name in ("threshold", "max_cloud"):
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"{name} {getattr(self, name)}: must be between 0 and 1")
        if not 0 <= self.alpha < math.inf:
            raise OptionError(f"alpha {self.alpha}: must be 0 or more")
        if not 0 <= self.warmup < 1 or not self.weight_decay >= 0:
            raise OptionError(
                f"warmup {self.warmup}, weight_decay {self.weight_decay}: must be 0 or more, warmup below 1"
            )

    def steps(self, patches: int) -> int:
        """Steps of a stage.

        Args:
            patches: Number of patches of the whole data, whatever a filter keeps of them.

        Returns:
            Number of steps, at least one an epoch.
        """
        return self.epochs * max(1, patches // self.batch)
