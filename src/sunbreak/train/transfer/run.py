"""Transfer a classifier of clear optical patches to cloudy optical and radar patches that nobody has labelled."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from sunbreak.classifiers import Classifier
from sunbreak.data.labelled import PatchSet, open_labelled
from sunbreak.errors import OptionError
from sunbreak.networks.scene_classifier import SceneClassifier
from sunbreak.train.run_folder import begin
from sunbreak.train.transfer.card import Learnt, write_classifier
from sunbreak.train.transfer.options import TransferOptions
from sunbreak.train.transfer.patch_arrays import PatchArrays, read_arrays
from sunbreak.train.transfer.pseudo_labels import CLOUD_AWARE
from sunbreak.train.transfer.recipes import cloud_aware, cloud_aware_auxiliaries, faithful, faithful_auxiliaries
from sunbreak.train.transfer.source import is_data, source_classifier
from sunbreak.train.transfer.stages import Logits, Setting
from sunbreak.train.transfer.views import as_restored

CARD: Final = "model.json"
"""Written last."""
SUMMARY: Final = {
    "faithful": "One class for a cloudy optical and radar patch: ESCCS with information regulation, a "
    "re-implementation from the published abstract and figures (arXiv:2501.04283).",
    "cloud-aware": "One class for a cloudy optical and radar patch: taught by a clear-sky classifier on lightly "
    "clouded patches, under further clouds.",
}


def transfer(
    source: str | Path | Classifier,
    target: str,
    out: str | Path,
    *,
    options: TransferOptions | None = None,
    progress: bool = False,
) -> Path:
    """Transfer a classifier, or go on with a transfer that was stopped.

    Args:
        source: Classifier of clear optical patches: a run folder, an ONNX file with card or sidecar, a `Classifier`, or
            the SPEC of labelled patches to train one on.
        target: SPEC of cloudy optical and radar patches; labels are not looked at.
        out: Folder of the run: patches, stages, and at the end `model.onnx` with its card.
        options: Recipe, networks, steps.
        progress: Show progress bars.

    Returns:
        The model file.

    Raises:
        OptionError: The source is no classifier or needs bands, a level or a size that the target has not; their
            classes differ; the target has no radar; no pseudo-label passes the filter; or the folder holds another run.
        RasterError: A patch cannot be read.

    Source:
        Wang et al., ESCCS, arXiv:2501.04283; see `recipes`.
    """
    options, folder = options or TransferOptions(), Path(out)
    patches = open_labelled(target)
    if not patches.has_radar:
        raise OptionError(f"target {target!r}: has no radar; a transfer needs a radar patch for every optical one")
    named = source.name if isinstance(source, Classifier) else str(source)
    begin(
        folder,
        {"source": named, "target": target, "split_hash": patches.split_hash, "options": asdict(options)},
    )
    if (folder / CARD).is_file():
        return folder / "model.onnx"
    classifier = source_classifier(source, folder / "source", options, progress=progress)
    check(classifier, patches)
    restore_to = CLOUD_AWARE.max_cloud or 0.0 if options.recipe == "cloud-aware" else 0.0
    arrays = read_arrays(patches, classifier.bands, folder / "patches", restore_to=restore_to, progress=progress)
    said = source_logits(classifier, arrays, folder / "source.npy")
    again = said if arrays.restored is None else source_logits(classifier, as_restored(arrays), folder / "restored.npy")
    setting = Setting(arrays, said, again, classifier.bands, patches.level, options, folder, progress)
    learnt = Learnt(
        folder.resolve().name, SUMMARY[options.recipe], classifier.classes, patches.level, patches.size,
        [named, target] if is_data(named) else [target], patches.regions,
        {"options": asdict(options), "source": named},
    )  # fmt: skip
    return write_classifier(_trained(setting), folder, learnt)


def _trained(setting: Setting) -> SceneClassifier:
    if setting.options.recipe == "faithful":
        return faithful(setting, faithful_auxiliaries(setting))
    return cloud_aware(setting, cloud_aware_auxiliaries(setting))


def check(classifier: Classifier, patches: PatchSet) -> None:
    """Refuse a source classifier that cannot look at the target.

    Args:
        classifier: The source.
        patches: The target.

    Raises:
        OptionError: Patch size, level, bands or classes differ, or the source looks at radar.
    """
    name, spec = classifier.name, patches.spec.text
    if classifier.uses_radar:
        raise OptionError(f"source {name}: looks at radar; a transfer starts from a classifier of optical patches")
    if classifier.patch != patches.size:
        raise OptionError(
            f"source {name}: takes patches of {classifier.patch} pixels, those of {spec!r} have {patches.size}; "
            "cut the target to the same size, or take another source"
        )
    if patches.level not in classifier.levels:
        raise OptionError(
            f"source {name}: made for {'/'.join(classifier.levels)}, the target {spec!r} is {patches.level}"
        )
    differ = set(classifier.classes) ^ set(patches.classes)
    if patches.classes and differ:
        one = sorted(differ)[0]
        knows, lacks = ("the source", "the target") if one in classifier.classes else ("the target", "the source")
        raise OptionError(
            f"source {name} and target {spec!r}: {knows} knows the class {one!r}, {lacks} does not; both need the same "
            "class names"
        )


def source_logits(classifier: Classifier, arrays: PatchArrays, path: Path) -> Logits:
    """What the source says of every optical patch; computed once and kept.

    Args:
        classifier: The source.
        arrays: The target's patches.
        path: Where the logits are kept.

    Returns:
        (n, class) float32.
    """
    if path.is_file():
        kept: Logits = np.load(path)
        return kept
    parts = []
    for first in range(0, len(arrays), 256):
        some = slice(first, first + 256)
        parts.append(classifier.run(np.asarray(arrays.optical[some]), None, np.asarray(arrays.clear[some, 0], bool)))
    said: Logits = np.concatenate([part["logits"] for part in parts])
    beside = path.with_suffix(".partial.npy")
    np.save(beside, said)
    beside.replace(path)
    return said
