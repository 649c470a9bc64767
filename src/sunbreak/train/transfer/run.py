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
from sunbreak.train.transfer.fit import PREDICTED
from sunbreak.train.transfer.options import TransferOptions
from sunbreak.train.transfer.patch_arrays import PatchArrays, read_arrays
from sunbreak.train.transfer.recipes import cloud_aware, cloud_aware_auxiliaries, faithful, faithful_auxiliaries
from sunbreak.train.transfer.source import SIMULATED, Source, find_source, open_source
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
    workers: int = 1,
) -> Path:
    """Transfer a classifier, or go on with a transfer that was stopped.

    Args:
        source: Classifier of clear optical patches: a run folder, an ONNX file with card or sidecar, a `Classifier`, or
            the SPEC of labelled patches to train one on.
        target: SPEC of cloudy optical and radar patches; labels are not looked at.
        out: Folder of the run: patches, stages, and at the end `model.onnx` with its card.
        options: Recipe, networks, steps.
        progress: Show progress bars.
        workers: Processes that read patches. More than one starts Python anew, so a script that asks for it has to
            guard itself with `if __name__ == "__main__":`.

    Returns:
        The model file.

    Raises:
        OptionError: The source is no classifier or needs bands, a level or a size that the target has not; the target
            has a class that the source does not know, or no radar; no pseudo-label passes the filter; the training
            diverges; or the folder holds another run.
        RasterError: A patch cannot be read.

    Source:
        Wang et al., ESCCS, arXiv:2501.04283; see `recipes`.
    """
    options, folder = options or TransferOptions(), Path(out)
    patches, found = open_labelled(target), find_source(source)
    check(found, patches)
    begin(
        folder,
        {
            "source": found.name,
            "source identity": found.identity,
            "target": target,
            "split_hash": patches.split_hash,
            "options": asdict(options),
        },
    )
    if (folder / CARD).is_file():
        return folder / "model.onnx"
    classifier = open_source(found, folder / "source", options, progress=progress, workers=workers)
    restore_to = options.max_cloud if options.recipe == "cloud-aware" else 0.0
    arrays = read_arrays(
        patches, classifier.bands, folder / "patches", restore_to=restore_to, progress=progress, workers=workers
    )
    said = source_logits(classifier, arrays, folder / "source.npy")
    again = said if arrays.restored is None else source_logits(classifier, as_restored(arrays), folder / "restored.npy")
    setting = Setting(arrays, said, again, classifier.bands, patches.level, options, folder, progress)
    regions = None if found.regions is None else sorted(found.regions | set(patches.regions))
    learnt = Learnt(
        folder.resolve().name, SUMMARY[options.recipe], classifier.classes, patches.level, patches.size,
        [found.name, target], regions, found.free and target.startswith(SIMULATED),
        {"options": asdict(options), "source": found.name},
        "radar" if options.recipe == "faithful" else "radar where there is some",
    )  # fmt: skip
    return write_classifier(_trained(setting), folder, learnt)


def _trained(setting: Setting) -> SceneClassifier:
    if setting.options.recipe == "faithful":
        return faithful(setting, faithful_auxiliaries(setting))
    return cloud_aware(setting, cloud_aware_auxiliaries(setting))


def check(source: Source, patches: PatchSet) -> None:
    """Refuse a source that cannot look at the target, before anything is written.

    Args:
        source: The source.
        patches: The target.

    Raises:
        OptionError: Patch size, level or bands differ, the target has a class that the source does not know, or it has
            no radar.
    """
    name, spec = source.name, patches.spec.text
    if not patches.has_radar:
        raise OptionError(f"target {spec!r}: has no radar; a transfer needs a radar patch for every optical one")
    if source.patch != patches.size:
        raise OptionError(
            f"source {name}: takes patches of {source.patch} pixels, those of {spec!r} have {patches.size}; "
            "cut the target to the same size, or take another source"
        )
    if patches.level not in source.levels:
        made = "/".join(source.levels)
        raise OptionError(
            f"source {name}: made for {made}, the target {spec!r} is {patches.level}; take another source"
        )
    missing = [band for band in source.bands if band not in patches.bands]
    if missing:
        raise OptionError(
            f"source {name}: needs the band {missing[0]}, which the target {spec!r} has not; it has "
            f"{', '.join(patches.bands)}"
        )
    strange = [one for one in patches.classes if one not in source.classes]
    if strange:
        raise OptionError(
            f"target {spec!r}: has the class {strange[0]!r}, which the source {name} does not know; it knows "
            f"{', '.join(source.classes)}"
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
    size = max(1, PREDICTED // arrays.clear[0].size)
    for first in range(0, len(arrays), size):
        some = slice(first, first + size)
        parts.append(classifier.run(np.asarray(arrays.optical[some]), None, np.asarray(arrays.clear[some, 0], bool)))
    said: Logits = np.concatenate([part["logits"] for part in parts])
    beside = path.with_suffix(".partial.npy")
    np.save(beside, said)
    beside.replace(path)
    return said
