"""How the methods of the study of scene classes score on its test patches; `transfer_tables.py` prints it."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sunbreak._version import __version__
from sunbreak.errors import OptionError, RasterError, SunbreakError
from sunbreak.metrics.paired import Estimate, holm, paired_bootstrap, seed_interval
from sunbreak.metrics.scene_class_report import MODALITIES, SceneClassReport
from sunbreak.metrics.scene_classes import COVERS, cover_of

OURS = "cloud-aware"
ORDER = (
    "source", "restored", "kd-optical", "kd-radar", "kd-fusion", "equal", "irm", "ogm-batch", "ogm-ge", "gdl", "qmf",
    "early-stacking", "auxiliaries-mean", OURS, "supervised", "clear-sky",
)  # fmt: skip
"""Methods as the tables show them; variants, `irm-*` and `cloud-aware-*`, follow theirs, others come last."""
ALL = "all"


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
