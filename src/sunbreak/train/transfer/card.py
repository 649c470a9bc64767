"""Write a trained classifier: model file and card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sunbreak.networks.scene_classifier import SceneClassifier
from sunbreak.registry import CLASSIFIERS, SCENE_CLASSIFIER
from sunbreak.train.card import LICENCE, UNKNOWN_LICENCE
from sunbreak.train.export import count, write_files
from sunbreak.train.run_folder import versions


@dataclass(frozen=True)
class Learnt:
    """What a classifier was made from."""

    name: str
    """Name of the model."""
    summary: str
    """What it is, in one sentence."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of the logits."""
    level: str
    """Processing level of the patches."""
    patch: int
    """Side of a patch in pixels."""
    data: Sequence[str]
    """SPECs of the data."""
    regions: Sequence[str] | None
    """Regions seen; None where the source does not tell its own."""
    free: bool
    """Nobody's terms of use stand behind it: it has learnt from simulated patches only."""
    settings: Mapping[str, Any]
    """Settings of the training."""
    needs: str
    """What it needs besides optical: `nothing`, `radar`, or `radar where there is some`."""


def write_classifier(network: SceneClassifier, folder: Path, learnt: Learnt) -> Path:
    """Export a classifier with its card.

    Args:
        network: The network, on the CPU.
        folder: Where to; `model.onnx`, `model.safetensors` and, last, `model.json`.
        learnt: What it was made from.

    Returns:
        Path of the ONNX file.
    """
    inputs = example(network, learnt.patch)
    parameters, gmacs = count(network, inputs)
    seen = {} if learnt.regions is None else {"regions_seen": sorted(learnt.regions)}
    card: dict[str, Any] = {
        "name": learnt.name,
        "kind": CLASSIFIERS[SCENE_CLASSIFIER].kind,
        "summary": learnt.summary,
        "inputs": learnt.needs,
        "classes": list(learnt.classes),
        "bands": list(network.options.bands),
        "levels": [learnt.level],
        "patch": learnt.patch,
        "overlap": 0,
        "licence": LICENCE if learnt.free else UNKNOWN_LICENCE,
        "bf16": False,
        "parameters": parameters,
        "gmacs": round(gmacs, 4),
        "architecture": {"network": SCENE_CLASSIFIER, "config": asdict(network.options)},
        "training": {
            **versions(),
            "data": list(learnt.data),
            **seen,
            **learnt.settings,
            "attribution": "none needed: simulated patches only" if learnt.free else "see the training data",
        },
    }
    return write_files(network, inputs, folder, card)


def example(network: SceneClassifier, size: int) -> dict[str, Tensor]:
    """Inputs of the right shapes, plausible in value.

    Args:
        network: The network.
        size: Height and width.

    Returns:
        Tensors by name, the same on every call.
    """
    generator = torch.Generator().manual_seed(0)
    channels = {"optical": len(network.options.bands), "radar": 2, "radar_valid": 1, "clear": 1}
    made = {name: torch.rand(1, channels[name], size, size, generator=generator) for name in network.inputs}
    return {name: value * 10 - 20 if name == "radar" else value for name, value in made.items()}
