"""Adapt: the network learns the scene's own clear ground before it restores, where that is asked for."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import xarray as xr

from sunbreak import engine
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.models import SCENE_PRIOR

TRAINING: Final = "sunbreak.train.in_scene"
"""Found by name and late: it needs packages that the default install has not, and is built upon the steps."""
PACKAGES: Final = ("torch", "lightning", "safetensors", "onnx")


def check_adapting(model: str | Path, seconds: float) -> None:
    """Refuse what cannot be adapted before anything is worked on.

    Args:
        model: As for `models.locate`.
        seconds: Time to adapt in; 0 for none.

    Raises:
        OptionError: The time is negative, the model has no weights, or packages are missing.
    """
    if not 0 <= seconds < float("inf"):
        raise OptionError(f"--adapt-seconds {seconds}: must be at least 0")
    if not seconds:
        return
    if str(model) == SCENE_PRIOR:
        raise OptionError(f"--adapt-seconds: {SCENE_PRIOR} has no weights to adapt; choose another --model")
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise OptionError(
            f"--adapt-seconds: adapting needs more packages: pip install 'sunbreak[train]' (no {', '.join(missing)})"
        )


@contextmanager
def adapting(
    scene: xr.Dataset,
    network: engine.Model | None,
    seconds: float,
    *,
    runtime: engine.RuntimeName = "auto",
    precision: engine.Precision = "auto",
    folder: Path | None = None,
    progress: bool = False,
) -> Iterator[tuple[engine.Model | None, dict[str, Any]]]:
    """Adapt a network to a scene for as long as it is used.

    Args:
        scene: A scene with quality.
        network: The opened network; None for the scene prior.
        seconds: Time to adapt in; 0 leaves the network as it is.
        runtime: What runs the adapted network.
        precision: Its arithmetic.
        folder: Where files lie meanwhile; None takes that of the system.
        progress: Show a progress bar on a terminal.

    Yields:
        The network to restore with, and what the product's metadata says about it: `adapted_seconds`,
        `adapted_windows` learnt from, `adapted_steps`, `adapted_gain` in dB on ground that was not learnt from, and,
        unless the given network was the better one, `adapted_from_sha256`; nothing where there was nothing to learn.

    Raises:
        OptionError: The weights of the network are missing or damaged.
    """
    if network is None or not seconds or not bool((scene["quality"] >= Quality.THIN_CLOUD).any()):
        yield network, {}
        return
    training = importlib.import_module(TRAINING)
    with tempfile.TemporaryDirectory(prefix="adapted-", dir=folder) as own:
        found = training.adapt_to_scene(scene, network.card.onnx, Path(own), seconds, progress=progress)
        if found is None:
            yield network, {}
            return
        told = {
            "adapted_seconds": seconds,
            "adapted_steps": found.steps,
            "adapted_windows": found.windows,
            "adapted_gain": found.gain,
        }
        if found.onnx is None:
            yield network, told
            return
        told["adapted_from_sha256"] = found.sha256
        yield engine.open_model(found.onnx, runtime=runtime, precision=precision), told
