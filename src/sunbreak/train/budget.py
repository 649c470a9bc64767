"""A budget of time for a training: what is spent of it counts over all legs, and the learning rate runs with it."""

from __future__ import annotations

import math
import sys
from time import monotonic
from typing import Any, Final

import lightning.pytorch as pl
from tqdm import tqdm

WARM: Final = 0.05
"""Share of the time in which the rate rises."""


class Budget(pl.Callback):
    """Stops a training once its time is spent; saved with every checkpoint, so that the next leg goes on counting."""

    KEY: Final = "Budget"

    def __init__(self, seconds: float, *, progress: bool = False) -> None:
        """Begin with nothing spent.

        Args:
            seconds: Time for all legs together.
            progress: Show a progress bar on a terminal.
        """
        self.seconds = seconds
        self._before, self._since = 0.0, math.nan
        self._bar: tqdm[Any] | None = None
        self._shown = progress and sys.stderr.isatty()

    @property
    def state_key(self) -> str:
        """Its name in checkpoints."""
        return self.KEY

    @property
    def spent(self) -> float:
        """Seconds spent so far."""
        return self._before + (0.0 if math.isnan(self._since) else monotonic() - self._since)

    @property
    def share(self) -> float:
        """Share of the time that is spent, 0 to 1."""
        return min(self.spent / self.seconds, 1.0) if self.seconds > 0 else 1.0

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"spent": self.spent}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on counting."""
        self._before = float(state["spent"])

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Start the clock with the first batch: making it is not learning yet."""
        if not math.isnan(self._since):
            return
        self._since = monotonic()
        if self._shown:
            form = "{desc} {percentage:3.0f}% |{bar}| [{elapsed}<{remaining}]"
            self._bar = tqdm(total=round(self.seconds), desc="adapting  ", bar_format=form, leave=False)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop in time."""
        if self._bar is not None:
            self._bar.n = min(int(self.spent), self._bar.total)
            self._bar.refresh()
        if self.spent >= self.seconds:
            trainer.should_stop = True

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Stop the clock."""
        self._before, self._since = self.spent, math.nan
        if self._bar is not None:
            self._bar.close()


def falling(share: float) -> float:
    """Share of the highest learning rate: a short rise, then a cosine to 0.

    Args:
        share: Of the training that is done, 0 to 1.

    Returns:
        0 to 1.

    Example:
        >>> falling(0.5), falling(1.0)
        (0.5, 0.0)
    """
    return min((share + 0.01) / WARM, 1.0) * 0.5 * (1 + math.cos(math.pi * share))
