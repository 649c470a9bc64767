"""Stage S0: where the source classifier comes from, a file or a training of our own on labelled clear patches."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from sunbreak.bands import L1C_BANDS
from sunbreak.classifiers import Classifier, open_classifier
from sunbreak.data.labelled import LABELLED, PatchSet, open_labelled
from sunbreak.errors import OptionError
from sunbreak.models import regions_seen
from sunbreak.networks.scene_classifier import SceneClassifier
from sunbreak.train.card import LICENCE
from sunbreak.train.run_folder import begin
from sunbreak.train.transfer.baselines import labelled_loss
from sunbreak.train.transfer.card import Learnt, write_classifier
from sunbreak.train.transfer.fit import Stage, fit
from sunbreak.train.transfer.options import TransferOptions
from sunbreak.train.transfer.patch_arrays import PatchArrays, read_arrays
from sunbreak.train.transfer.stages import new_network
from sunbreak.train.transfer.views import other_sensor
from sunbreak.weights import read_card

BANDS: Final = ("B04", "B03", "B02")
"""Bands of a source classifier of our own: true colour, which every optical archive has."""
STRENGTH: Final = 0.1
"""By how much gains vary in its training."""
LONGER: Final = 2.0
"""Its epochs over those of the other stages: it alone learns from nothing, and all others from it."""
SUMMARY: Final = "One class for a clear optical patch; the source of a transfer."
SIMULATED: Final = "simulated-classes:"
"""Begin of the SPECs that carry nobody's terms of use."""


@dataclass(frozen=True)
class Source:
    """A source classifier, or the patches that one will be trained on."""

    name: str
    """As the user gave it, or the classifier's own name."""
    identity: str
    """Tells sources of one name apart: a digest of weights, of answers, or of the data's split."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of the logits."""
    bands: tuple[str, ...]
    """Optical bands in the order in which it takes them."""
    levels: tuple[str, ...]
    """Processing levels it is made for."""
    patch: int
    """Side of a patch in pixels."""
    regions: frozenset[str] | None
    """Regions it has seen or will see; None where nobody tells."""
    free: bool
    """It has learnt from simulated patches only."""
    classifier: Classifier | None = None
    """The classifier, unless it has yet to be trained."""
    patches: PatchSet | None = None
    """What it is trained on."""


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


def find_source(source: str | Path | Classifier) -> Source:
    """Look at a source before anything is trained or written.

    Args:
        source: A classifier, its file or run folder, or the SPEC of labelled clear patches to train one on.

    Returns:
        The source.

    Raises:
        OptionError: There is no such classifier or data, patches are not labelled, or it looks at radar.
    """
    if not isinstance(source, Classifier) and is_data(source):
        return _from_data(open_labelled(str(source)))
    made = source if isinstance(source, Classifier) else open_classifier(source)
    if made.uses_radar:
        raise OptionError(f"source {made.name}: looks at radar; a transfer starts from a classifier of optical patches")
    named = made.name if isinstance(source, Classifier) else str(source)
    seen, free = None, False
    if not isinstance(source, Classifier):
        seen = regions_seen(source)
        card = Path(source) / "model.json" if Path(source).is_dir() else Path(source).with_suffix(".json")
        free = "model_item" in made.facts and _licence(card) == LICENCE
    return Source(
        named, made.facts.get("weights_sha256") or _answers(made), made.classes, made.bands, made.levels, made.patch,
        seen, free, classifier=made,
    )  # fmt: skip


def _from_data(patches: PatchSet) -> Source:
    if None in patches.labels:
        name = patches.entries[patches.labels.index(None)].name
        raise OptionError(
            f"source {patches.spec.text!r}: patch {name} has no class; a source is trained on labelled patches"
        )
    return Source(
        patches.spec.text, patches.split_hash, patches.classes, BANDS, (patches.level,), patches.size,
        frozenset(patches.regions), patches.spec.text.startswith(SIMULATED), patches=patches,
    )  # fmt: skip


def _licence(card: Path) -> str:
    """Licence of a card of ours; a sidecar has none."""
    try:
        return read_card(card).licence
    except OptionError:
        return ""


def _answers(made: Classifier) -> str:
    """Digest of what a function says of a few patches that are always the same."""
    shape = (4, len(made.bands), made.patch, made.patch)
    optical = (0.3 * np.random.default_rng(len(L1C_BANDS)).random(shape)).astype(np.float32)
    said = made.run(optical, None, np.ones((4, *shape[2:]), bool))["logits"]
    return hashlib.sha256(np.round(said, 2).tobytes()).hexdigest()


def open_source(
    source: Source, folder: Path, options: TransferOptions, *, progress: bool = False, workers: int = 1
) -> Classifier:
    """The source classifier, trained first where it has to be.

    Args:
        source: From `find_source`.
        folder: Of the training, if there is one.
        options: Its settings.
        progress: Show progress bars.
        workers: Processes that read patches.

    Returns:
        The classifier.

    Raises:
        RasterError: A patch cannot be read.
    """
    if source.classifier is not None:
        return source.classifier
    if source.patches is not None:
        train_source(source.patches, folder, options, progress=progress, workers=workers)
    return open_classifier(folder)


def train_source(
    patches: PatchSet, folder: Path, options: TransferOptions, *, progress: bool = False, workers: int = 1
) -> SceneClassifier:
    """Train an optical classifier on labelled clear patches.

    Args:
        patches: All labelled.
        folder: Of the run; holds `model.onnx` and its card at the end.
        options: Encoder, steps, rates, seed.
        progress: Show progress bars.
        workers: Processes that read patches.

    Returns:
        The network.
    """
    begin(folder, {"data": patches.spec.text, "split_hash": patches.split_hash, "options": asdict(options)})
    arrays = read_arrays(patches, BANDS, folder / "patches", progress=progress, workers=workers)
    network = fit_source(arrays, len(patches.classes), folder, options, progress=progress)
    if not (folder / "model.json").is_file():
        learnt = Learnt(
            "source", SUMMARY, patches.classes, patches.level, patches.size, [patches.spec.text], patches.regions,
            patches.spec.text.startswith(SIMULATED), {"options": asdict(options)}, "nothing",
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
