"""The models that `--model` and `sunbreak models` know by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ModelEntry:
    """One line of `sunbreak models`."""

    name: str
    """Name for `--model`."""
    summary: str
    """What it does, in one sentence."""
    inputs: str
    """What it needs besides the optical scene."""
    weights: str
    """What was learnt beforehand, and its licence."""


RESTORERS: Final[dict[str, ModelEntry]] = {
    entry.name: entry
    for entry in (
        ModelEntry(
            "scene-prior",
            "Radar-to-reflectance regression fitted on the scene's own clear pixels, corrected by what shines through "
            "thin cloud and shadow. The default.",
            "radar; where there is none, clear pixels around are continued instead",
            "none; a small global regression (Apache-2.0) where too few pixels are clear",
        ),
    )
}

BASELINES: Final[dict[str, ModelEntry]] = {
    entry.name: entry
    for entry in (
        ModelEntry("cloudy", "The input as it is; a row of every table of `sunbreak evaluate`.", "nothing", "none"),
        ModelEntry(
            "smooth-fill",
            "Clear pixels around, smoothly continued; a row of every table of `sunbreak evaluate`.",
            "nothing",
            "none",
        ),
    )
}
