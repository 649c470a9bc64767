"""Score a finished run on land that no training has seen, and make it a set of weights that ships, card included.

    python bench/ship.py DATA RUN [--into FOLDER] [--note TEXT]

`DATA` is the folder of a collection. The run is scored under same-date simulated clouds over the clear test images and
on the real triplets, beside the scene prior; bf16 is allowed by `--precision auto` if it costs less than 0.05 dB there.
Metrics with protocol, split, hash and command, intended use and limits go into the card; the files are copied under the
network's name into FOLDER (the package's weights), the card last.
"""

import argparse
import json
import math
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import xarray as xr

import sunbreak.weights
from sunbreak.engine import Precision
from sunbreak.evaluation import EvaluationOptions, evaluate
from sunbreak.metrics.regions import Region
from sunbreak.metrics.report import REFERENCE, Report, Target
from sunbreak.steps.restore import RestoreOptions, restore

SKIES = "collection:{root},split=test,clouds=simulated,draws=2,seed=1"
PAIRS = "collection:{root},split=test,min_cloud=0.02,max_cloud=0.97"
SCORED: dict[str, tuple[Region, ...]] = {SKIES: ("cloud", "shadow"), PAIRS: ("cloud",)}
"""Parts of the image that go into the card."""
TARGETS: tuple[Target, ...] = ("raw", "matched")
PRECISIONS: tuple[Precision, Precision] = ("fp32", "bf16")
MOST_LOST = 0.05
"""Largest loss by bf16 in dB."""
INTENDED = (
    "Restoring Sentinel-2 L1C or L2A reflectance at 10 m under cloud and shadow, with Sentinel-1 where there is some; "
    "a first land cover map beside it. Not for measuring change under clouds, nor as a source of labels."
)
LIMITS = (
    "Trained on two CPU cores, mostly on simulated scenes and clouds. Its gain over the scene prior under simulated "
    "clouds is not seen on real pairs, whose two dates differ by more than that. Land cover is learnt from simulated "
    "scenes alone and not tested on independent real labels; shrubland, bare ground, built-up and wetland are hardly "
    "found. The error it states is for the date of the input and calibrated on simulated clouds."
)


def _restored(scene: xr.Dataset, model: str, precision: Precision) -> xr.Dataset:
    return restore(scene, options=RestoreOptions(model=model, precision=precision))


def scored(run: str, data: str, precision: Precision, parts: tuple[Region, ...]) -> Report:
    restorer = partial(_restored, precision=precision)
    return evaluate([run], data, options=EvaluationOptions(regions=parts, restorer=restorer))


def metrics(report: Report, run: str, command: str, parts: tuple[Region, ...]) -> Iterator[dict[str, Any]]:
    for target, part in product(TARGETS, parts):
        row, prior = (report.summary(model, target, part) for model in (run, REFERENCE))
        if math.isnan(row.scores.psnr):
            continue
        told = {
            "command": command,
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "protocol": "sunbreak",
            "split": report.split,
            "split_hash": report.split_hash,
            "region": part,
            "target": target,
            "psnr": round(float(row.scores.psnr), 2),
            "scene_prior_psnr": round(float(prior.scores.psnr), 2),
        }
        if row.coverage.values:
            told["within_1_sigma"] = round(row.coverage.within_1_sigma / row.coverage.values, 3)
            told["within_2_sigma"] = round(row.coverage.within_2_sigma / row.coverage.values, 3)
        yield told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("run", type=Path)
    parser.add_argument("--into", type=Path, default=Path(sunbreak.weights.__file__).parent)
    parser.add_argument("--note", default="", help="added to the limits")
    given = parser.parse_args()
    card, run = json.loads((given.run / "model.json").read_text(encoding="utf-8")), str(given.run)
    name = card["name"]
    found: list[dict[str, Any]] = []
    for form, parts in SCORED.items():
        report = scored(run, form.format(root=given.data), "fp32", parts)
        found += metrics(report, run, f"sunbreak evaluate {name} --data {form.format(root='DATA')}", parts)
    skies = SKIES.format(root=given.data)
    exact, low = (scored(run, skies, precision, ("cloud",)) for precision in PRECISIONS)
    lost = float(exact.summary(run, "raw", "cloud").scores.psnr - low.summary(run, "raw", "cloud").scores.psnr)
    card |= {
        "bf16": lost < MOST_LOST,
        "metrics": found,
        "intended_use": INTENDED,
        "limits": f"{LIMITS} {given.note}".strip(),
    }
    for suffix in (".onnx", ".safetensors"):
        shutil.copy(given.run / f"model{suffix}", given.into / f"{name}{suffix}")
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    (given.into / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"bf16 costs {lost:.3f} dB")
    for one in found:
        print(json.dumps(one))


if __name__ == "__main__":
    main()
