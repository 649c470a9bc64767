"""The tables of the study: networks over seeds, ablations of TDP-CR and IB-HFN, and what phase 2 may train.

    python bench/study_tables.py DATA RUNS [--plan smoke|full] [--steps N] [--seeds N]

`DATA` is the folder of a collection, `RUNS` that of `bench/study.py`. A run is scored once, its scores kept beside it.
Protocol sunbreak, PSNR in dB over cloud and shadow pixels, on simulated clouds over the clear test images (truth of the
same date; no training has seen the regions), on real pairs, and on simulated scenes for `smoke`. Over seeds: mean and
standard deviation.
"""

import argparse
import json
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from study import FREEZING, HEAVY, IB_HFN, LIGHT, NARROW, OURS, TDP_CR, VARIANTS, arguments, curves, planned

from sunbreak._version import __version__
from sunbreak.data import open_data
from sunbreak.data.regions import canonical
from sunbreak.evaluation import EvaluationOptions, evaluate, evaluate_land_cover
from sunbreak.networks import build
from sunbreak.registry import NETWORKS
from sunbreak.train.export import count
from sunbreak.train.options import TrainOptions
from sunbreak.weights import read_card

SKIES = "collection:{root},split=test,clouds=simulated,seed=1"
PAIRS = "collection:{root},split=test,min_cloud=0.02,max_cloud=0.97"
SMOKE = "simulated:seed=500,n=4,size=256"
LAND = "simulated:seed=500,n=8,size=256"
TRIVIAL = ("cloudy", "smooth-fill", "scene-prior")
NOT_HERE = "not trained here"


class Column(NamedTuple):
    """A number of the tables."""

    title: str
    data: str
    target: str
    part: str


def columns(plan: str, root: str) -> list[Column]:
    if plan == "smoke":
        return [Column("cloud", SMOKE, "raw", "cloud"), Column("shadow", SMOKE, "raw", "shadow")]
    skies, pairs = SKIES.format(root=root), PAIRS.format(root=root)
    return [
        Column("skies, cloud", skies, "raw", "cloud"),
        Column("skies, shadow", skies, "raw", "shadow"),
        Column("pairs, cloud, raw", pairs, "raw", "cloud"),
        Column("pairs, cloud, matched", pairs, "matched", "cloud"),
    ]


def scored(model: Path | None, wanted: list[Column]) -> dict[str, dict[str, float]]:
    """PSNR by row and column; of a run from the file beside it, if that was made on the same samples."""
    kept = None if model is None else model.with_suffix(".scores.json")
    hashes = {data: open_data(data).split_hash for data in {column.data for column in wanted}}
    stamp = {"sunbreak": __version__, "hashes": sorted(hashes.values()), "columns": [column.title for column in wanted]}
    if model is not None:
        stamp["weights"] = read_card(model / "model.json").sha256["onnx"]
    if kept is not None and kept.is_file():
        found = json.loads(kept.read_text())
        if found["stamp"] == stamp:
            return found["rows"]
    rows: dict[str, dict[str, float]] = {}
    for data in hashes:
        report = evaluate(
            [] if model is None else [str(model)], data, options=EvaluationOptions(regions=("cloud", "shadow"))
        )
        for name in report.models:
            for column in wanted:
                if column.data == data:
                    scores = report.summary(name, column.target, column.part).scores
                    # the run by its own name, wherever the folder of runs may lie
                    rows.setdefault(name if name in TRIVIAL else Path(name).name, {})[column.title] = scores.psnr
    if kept is not None:
        kept.write_text(json.dumps({"stamp": stamp, "rows": rows}, indent=1))
    return rows


def table(head: list[str], rows: list[list[str]]) -> None:
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def told(values: list[float], reference: float) -> str:
    """Mean, spread over seeds, and what is gained over the scene prior."""
    mean = float(np.mean(values))
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{mean:.2f}{spread} ({mean - reference:+.2f})"


def sized(name: str) -> list[str]:
    """Parameters and GMACs of a network at its own size, or at one of ours."""
    if name not in VARIANTS:
        return [f"{NETWORKS[name].parameters / 1e6:.2f} M", f"{NETWORKS[name].gmacs:.1f}"]
    parameters, gmacs = count(build(*VARIANTS[name]))
    return [f"{parameters / 1e6:.2f} M", f"{gmacs:.1f}"]


class Study:
    """What has been trained, and how it scores."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.columns = columns(given.plan, given.data)
        self.runs = {run.name: run for run in planned(given)}
        self.trivial = scored(None, self.columns)

    def scores(self, name: str) -> dict[str, float] | None:
        """PSNR by column; None for a run that is not finished."""
        folder = self.given.runs / name
        if not (folder / "model.json").is_file():
            return None
        return scored(folder, self.columns)[name]

    def row(self, label: list[str], names: list[str]) -> list[str]:
        """A line over the seeds of a network."""
        found = [scores for scores in map(self.scores, names) if scores is not None]
        if not found:
            return [*label, "0", *[NOT_HERE] * len(self.columns)]
        reference = self.trivial["scene-prior"]
        cells = [told([scores[c.title] for scores in found], reference[c.title]) for c in self.columns]
        return [*label, str(len(found)), *cells]

    def networks(self) -> None:
        """Print the main table."""
        names = (*LIGHT, *HEAVY) if self.given.plan == "full" else tuple(NARROW)
        rows = [
            [name, "-", "-", "-", *(f"{self.trivial[name][column.title]:.2f}" for column in self.columns)]
            for name in TRIVIAL
        ]
        for name in names:
            size = sized(name) if self.given.plan == "full" else ["narrow", "-"]
            rows.append(self.row([name, *size], [f"{name}-s{seed}" for seed in range(self.given.seeds)]))
        table(["model", "parameters", "GMACs", "seeds", *(column.title for column in self.columns)], rows)

    def ablations(self) -> None:
        """Print what becomes of the methods without their parts."""
        for title, base, family, variants in (
            ("TDP-CR", "tdp-cr-s0", "tdp-cr", TDP_CR), ("IB-HFN (small)", "ib-hfn-small-s0", "ib-hfn", IB_HFN)
        ):  # fmt: skip
            print(f"\n{title}, ablations, first seed")
            rows = [self.row(["whole"], [base])]
            rows += [self.row([name], [f"{family}--{name.replace(' ', '-')}"]) for name in variants]
            table([title, "seeds", *(column.title for column in self.columns)], rows)

    def curves(self) -> None:
        """Print how ours scores after ever more steps, and on ever fewer scenes."""
        print(f"\n{OURS}, learning curves, first seed")
        runs = [*curves({}, self.given.steps), self.runs[f"{OURS}-s0"]]
        rows = []
        for run in runs:
            steps, reuse = run.flags.get("steps", self.given.steps), run.flags.get("reuse", TrainOptions.reuse)
            scenes = max(steps * TrainOptions.batch // reuse, TrainOptions.batch)
            rows.append(self.row([str(steps), f"about {scenes}"], [run.name]))
        table(["steps", "scenes", "seeds", *(column.title for column in self.columns)], rows)

    def freezing(self) -> None:
        """Print what phase 2 does to restoration and land cover."""
        print(f"\nTDP-CR, what phase 2 trains, first seed; land cover on {LAND} (hash {open_data(LAND).split_hash})")
        rows = []
        for trained in FREEZING:
            name = f"tdp-cr--phase-2-{trained}"
            row = self.row([trained], [name])
            if row[1] != "0":
                report = evaluate_land_cover([str(self.given.runs / name)], LAND)
                row += list(land_cover_cells(report, str(self.given.runs / name)))
            rows.append(row)
        table(["phase 2", "seeds", *(column.title for column in self.columns), "accuracy", "mIoU"], rows)


def land_cover_cells(report, model: str) -> Iterator[str]:
    for record in report.records():
        if (record["by"], record["region"], record["model"]) == ("all", "all", model):
            yield f"{record['accuracy']:.3f}"
            yield f"{record['miou_present']:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = arguments(parser)
    print(f"study {given.plan}, {given.steps} steps a run, {datetime.now(UTC):%Y-%m-%d}, {platform.machine()}")
    for data in dict.fromkeys(column.data for column in columns(given.plan, given.data)):
        found = open_data(data)
        print(
            f"data {data}: split {found.split}, hash {found.split_hash}, {len(found)} patches in "
            f"{len(set(map(canonical, found.regions)))} regions"
        )
    print("protocol sunbreak; PSNR in dB: mean over seeds ± standard deviation (gain over the scene prior)\n")
    study = Study(given)
    study.networks()
    study.ablations()
    study.curves()
    study.freezing()


if __name__ == "__main__":
    main()
