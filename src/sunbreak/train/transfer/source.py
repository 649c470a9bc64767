"""Stage S0: where the source classifier comes from, a file or a training of our own on labelled clear patches."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
import torch

from sunbreak.classifiers import Classifier, open_classifier
from sunbreak.data.labelled import LABELLED, PatchSet, open_labelled
from sunbreak.errors import OptionError
from sunbreak.networks.scene_classifier import SceneClassifier
from sunbreak.train.run_folder import begin
from sunbreak.train.transfer.baselines import labelled_loss
from sunbreak.train.transfer.card import Learnt, write_classifier
from sunbreak.train.transfer.fit import Stage, fit
from sunbreak.train.transfer.options import TransferOptions
from sunbreak.train.transfer.patch_arrays import PatchArrays, read_arrays
from sunbreak.train.transfer.stages import new_network
from sunbreak.train.transfer.views import other_sensor

BANDS: Final = ("B04", "B03", "B02")
"""Bands of a source classifier of our own: true colour, which every optical archive has."""
STRENGTH: Final = 0.1
"""By how much gains vary in its training."""
LONGER: Final = 2.0
"""Its epochs over those of the other stages: it alone learns from nothing, and all others from it."""
SUMMARY: Final = "One class for a clear optical patch; the source of a transfer."


def is_data(source: str | Path) -> bool:
    """Whether a source is the SPEC of labelled patches rather than a classifier.

    Args:
        source: What the user gave.

    Returns:
        True for a SPEC.

    Example:
        >>> is_data("simulated-classes:n=10"), is_data("runs/source")
        (True, False)
    """
    return str(source).partition(":")[0] in LABELLED and ":" in str(source)


def source_classifier(
    source: str | Path | Classifier, folder: Path, options: TransferOptions, *, progress: bool = False
) -> Classifier:
    """Open a source classifier, or train one.

    Args:
        source: A classifier, its file or run folder, or the SPEC of labelled clear patches to train one on.
        folder: Of the training, if there is one.
        options: Its settings.
        progress: Show progress bars.

    Returns:
        The classifier.

    Raises:
        OptionError: There is no such classifier or data, or the patches are not labelled.
        RasterError: A patch cannot be read.
    """
    if isinstance(source, Classifier):
        return source
    if not is_data(source):
        return open_classifier(source)
    patches = open_labelled(str(source))
    if None in patches.labels:
        raise OptionError(
            f"source {str(source)!r}: patch {patches.entries[patches.labels.index(None)].name} has no class"
        )
    train_source(patches, folder, options, progress=progress)
    return open_classifier(folder)


def train_source(
    patches: PatchSet, folder: Path, options: TransferOptions, *, progress: bool = False
) -> SceneClassifier:
    """Train an optical classifier on labelled clear patches.

    Args:
        patches: All labelled.
        folder: Of the run; holds `model.onnx` and its card at the end.
        options: Encoder, steps, rates, seed.
        progress: Show progress bars.

    Returns:
        The network.
    """
    begin(folder, {"data": patches.spec.text, "split_hash": patches.split_hash, "options": asdict(options)})
    arrays = read_arrays(patches, BANDS, folder / "patches", progress=progress)
    network = fit_source(arrays, len(patches.classes), folder, options, progress=progress)
    if not (folder / "model.json").is_file():
        learnt = Learnt(
            "source", SUMMARY, patches.classes, patches.level, patches.size,
            [patches.spec.text], patches.regions, {"options": asdict(options)},
        )  # fmt: skip
        write_classifier(network, folder, learnt)
    return network


def fit_source(
    arrays: PatchArrays, classes: int, folder: Path, options: TransferOptions, *, progress: bool = False
) -> SceneClassifier:
    """Fit the network of stage S0.

    Args:
        arrays: Labelled clear patches.
        classes: Number of classes.
        folder: Of the run.
        options: Encoder, steps, rates, seed.
        progress: Show a progress bar.

    Returns:
        The network.

    Source:
        ESCCS: a classifier trained on the labelled source domain; its training is not published.
    """
    network = new_network(arrays, options, salt=9, bands=BANDS, classes=classes, modalities=("optical",))
    labels = torch.from_numpy(np.asarray(arrays.labels))
    stage = Stage("s0", arrays, labelled_loss(labels), views=(other_sensor(STRENGTH),), share=LONGER)
    return fit(network, stage, options, folder, progress=progress)
