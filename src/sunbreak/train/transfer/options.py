"""How classifiers are transferred: every setting of `sunbreak transfer`, with its default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from sunbreak.errors import OptionError

Recipe = Literal["faithful", "cloud-aware"]
"""`faithful`: ESCCS as published, as far as that is known; `cloud-aware`: ours."""
RECIPES: Final[tuple[Recipe, ...]] = get_args(Recipe)
EncoderName = Literal["small", "resnet18"]
FusionName = Literal["concat", "sum", "gated", "film", "stack"]


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
    rounds: int = 0
    """Rounds of self-training of `cloud-aware`, on all patches; they share its steps."""
    seed: int = 0
    """Seed of weights and order."""

    def __post_init__(self) -> None:
        choices = {"recipe": RECIPES, "encoder": get_args(EncoderName), "fusion": get_args(FusionName)}
        for name, valid in choices.items():
            if getattr(self, name) not in valid:
                raise OptionError(f"{name} {getattr(self, name)!r}: choose from {', '.join(valid)}")
        for name in ("epochs", "batch"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} {getattr(self, name)}: must be at least 1")
        for name in ("learning_rate", "temperature"):
            # written so that NaN fails too
            if not getattr(self, name) > 0:
                raise OptionError(f"{name} {getattr(self, name)}: must be above 0")
        if self.rounds < 0:
            raise OptionError(f"rounds {self.rounds}: must be 0 or more")
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
