"""The tables of the study of scene classes under cloud: every method by cloud cover, and which of them beats which.

    python bench/transfer_tables.py STUDY [--reference METHOD]

`STUDY` holds `test.npz` (labels, cloud, names and classes of the test patches) and `seed-K/METHOD.npz` (logits, and of
fusion networks logits_optical and logits_radar). Any number of seeds and methods will do; what is missing is said.
Prints Markdown: accuracies by cloud cover, other scores, each modality alone, paired differences of the reference
against every other method, and whether the bar is met. The same files always give the same text.
"""

import argparse
import hashlib
import json
import math
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sunbreak._version import __version__
from sunbreak.errors import OptionError, RasterError, SunbreakError
from sunbreak.metrics.land_cover_report import MAJORITY
from sunbreak.metrics.paired import Estimate, holm, paired_bootstrap, seed_interval
from sunbreak.metrics.scene_class_report import MODALITIES, SceneClassReport
from sunbreak.metrics.scene_classes import CALIBRATION_BINS, COVERS, FULLY_COVERED, cover_of

OURS = "cloud-aware"
ORDER = (
    "source", "restored", "kd-optical", "kd-radar", "kd-fusion", "equal", "irm", "ogm-batch", "ogm-ge", "gdl", "qmf",
    "early-stacking", "auxiliaries-mean", OURS, "supervised", "clear-sky",
)  # fmt: skip
"""Methods as the tables show them; variants, `irm-*` and `cloud-aware-*`, follow theirs, others come last."""
ALL = "all"
CLOUDED = COVERS[2:]
"""Bins from 40 % up, where ours has to beat distillation into a fusion network and equal weights."""
SLIGHT = COVERS[0]
"""The bin where it may lose, by less than `LOSS`."""
LOSS = 0.01
ONE_SEED = "one seed, not judged"
TOLD = {True: "met", False: "not met", None: "not decided, as something is missing"}
Judge = Callable[[Estimate], tuple[bool | None, str]]
"""Whether what is asked for holds, and in words."""


class Gain(NamedTuple):
    """How far one method is from another in a bin of cloud cover."""

    cover: str
    patches: int
    seeds: int
    over_seeds: Estimate
    over_patches: Estimate
    p: float
    """Of the t interval, adjusted over the bins; as it is for all patches, which are no bin."""


class Study:
    """What has been trained, and how it scores on the test patches."""

    def __init__(self, folder: Path) -> None:
        self.test = read(folder / "test.npz", ("labels", "cloud", "names", "classes"))
        folders = [path for path in folder.glob("seed-*") if path.name.removeprefix("seed-").isdigit()]
        files = {int(path.name.removeprefix("seed-")): sorted(path.glob("[!.]*.npz")) for path in folders}
        if not any(files.values()):
            raise OptionError(f"{folder}: holds no seed-K/METHOD.npz; run the study first")
        self.seeds = sorted(files)
        self.reports = {seed: self._scored(folder / f"seed-{seed}", files[seed]) for seed in self.seeds}
        self.methods = sorted({method for report in self.reports.values() for method in report.models}, key=place)
        self.covers = np.array([cover_of(float(cloud)) for cloud in self.test["cloud"]])
        self.compared: dict[tuple[str, str], list[Gain]] = {}
        self.records = {
            (one["model"], seed, ALL if one["by"] == "all" else one["group"]): one
            for seed, report in self.reports.items()
            for one in report.records()
        }

    def _scored(self, folder: Path, files: Sequence[Path]) -> SceneClassReport:
        """What the methods of a seed say of the test."""
        found = {path.stem: read(path, ("logits",)) for path in files}
        parts = {
            method: {name: held[f"logits_{name}"] for name in MODALITIES if f"logits_{name}" in held}
            for method, held in found.items()
        }
        try:
            return SceneClassReport(
                data=str(folder), split="test", split_hash=self.hash, version=__version__,
                classes=tuple(map(str, self.test["classes"])), names=tuple(map(str, self.test["names"])),
                labels=self.test["labels"], clouds=self.test["cloud"],
                models=tuple(found), logits={method: held["logits"] for method, held in found.items()}, parts=parts,
            )  # fmt: skip
        except SunbreakError as error:
            raise type(error)(f"{folder}: {error}") from error

    @cached_property
    def hash(self) -> str:
        """Tells test sets apart."""
        content = {name: values.round(4) if name == "cloud" else values for name, values in self.test.items()}
        text = json.dumps({name: values.tolist() for name, values in sorted(content.items())})
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def values(self, method: str, cover: str, key: str) -> list[float]:
        """A score of a method in a bin, of every seed that it has; nothing where the bin holds no patch."""
        found = [self.records.get((method, seed, cover)) for seed in self.of(method)]
        return [record[key] for record in found if record is not None]

    def of(self, *methods: str) -> list[int]:
        """Seeds that all of the methods have."""
        return [seed for seed in self.seeds if all((method, seed, ALL) in self.records for method in methods)]

    def gains(self, one: str, other: str) -> list[Gain]:
        """Paired differences by cloud cover and then over all; nothing without a common seed."""
        if (one, other) not in self.compared:
            self.compared[one, other] = self._compared(one, other)
        return self.compared[one, other]

    def _compared(self, one: str, other: str) -> list[Gain]:
        seeds, labels, found = self.of(one, other), self.test["labels"], []
        first, second = (
            np.array([self.reports[seed].answers(method) == labels for seed in seeds]) for method in (one, other)
        )
        for cover in (*COVERS, ALL) if seeds else ():
            inside = (self.covers == cover) | (cover == ALL)
            if inside.any():
                a, b = first[:, inside], second[:, inside]
                t = seed_interval(a.mean(axis=1) - b.mean(axis=1))
                found.append(Gain(cover, int(inside.sum()), len(seeds), t, paired_bootstrap(a, b), t.p))
        adjusted = [*holm([gain.p for gain in found[:-1]]), *(gain.p for gain in found[-1:])]
        return [gain._replace(p=float(p)) for gain, p in zip(found, adjusted, strict=True)]


def read(path: Path, wanted: Sequence[str]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise RasterError(f"{path}: cannot be read ({error}); delete it and run the study again") from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise OptionError(f"{path}: holds no {', '.join(missing)}; run the study again")
    return found


def place(method: str) -> tuple[int, str]:
    """Where a method stands in the tables."""
    for family in ("irm", OURS):
        if method.startswith(f"{family}-"):
            return ORDER.index(family), method
    return (ORDER.index(method), "") if method in ORDER else (len(ORDER), method)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"\n### {title}\n")
    for row in (head, ["---", *["---:"] * (len(head) - 1)], *rows):
        print("| " + " | ".join(row) + " |")


def told(values: Sequence[float], scale: float, digits: int, sign: str = "") -> str:
    """Mean and standard deviation over seeds."""
    if not values or any(map(math.isnan, values)):
        return "-"
    spread = f" ± {scale * np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{scale * np.mean(values):{sign}.{digits}f}{spread}"


def chance(p: float) -> str:
    return "-" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def span(interval: tuple[float, float]) -> str:
    low, high = (100 * end for end in interval)
    return "-" if math.isnan(low) else f"{low:+.1f} .. {high:+.1f}"


def by_cover(study: Study, title: str, methods: Sequence[str], key: str, form: tuple[float, int, str]) -> None:
    counts = {cover: (study.covers == cover).sum() for cover in COVERS} | {ALL: len(study.covers)}
    rows = [
        [method, str(len(study.of(method))), *(told(study.values(method, cover, key), *form) for cover in counts)]
        for method in methods
    ]
    table(title, ["method", "seeds", *(f"{cover} (n {count})" for cover, count in counts.items())], rows)


def accuracies(study: Study) -> None:
    by_cover(study, "Overall accuracy in % by cloud cover", (MAJORITY, *study.methods), "accuracy", (100, 1, ""))
    forms = {"average_accuracy": (100, 1), "macro_f1": (1, 3), "kappa": (1, 3), "ece": (1, 3)}
    rows = [
        [method, str(len(study.of(method))), *(told(study.values(method, ALL, key), *forms[key]) for key in forms)]
        for method in (MAJORITY, *study.methods)
    ]
    table("All patches", ["method", "seeds", "AA %", "macro-F1", "kappa", "ECE"], rows)


def modalities(study: Study) -> None:
    fused = [one for one in study.methods if not all(map(math.isnan, study.values(one, ALL, "accuracy_optical")))]
    for name in MODALITIES if fused else ():
        title = f"Accuracy of {name} alone in %, inside the fused networks"
        by_cover(study, title, fused, f"accuracy_{name}", (100, 1, ""))
        by_cover(study, f"Contribution of {name}", fused, f"contribution_{name}", (1, 2, "+"))


def pairs(study: Study, reference: str) -> None:
    others = [method for method in study.methods if method != reference and study.of(reference, method)]
    if not others:
        print(f"\n{reference}: has no seed in common with another method, so nothing is compared with it")
        return
    rows = []
    for other in others:
        for gain in study.gains(reference, other):
            t = gain.over_seeds
            cells = [f"{100 * t.mean:+.1f}", span(t.interval), span(gain.over_patches.interval), chance(t.p)]
            adjusted = "-" if gain.cover == ALL else chance(gain.p)
            rows.append([other, gain.cover, str(gain.patches), str(gain.seeds), *cells, adjusted])
    head = ["against", "cloud cover", "n", "seeds", "points", "95 % over seeds", "95 % over patches", "p", "p (Holm)"]
    table(f"{reference} minus the others, overall accuracy", head, rows)


def judged(study: Study, one: str, other: str, covers: Sequence[str], judge: Judge) -> list[bool | None]:
    """Print a line a bin; whether what is asked for holds there, None where nobody can say."""
    gains, found = {gain.cover: gain for gain in study.gains(one, other)}, []
    for cover in covers:
        holds, words, shown = None, "no patch or no common seed, not judged", ""
        if cover in gains:
            gain = gains[cover].over_seeds
            (holds, words), shown = judge(gain), f"{100 * gain.mean:+.1f} points ({span(gain.interval)}), "
        print(f"- {one} against {other}, {cover}: {shown}{words}")
        found.append(holds)
    return found


def beats(gain: Estimate) -> tuple[bool | None, str]:
    if math.isnan(gain.p):
        return None, ONE_SEED
    if gain.interval[0] > 0:
        return True, "beats it"
    return False, "ahead, not beyond the scatter over seeds" if gain.mean > 0 else "does not beat it"


def loses(gain: Estimate) -> tuple[bool | None, str]:
    if round(gain.mean, 9) <= -LOSS:
        return False, "loses 1 point or more"
    return True, "loses less than 1 point" if gain.mean < 0 else "loses nothing"


def differs(gain: Estimate) -> tuple[bool | None, str]:
    if math.isnan(gain.p):
        return None, ONE_SEED
    low, high = gain.interval
    return low > 0, "better" if low > 0 else "worse" if high < 0 else "no difference shown"


def verdict(study: Study) -> None:
    print("\n### The bar\n")
    asked = judged(study, OURS, "restored", (ALL,), beats)
    for other in ("kd-fusion", "equal"):
        asked += judged(study, OURS, other, CLOUDED, beats)
        asked += judged(study, OURS, other, (SLIGHT,), loses)
    state = False if False in asked else None if None in asked else True
    print(f"- **the bar is {TOLD[state]}**\n\nBeside it, restore-then-classify by cloud cover:\n")
    judged(study, OURS, "restored", COVERS, beats)
    print("\nThe faithful regulation, as it comes out:\n")
    judged(study, "irm", "equal", (*COVERS, ALL), differs)


def header(study: Study) -> None:
    print(
        f"test set of {len(study.covers)} patches, {len(study.test['classes'])} classes, hash {study.hash}; seeds "
        f"{', '.join(map(str, study.seeds))}; {len(study.methods)} methods"
    )
    absent = [method for method in ORDER if method not in study.methods]
    if absent:
        print(f"\nnot in this study: {', '.join(absent)}")
    for seed in study.seeds:
        missing = [method for method in study.methods if seed not in study.of(method)]
        if missing:
            print(f"\nmissing of seed {seed}: {', '.join(missing)}")


LEGEND = (
    "Mean ± standard deviation over seeds. Classes that the test does not hold are left out of means over classes.",
    f"{COVERS[-1]}: at least {100 * FULLY_COVERED:g} % under cloud, and not in {COVERS[-2]}. {MAJORITY}: the commonest "
    "class of the test, everywhere.",
    f"AA: average of the class accuracies. ECE: expected calibration error, {CALIBRATION_BINS} bins of the largest "
    "probability.",
    "Contribution: mean over patches of what a modality gives to the fused answer (Shapley; a right answer is worth 2 "
    "fused and 1 alone).",
    "Differences: on the same patches, over the seeds that both methods have. 95 % over seeds: Student's t; over "
    "patches: bootstrap, the same patches for all seeds. p: two-sided, of t; (Holm): adjusted over the bins of a pair.",
    f"The bar: {OURS} beats restored over all patches, and kd-fusion and equal in every bin from 40 % up: the t "
    f"interval, unadjusted, lies above 0; at {SLIGHT} its mean loses less than 1 point to these two.",
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--reference", default=OURS, metavar="METHOD", help=f"compared with every other ({OURS})")
    given = parser.parse_args(arguments)
    try:
        study = Study(given.study)
        header(study)
        accuracies(study)
        modalities(study)
        pairs(study, given.reference)
        verdict(study)
    except SunbreakError as error:
        sys.exit(str(error))
    print("\n" + "\n".join(f"- {line}" for line in LEGEND))


if __name__ == "__main__":
    main()
