"""Classify the labelled patches of a data set with several models and score the classes side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from sunbreak._version import __version__
from sunbreak.classifiers import PARTS, Classifier, Logits, open_classifier
from sunbreak.data.labelled import PatchSet, open_labelled
from sunbreak.data.sample import Entry, Sample, SampleSet
from sunbreak.data.series import cloud_share
from sunbreak.errors import OptionError
from sunbreak.evaluation.notes import Remarks, left_out, told
from sunbreak.evaluation.options import EvaluationOptions
from sunbreak.evaluation.seen import seen_regions, unknown
from sunbreak.legend import Quality
from sunbreak.metrics.scene_class_report import SceneClassReport
from sunbreak.models import DEFAULT
from sunbreak.steps.detect import detect, uncovered

RESTORED: Final = ", restored first"
"""Stands behind the name of a classifier in the row of the patches that Sunbreak's default model has restored."""
BRANCHES: Final = {name: name.removeprefix("logits_") for name in PARTS}
"""What the report calls the branches of a network."""


def evaluate_scene_classes(
    models: Sequence[str | Path | Classifier],
    data: str,
    *,
    options: EvaluationOptions | None = None,
    restored: bool = False,
    progress: bool = False,
) -> SceneClassReport:
    """Classify every patch with every model, and score the classes by cloud cover.

    Clouds are found by Sunbreak's own mask, whatever the data know of them, as they would be in use; the cover that
    patches are grouped by is the true one where the data know it. Patches without a label are left out, and counted in
    a note.

    Args:
        models: Classifiers, or what `classifiers.open_classifier` opens; at least one. All know the same classes, in
            any order, among them those of the data; the report has them in the order of the first model.
        data: SPEC of labelled patches, see `data.labelled.open_labelled`.
        options: Buffer and restorer for `restored`, and whether seen regions may be scored; nothing else plays a part.
        restored: Add a row for every model that looks at no radar, in which the patch is restored first. A patch that
            cannot be restored is classified as it is, and noted.
        progress: Show a progress bar on a terminal.

    Returns:
        The report; print its `text()`.

    Raises:
        OptionError: The SPEC or a model is unknown, no model is named, no patch has a label, or a model has other
            classes than the first, does not know a class of the data, has another patch size or level, needs bands or
            radar that the data have not, or was trained on a region of the data.
        RasterError: A file of the data is missing or damaged.

    Example:
        >>> from sunbreak.classifiers import callable_classifier
        >>> classes = open_labelled("simulated-classes:n=1").classes
        >>> same = callable_classifier(
        ...     lambda optical: np.eye(len(classes))[[0] * len(optical)], bands=["B04"], classes=classes, patch=32
        ... )
        >>> report = evaluate_scene_classes([same], "simulated-classes:n=3,size=32,split=test")
        >>> report.models, report.logits["callable"].shape
        (('callable',), (3, 10))
    """
    options = options or EvaluationOptions()
    given = open_labelled(data)
    patches = _labelled(given)
    opened, files = _opened(models)
    rows = _rows(opened, patches, restored)
    classes = rows[0].classifier.classes
    seen = _seen(rows, files, patches, options)
    tally = _Tally(rows, patches, options)
    for entry in tqdm(patches.entries, "evaluating", disable=None if progress else True):
        tally.add(entry.load())
    names = tuple(row.name for row in rows)
    return SceneClassReport(
        data=data,
        split=patches.split,
        split_hash=patches.split_hash,
        version=__version__,
        classes=classes,
        names=tuple(entry.name for entry in patches.entries),
        labels=np.array([classes.index(patches.classes[label]) for label in patches.labels if label is not None]),
        clouds=np.array(tally.clouds),
        models=names,
        logits={name: np.concatenate(tally.logits[name, "logits"]) for name in names},
        parts=tally.parts(),
        seen=seen,
        notes=(*tally.notes(), *unknown(files), *_without_label(given, patches), *left_out(_samples(patches))),
    )


@dataclass(frozen=True)
class _Row:
    """A model, as it is or behind a restoration."""

    name: str
    classifier: Classifier
    restored: bool
    bands: tuple[int, ...]
    """Places of its bands among those of the data."""
    order: tuple[int, ...]
    """Places of the classes of the report among its own."""


@dataclass
class _Tally:
    """What every model says; grows by a few numbers a patch."""

    rows: Sequence[_Row]
    patches: PatchSet
    options: EvaluationOptions
    clouds: list[float] = field(default_factory=list)
    logits: dict[tuple[str, str], list[npt.NDArray[np.floating]]] = field(default_factory=lambda: defaultdict(list))
    remarks: Remarks = field(default_factory=lambda: defaultdict(list))

    def add(self, sample: Sample) -> None:
        found = detect(sample)
        self.clouds.append(cloud_share(sample.quality if self.patches.knows_cloud else found))
        views = {False: (sample.cloudy, found == Quality.CLEAR)}
        if any(row.restored for row in self.rows):
            views[True] = self._restored(sample, found) or views[False]
        for row in self.rows:
            said = _classified(row, sample, *views[row.restored])
            for part, logits in said.items():
                self.logits[row.name, part].append(logits[:, row.order])
            if row.restored and views[True] is views[False]:
                self.remarks[row.name, "could not be restored, classified as it is, in"].append(sample.name)

    def _restored(
        self, sample: Sample, found: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]] | None:
        """The restored patch, and where it is complete; None if there is nothing to restore from."""
        image = uncovered(sample, found, self.options.buffer, self.options.restorer)
        return None if image is None else (image, np.asarray(np.isfinite(image).all(axis=0)))

    def parts(self) -> dict[str, Mapping[str, npt.NDArray[np.floating]]]:
        """What branches say alone, of the models that have two."""
        return {
            row.name: {
                name: np.concatenate(self.logits[row.name, part]) for part, name in BRANCHES.items()
            }
            for row in self.rows
            if all((row.name, part) in self.logits for part in BRANCHES)
        }  # fmt: skip

    def notes(self) -> tuple[str, ...]:
        without = [row.name for row in self.rows if row.classifier.uses_radar and not self.patches.has_radar]
        blind = (f"{name}: takes radar, and the data have none; scored without" for name in without)
        return (*told(self.remarks, [row.name for row in self.rows]), *blind)


def _classified(row: _Row, sample: Sample, optical: npt.NDArray[np.floating], clear: npt.NDArray[np.bool_]) -> Logits:
    chosen = optical[list(row.bands)].astype(np.float32)
    radar = sample.radar[np.newaxis] if sample.radar is not None and row.classifier.uses_radar else None
    measured = clear & np.isfinite(chosen).all(axis=0)
    return row.classifier.run(chosen[np.newaxis], radar, measured[np.newaxis])


def _labelled(patches: PatchSet) -> PatchSet:
    """The patches that have a label."""
    entries = tuple(entry for entry in patches.entries if entry.label is not None)
    if not entries:
        raise OptionError(f"data {patches.spec.text!r}: none of {len(patches)} patches has a label; choose others")
    return replace(patches, entries=entries)


def _without_label(given: PatchSet, labelled: PatchSet) -> Iterator[str]:
    missing = len(given) - len(labelled)
    if missing:
        yield f"data: left out (no label): {missing} of {len(given)} patches"


def _opened(models: Sequence[str | Path | Classifier]) -> tuple[dict[str, Classifier], list[str]]:
    """The models by name, and the names of those that come from files."""
    if not models:
        raise OptionError("scene classes: name at least one classifier, such as the folder of a `sunbreak transfer`")
    opened: dict[str, Classifier] = {}
    files = []
    for model in models:
        if isinstance(model, Classifier):
            if model.name in opened:
                raise OptionError(f"two classifiers are called {model.name!r}; give each a name of its own")
            opened[model.name] = model
        elif str(model) not in opened:
            opened[str(model)] = open_classifier(model)
            files.append(str(model))
    return opened, files


def _rows(models: Mapping[str, Classifier], patches: PatchSet, restored: bool) -> list[_Row]:
    """The rows of the table."""
    first = next(iter(models))
    for name, classifier in models.items():
        strange = set(classifier.classes) ^ set(models[first].classes)
        if strange:
            raise OptionError(
                f"{name} and {first}: only one of them knows the class {min(strange)!r}; score models of other classes "
                "by themselves"
            )
    rows = [_fitting(name, classifier, patches, models[first].classes) for name, classifier in models.items()]
    optical = [row for row in rows if not row.classifier.uses_radar] if restored else []
    if restored and not optical:
        raise OptionError(
            "restored first: every model looks at radar; add a classifier of optical patches, such as the source of a "
            "`sunbreak transfer` (RUN/source)"
        )
    return [*rows, *(replace(row, name=row.name + RESTORED, restored=True) for row in optical)]


def _fitting(name: str, classifier: Classifier, patches: PatchSet, classes: Sequence[str]) -> _Row:
    """Refuse a model that cannot look at the patches, before hours of work."""
    data = f"data {patches.spec.text!r}"
    if classifier.patch != patches.size:
        raise OptionError(
            f"{name}: takes patches of {classifier.patch} pixels, those of {data} have {patches.size}; choose patches "
            "of the same size"
        )
    missing = [band for band in classifier.bands if band not in patches.bands] if classifier.uses_optical else []
    if missing or (classifier.uses_optical and patches.level not in classifier.levels):
        without = f" without {' '.join(missing)}" if missing else ""
        raise OptionError(
            f"{name}: made for {'/'.join(classifier.levels)} with the bands {' '.join(classifier.bands)}; {data} are "
            f"{patches.level}{without}; choose another model or other data"
        )
    if not patches.has_radar and (classifier.needs_radar or not classifier.uses_optical):
        raise OptionError(f"{name}: needs radar, and {data} have none; choose data with radar")
    lacking = [one for one in patches.classes if one not in classifier.classes]
    if lacking:
        raise OptionError(
            f"{name}: does not know the class {lacking[0]!r} of {data}; it knows {', '.join(classifier.classes)}"
        )
    bands = tuple(patches.bands.index(band) for band in classifier.bands) if classifier.uses_optical else ()
    return _Row(name, classifier, False, bands, tuple(classifier.classes.index(one) for one in classes))


def _seen(
    rows: Sequence[_Row], files: Sequence[str], patches: PatchSet, options: EvaluationOptions
) -> dict[str, tuple[str, ...]]:
    """Regions of the data that models were trained on, and, behind a restoration, the model that restores."""
    restores = any(row.restored for row in rows) and options.restorer is None
    named = [*files, *([DEFAULT] if restores else [])]
    found = seen_regions(named, _samples(patches), allowed=options.allow_seen)
    seen = {}
    for row in rows:
        sources = (row.name.removesuffix(RESTORED), *([DEFAULT] if row.restored else []))
        regions = sorted({region for source in sources for region in found.get(source, ())})
        if regions:
            seen[row.name] = tuple(regions)
    return seen


def _samples(patches: PatchSet) -> SampleSet:
    """The patches as the rules for regions and notes take them."""
    entries = tuple(Entry(entry.name, entry.region, entry.load) for entry in patches.entries)
    return SampleSet(patches.spec, patches.split, entries, patches.skipped)
