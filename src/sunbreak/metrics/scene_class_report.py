"""The outcome of an evaluation of scene classes: what every model says of every patch, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sunbreak.errors import GeometryError, OptionError
from sunbreak.metrics.confidence import CALIBRATION_BINS, expected_calibration_error
from sunbreak.metrics.document import Column, Record, Table
from sunbreak.metrics.evaluated import Evaluated
from sunbreak.metrics.groups import Group
from sunbreak.metrics.interval import DRAWS, Interval, bounds
from sunbreak.metrics.land_cover_report import MAJORITY
from sunbreak.metrics.scene_classes import (
    COVERED,
    COVERS,
    FULLY_COVERED,
    Matrix,
    class_accuracies,
    class_scores,
    contribution,
    cover_of,
    scene_confusion,
)

SCENE_CLASS: Final = "scene-class"
"""Name of the one protocol of scene classes."""
DEFINITION: Final = (
    "one class a patch, that of the largest logit; every patch counts alike; classes that the truth does not hold are "
    "left out of means over classes"
)
"""What the protocol says."""
MODALITIES: Final = ("optical", "radar")
"""What the branches of a fusion network see."""
MIN_PATCHES: Final = 30
"""Fewest patches for an interval of the overall accuracy."""
SCORES: Final = (
    Column("label", "model"),
    Column("patches", "n", 0),
    Column("accuracy", "OA", 3),
    Column("average_accuracy", "AA", 3),
    Column("macro_f1", "F1", 3),
    Column("kappa", "kappa", 3),
    Column("ece", "ECE", 3),
    Column("accuracy_interval_95", "OA 95 %", 3, optional=True),
)
BRANCHES: Final = (
    Column("group", "cloud cover"),
    Column("label", "model"),
    Column("patches", "n", 0),
    Column("accuracy", "OA", 3),
    *(Column(f"accuracy_{name}", f"OA {name}", 3) for name in MODALITIES),
    *(Column(f"contribution_{name}", f"c {name}", 3, signed=True) for name in MODALITIES),
)
Logits = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class SceneClassReport(Evaluated):
    """All answers of an evaluation of scene classes."""

    classes: tuple[str, ...]
    """Names of the classes, in the order of labels and logits."""
    names: tuple[str, ...]
    """Names of the patches, in the order of the data."""
    labels: npt.NDArray[np.int_]
    """Place of the class of every patch in `classes`, (patch,)."""
    clouds: npt.NDArray[np.floating[Any]]
    """Share of every patch under cloud, thin or thick, (patch,), 0..1."""
    logits: Mapping[str, Logits]
    """What each of the models says, (patch, class)."""
    parts: Mapping[str, Mapping[str, Logits]] = field(default_factory=dict)
    """What the branches of fusion networks say alone, (patch, class), by model and one of `MODALITIES`."""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def protocol_names(self) -> tuple[str, ...]:
        """Name of the protocol."""
        return (SCENE_CLASS,)

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows of the tables: the commonest class everywhere, then the models."""
        return (MAJORITY, *self.models)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups of patches that are scored: all, then the bins of cloud cover that hold any."""
        held = {
            name: frozenset(patch for patch, cover in zip(self.names, self._covers, strict=True) if cover == name)
            for name in COVERS
        }
        everything = Group("all", f"all {len(self.names)} patches", frozenset(self.names))
        return (everything, *(Group("coverage", name, patches) for name, patches in held.items() if patches))

    @property
    def counted(self) -> tuple[str, ...]:
        """Number of patches and of classes."""
        return f"{len(self.names)} patches", f"{len(self.classes)} classes"

    def answers(self, model: str) -> npt.NDArray[np.int_]:
        """What a model takes the patches for.

        Args:
            model: Name of the model; `majority` for the commonest class everywhere.

        Returns:
            Place of the class, (patch,).
        """
        if model == MAJORITY:
            return np.full(len(self.names), np.bincount(self.labels).argmax())
        said: npt.NDArray[np.int_] = self.logits[model].argmax(axis=1)
        return said

    def matrix(self, model: str, group: Group | None = None) -> Matrix:
        """Count which class was taken for which.

        Args:
            model: Name of the model; `majority` for the commonest class everywhere.
            group: Patches, one of `groups`; None for all.

        Returns:
            Confusion matrix, (class, class), rows are true classes.
        """
        chosen = self._inside(group)
        return scene_confusion(self.answers(model)[chosen], self.labels[chosen], len(self.classes))

    def records(self) -> Sequence[Record]:
        """All averages.

        Returns:
            One record a group of patches and model.
        """
        return self._records

    @cached_property
    def _covers(self) -> tuple[str, ...]:
        return tuple(cover_of(float(cloud)) for cloud in self.clouds)

    @cached_property
    def _records(self) -> Sequence[Record]:
        return [self._record(group, model) for group in self.groups for model in self.rows]

    def _inside(self, group: Group | None) -> npt.NDArray[np.bool_]:
        if group is None or group.by == "all":
            return np.ones(len(self.names), dtype=bool)
        return np.array([cover == group.name for cover in self._covers])

    def _record(self, group: Group, model: str) -> Record:
        chosen, matrix = self._inside(group), self.matrix(model, group)
        labels = self.labels[chosen]
        ece = math.nan if model == MAJORITY else expected_calibration_error(self.logits[model][chosen], labels)
        shares = class_accuracies(matrix)
        return {
            "protocol": SCENE_CLASS,
            "by": group.by,
            "group": group.name,
            "region": "all",
            "model": model,
            **class_scores(matrix, ece=ece)._asdict(),
            "accuracy_interval_95": _interval(self.answers(model)[chosen] == labels),
            **self._branches(model, chosen),
            **{f"accuracy_of_{name}": float(share) for name, share in zip(self.classes, shares, strict=True)},
        }

    def _branches(self, model: str, chosen: npt.NDArray[np.bool_]) -> dict[str, float]:
        """Accuracy of each modality alone, and its mean contribution; NaN where the branches say nothing."""
        labels, parts = self.labels[chosen], self.parts.get(model, {})
        if not parts:
            return {f"{what}_{name}": math.nan for what in ("accuracy", "contribution") for name in MODALITIES}
        optical, radar = (parts[name][chosen].argmax(axis=1) == labels for name in MODALITIES)
        right = self.answers(model)[chosen] == labels
        return {
            "accuracy_optical": float(optical.mean()),
            "accuracy_radar": float(radar.mean()),
            "contribution_optical": float(contribution(right, optical, radar).mean()),
            "contribution_radar": float(contribution(right, radar, optical).mean()),
        }

    def _remarks(self) -> Iterator[str]:
        if len(self.names) < MIN_PATCHES:
            yield f"fewer than {MIN_PATCHES} patches: no confidence intervals"

    def _tested(self) -> str:
        return "THE TEST REGIONS"

    def _tables(self) -> Iterator[Table]:
        rows = [{**record, "label": self.label(record["model"])} for record in self.records()]
        total = tuple(row for row in rows if row["by"] == "all")
        yield Table(f"all {len(self.names)} patches", SCENE_CLASS, SCORES, total)
        covers = tuple(row for row in rows if row["by"] == "coverage")
        yield Table("by cloud cover", SCENE_CLASS, (Column("group", "cloud cover"), *SCORES), covers)
        yield self._classes()
        fused = tuple(row for row in rows if self.parts.get(row["model"]))
        if fused:
            yield Table("each modality alone", SCENE_CLASS, BRANCHES, fused)

    def _classes(self) -> Table:
        """One row a class of the truth, one column a model."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        shares = {model: class_accuracies(self.matrix(model)) for model in self.rows}
        rows = tuple(
            {"class": name, "share": counts[index] / len(self.names)}
            | {model: float(shares[model][index]) for model in self.rows}
            for index, name in enumerate(self.classes)
            if counts[index]
        )
        columns = (Column("class", "class"), Column("share", "% of patches", 1, scale=100))
        models = tuple(Column(model, self.label(model), 3) for model in self.rows)
        return Table("accuracy by class", SCENE_CLASS, (*columns, *models), rows)

    def _legend(self) -> Iterator[str]:
        yield "OA: overall accuracy, the share of patches classified right. AA, F1: means over classes. kappa: Cohen's."
        yield f"ECE: expected calibration error, {CALIBRATION_BINS} bins of the largest probability."
        yield (
            f"OA 95 %: patches drawn one by one, of at least {MIN_PATCHES} that are neither all right nor all wrong; "
            "patches of one region are alike, so it is rather too narrow."
        )
        yield f"{COVERED}: at least {100 * FULLY_COVERED:g} % under cloud, and not in {COVERS[-2]}."
        yield f"{MAJORITY}: the commonest class of the data, everywhere."
        if any(self.parts.values()):
            yield (
                "OA optical, OA radar: what one branch of the model says alone. c: mean contribution to the fused "
                "answer (Shapley; a right answer is worth 2 fused and 1 alone), 1 each where either would do."
            )
        yield f"protocol {SCENE_CLASS}: {DEFINITION}"

    def _details(self) -> dict[str, Any]:
        answers = {model: self.answers(model) for model in self.models}
        return {
            "protocol": {"name": SCENE_CLASS, "notes": DEFINITION},
            "classes": list(self.classes),
            "patches": [
                {"name": name, "class": int(self.labels[at]), "cloud": float(self.clouds[at])}
                | {"answers": {model: int(said[at]) for model, said in answers.items()}}
                for at, name in enumerate(self.names)
            ],
            "confusion": [{"model": model, "counts": self.matrix(model).tolist()} for model in self.rows],
        }


def _check(report: SceneClassReport) -> None:
    """Refuse what is not one label, cloud share and row of logits a patch."""
    count = len(report.names)
    if not count:
        raise OptionError(f"data {report.data!r}: no patch to score; choose other data")
    for what, values in (("labels", report.labels), ("clouds", report.clouds)):
        if np.shape(values) != (count,):
            raise GeometryError(f"{what} have shape {np.shape(values)}, expected {(count,)}, one a patch")
    for name, label, cloud in zip(report.names, report.labels, report.clouds, strict=True):
        if not 0 <= label < len(report.classes):
            raise OptionError(f"patch {name}: label {label} is none of {len(report.classes)} classes; leave it out")
        if not 0 <= cloud <= 1:
            raise OptionError(f"patch {name}: {cloud} is no share of cloud; give one in 0..1")
    if set(report.logits) != set(report.models) or MAJORITY in report.models:
        raise OptionError(
            f"logits of {', '.join(report.logits) or 'no model'} for the rows {', '.join(report.models) or 'none'}; "
            f"give those of every model ({MAJORITY} is always there)"
        )
    for model, parts in report.parts.items():
        if model not in report.logits:
            raise OptionError(f"{model}: has branches and no logits; give both or neither")
        if parts and set(parts) != set(MODALITIES):
            raise OptionError(f"{model}: has the branches {', '.join(parts)}; give {' and '.join(MODALITIES)}, or none")
    for model, said in report.logits.items():
        for logits in (said, *report.parts.get(model, {}).values()):
            _check_logits(report, model, logits)


def _check_logits(report: SceneClassReport, model: str, logits: Logits) -> None:
    shape = (len(report.names), len(report.classes))
    if np.shape(logits) != shape:
        raise GeometryError(f"{model}: logits have shape {np.shape(logits)}, expected {shape}, (patch, class)")
    wrong = np.flatnonzero(~np.isfinite(logits.max(axis=1)))  # one class may be ruled out by minus infinity, not all
    if wrong.size:
        raise OptionError(f"{model}: gives no class for patch {report.names[wrong[0]]} (its logits are not finite)")


def _interval(right: npt.NDArray[np.bool_]) -> Interval | None:
    """Of a share over patches drawn with replacement, which draws how many of them are right."""
    if right.size < MIN_PATCHES or right.all() or not right.any():
        return None
    return bounds(np.random.default_rng(0).binomial(right.size, right.mean(), DRAWS) / right.size)
