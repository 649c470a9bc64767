"""The stages of a transfer, and what they share: data, classes, teachers and new networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sunbreak.bands import Level
from sunbreak.networks.scene_classifier import SceneClassifier, SceneClassifierOptions
from sunbreak.train.transfer.distillation import kd_loss, teacher_loss
from sunbreak.train.transfer.fit import Index, Loss, Stage, fit, predict
from sunbreak.train.transfer.options import Applied, TransferOptions
from sunbreak.train.transfer.patch_arrays import PatchArrays
from sunbreak.train.transfer.pseudo_labels import LabelFilter, pseudo_label
from sunbreak.train.transfer.regulation import Weights
from sunbreak.train.transfer.views import as_restored

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Setting:
    """What all stages of a run have in common."""

    patches: PatchArrays
    """The target's patches."""
    source: Logits
    """(n, class), what the source classifier says of the cloudy optical patches."""
    source_restored: Logits
    """(n, class), what it says of them as `PatchArrays.restored`."""
    bands: tuple[str, ...]
    """Optical bands of the patches."""
    level: Level
    """Processing level of the optical patches."""
    options: TransferOptions
    """Steps, sizes, rates, seed."""
    folder: Path
    """Of the run."""
    progress: bool = False
    """Show progress bars on a terminal."""

    def network(self, *, salt: int, **config: Any) -> SceneClassifier:
        """Build a network with first weights of its own, and the statistics of the patches.

        Args:
            salt: Tells networks of one run apart.
            **config: Fields of `SceneClassifierOptions` beside bands, classes and encoder.

        Returns:
            The network.
        """
        fields = {"bands": self.bands, "classes": self.source.shape[1]} | config
        return new_network(self.patches, self.options, salt=salt, **fields)

    def train(self, network: SceneClassifier, stage: Stage) -> SceneClassifier:
        """Train a network through a stage of this run.

        Args:
            network: The network.
            stage: What is trained on what.

        Returns:
            The network, trained.
        """
        return fit(network, stage, self.options, self.folder, progress=self.progress)


@dataclass(frozen=True)
class Auxiliaries:
    """The two networks of stage F1, as what they say of every patch."""

    optical: Logits
    """(n, class)."""
    radar: Logits
    """(n, class)."""
    networks: tuple[SceneClassifier, SceneClassifier]
    """Optical and radar."""
    kept: npt.NDArray[np.bool_]
    """(n,) patches whose pseudo-label passed the filter."""


def new_network(patches: PatchArrays, options: TransferOptions, *, salt: int, **config: Any) -> SceneClassifier:
    """Build a network with first weights of its own, and the statistics of the patches it will be trained on.

    Args:
        patches: The patches.
        options: Encoder and seed.
        salt: Tells networks of one run apart.
        **config: Fields of `SceneClassifierOptions`.

    Returns:
        The network.
    """
    torch.manual_seed(options.seed * 1009 + salt)
    fields = {"encoder": options.encoder} | config
    network = SceneClassifier(SceneClassifierOptions(**fields))
    network.normalise_by(statistics(patches))
    return network


def statistics(patches: PatchArrays) -> dict[str, Tensor]:
    """Mean and standard deviation of the surface, over at most a thousand patches.

    Of optical only clear pixels count: clouds would set a scale on which surfaces are all alike.

    Args:
        patches: The patches.

    Returns:
        `optical_mean`, `optical_std` (band,), reflectance; with radar also `radar_mean`, `radar_std` (2,), dB.
    """
    some = np.linspace(0, len(patches) - 1, min(len(patches), 1000)).astype(int)
    held: dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]] = {"optical": (patches.optical, patches.clear)}
    if patches.radar is not None and patches.radar_valid is not None:
        held["radar"] = patches.radar, patches.radar_valid
    told: dict[str, Tensor] = {}
    for name, (values, valid) in held.items():
        # patch by patch: all at once would take gigabytes
        sums = np.zeros((2, values.shape[1]))
        count = 0
        for index in some:
            pixels = np.asarray(values[index], np.float64)[:, np.asarray(valid[index, 0], bool)]
            sums += pixels.sum(axis=1), (pixels**2).sum(axis=1)
            count += pixels.shape[1]
        if count:
            mean, square = sums / count
            told[f"{name}_mean"] = torch.from_numpy(mean).float()
            told[f"{name}_std"] = torch.from_numpy(np.sqrt(np.maximum(square - mean**2, 0)) + 1e-3).float()
    return told


def imitate(teacher: Logits, temperature: float) -> Loss:
    """The loss of a student of one teacher.

    Args:
        teacher: (n, class) logits.
        temperature: Of the distillation.

    Returns:
        The loss.
    """

    def loss(found: dict[str, Tensor], index: Index) -> Tensor:
        return kd_loss(found["logits"], torch.from_numpy(teacher[index]).to(found["logits"].device), temperature)

    return loss


def imitate_three(
    teachers: tuple[Logits, Logits, Logits],
    weights: Weights,
    temperature: float,
    applied: Applied = "loss",
    kept: npt.NDArray[np.bool_] | None = None,
) -> Loss:
    """The loss of the student of source, optical and radar teacher.

    Unlike the sum of three losses it is divided by the mean sum of weights: three teachers are no higher rate than one.

    Args:
        teachers: (n, class) logits of each.
        weights: Of each teacher on each patch.
        temperature: Of the distillation.
        applied: What the weights multiply.
        kept: (n,) patches that it will be asked for; None for all.

    Returns:
        The loss.
    """
    said = np.stack(teachers, axis=1).astype(np.float32)
    factors = np.stack(weights, axis=1).astype(np.float32)
    used = factors if kept is None else factors[kept]
    total = float(used.sum(axis=1).mean()) if applied == "loss" else 3.0

    def loss(found: dict[str, Tensor], index: Index) -> Tensor:
        device = found["logits"].device
        answers, shares = (torch.from_numpy(array[index]).to(device) for array in (said, factors))
        return teacher_loss(found["logits"], answers, shares, temperature, applied) / total

    return loss


def train_auxiliaries(setting: Setting, rules: LabelFilter, name: str, *, restored: bool = False) -> Auxiliaries:
    """Stage F1: what the source says of the cloudy optical patch is taught to an optical and to a radar network.

    Args:
        setting: Of the run.
        rules: Which pseudo-labels are believed.
        name: Begin of the stages' names.
        restored: Source and optical network look at the patches as restored.

    Returns:
        The two networks, frozen from now on.

    Raises:
        OptionError: No pseudo-label passes the filter.

    Source:
        ESCCS, figure 3: stages F1:Opt and F1:SAR on filtered patches.
    """
    teacher = setting.source_restored if restored else setting.source
    patches = as_restored(setting.patches) if restored else setting.patches
    chosen = pseudo_label(teacher, patches.cloud, rules)
    kept = np.flatnonzero(chosen.kept)
    loss = imitate(teacher, setting.options.temperature)
    networks, said = [], []
    for salt, modality in enumerate(("optical", "radar")):
        network = setting.network(salt=salt, modalities=(modality,))
        networks.append(setting.train(network, Stage(f"{name}-{modality}", patches, loss, kept)))
        said.append(predict(networks[-1], patches)["logits"])
    place = setting.folder / f"{name}-teachers"
    place.mkdir(exist_ok=True)
    np.savez(place / "partial.npz", kept=chosen.kept, source=teacher, optical=said[0], radar=said[1])
    (place / "partial.npz").replace(place / "logits.npz")
    return Auxiliaries(said[0], said[1], (networks[0], networks[1]), chosen.kept)
