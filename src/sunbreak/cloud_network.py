"""The mask network: from its four probabilities to quality classes, and where its weights lie.

The network is a model file as `engine` runs them. It looks at pixels of about 20 m, takes `optical`, `present` and
`level`, and returns `quality`: the probabilities of the classes in `CLASSES`, (1, 4, y, x).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from sunbreak import engine
from sunbreak.bands import LEVELS, Level
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.weights import FOLDER

WEIGHTS: Final = FOLDER / "cloud-mask.onnx"
"""The shipped weights; their card lies beside them. Without them the rule finds clouds."""
CLASSES: Final = (Quality.CLEAR, Quality.THIN_CLOUD, Quality.THICK_CLOUD, Quality.SHADOW)
"""What the planes of the network's output mean, in their order."""
OUTPUT: Final = "quality"
INPUTS: Final = ("optical", "present", "level")


@dataclass(frozen=True)
class Decision:
    """How probabilities become a class: cloud, shadow and clear compete, the largest weighted share wins."""

    cloud: float = 1.0
    """Weight of cloud, thin and thick together, against clear (1); above 1 finds more cloud, and more false alarms."""
    shadow: float = 1.0
    """Weight of shadow against clear (1)."""
    thick: float = 0.5
    """Share of thick in the probability of cloud from which a cloud is thick."""


DECISION: Final = Decision(shadow=0.7)
"""As shipped; tuned by `bench/mask_agreement.py --tune`."""


def decide(probabilities: np.ndarray, decision: Decision = DECISION) -> np.ndarray:
    """Choose the class of every pixel.

    Args:
        probabilities: (4, y, x), in the order of `CLASSES`; only their ratios count.
        decision: How they are weighed.

    Returns:
        (y, x), uint8, `legend.Quality`; a tie is clear.

    Example:
        >>> decide(np.array([0.4, 0.25, 0.3, 0.05]).reshape(4, 1, 1)).item()
        3
    """
    clear, thin, thick, shadow = probabilities
    cloud = thin + thick
    weighted_cloud, weighted_shadow = decision.cloud * cloud, decision.shadow * shadow
    quality = np.full(clear.shape, Quality.CLEAR, np.uint8)
    quality[weighted_shadow > np.maximum(clear, weighted_cloud)] = Quality.SHADOW
    clouded = (weighted_cloud > clear) & (weighted_cloud >= weighted_shadow)
    quality[clouded] = np.where(thick >= decision.thick * cloud, Quality.THICK_CLOUD, Quality.THIN_CLOUD)[clouded]
    return quality


def open_network(
    path: Path, *, level: Level, runtime: engine.RuntimeName = "auto", precision: engine.Precision = "auto"
) -> engine.Model:
    """Open a mask network and check that it is one; the last ones opened are kept.

    Args:
        path: The `.onnx` file; its card lies beside it as `.json`.
        level: Processing level it shall look at.
        runtime: What runs it.
        precision: Its arithmetic.

    Returns:
        The model.

    Raises:
        OptionError: The file is missing, is no mask network, or was not made for this level.
    """
    if not path.is_file():
        raise OptionError(f"{path}: no such mask network; find clouds with --mask rule, or give a mask with --quality")
    model = _opened(path, path.stat().st_mtime_ns, runtime, precision)
    asked = model.runtime.inputs
    if model.card.kind != "mask" or not {"optical"} <= set(asked) <= set(INPUTS):
        raise OptionError(
            f"{path}: no mask network: a {model.card.kind} network that takes {', '.join(asked)}; a mask network takes "
            f"{', '.join(INPUTS)}"
        )
    if level not in model.levels:
        raise OptionError(f"{path}: made for {'/'.join(model.levels)}, the scene is {level}; use --mask rule")
    return model


@lru_cache(4)
def _opened(path: Path, stamp: int, runtime: engine.RuntimeName, precision: engine.Precision) -> engine.Model:
    """Opening compiles, which takes longer than a small scene; `stamp` is the file's age, so that new weights count."""
    return engine.open_model(path, runtime=runtime, precision=precision)


def level_planes(level: Level) -> np.ndarray:
    """The network's input `level`.

    Args:
        level: Processing level.

    Returns:
        (2, 1, 1), float32: 1 for this level in the order of `bands.LEVELS`, 0 for the other.

    Example:
        >>> level_planes("L2A").ravel().tolist()
        [0.0, 1.0]
    """
    return np.array([name == level for name in LEVELS], np.float32).reshape(-1, 1, 1)
