"""Every model under every cloud cover: same-date simulated clouds over real clear land that no training has seen.

    python bench/coverage.py DATA MODEL... [--adapt-seconds N]

`DATA` is the folder of a collection; MODEL is what `sunbreak evaluate` takes, `LABEL=MODEL` names its row. Clouds are
laid over the clear test images at covers of 10, 30, 50, 70 and 90 %. Prints Markdown: mean PSNR in dB over cloud pixels
and over all, protocol sunbreak. With `--adapt-seconds`, the last model is shown once more, adapted to each scene for
that long (`sunbreak restore --adapt-seconds`), at 30 % cover only, as it is slow.
"""

import argparse
from collections.abc import Iterator

import xarray as xr

from sunbreak.evaluation import EvaluationOptions, evaluate
from sunbreak.metrics.regions import Region
from sunbreak.metrics.report import Report
from sunbreak.steps.restore import RestoreOptions, restore

SPEC = "collection:{root},split=test,clouds=simulated,seed=1,cover={cover}"
COVERS = (0.1, 0.3, 0.5, 0.7, 0.9)
ADAPTED = 0.3
PARTS: tuple[Region, ...] = ("cloud", "all")
TRIVIAL = ("cloudy", "smooth-fill", "scene-prior")


def psnr(report: Report, model: str, part: Region) -> float:
    return float(report.summary(model, "raw", part).scores.psnr)


def scored(root: str, models: list[str], cover: float, seconds: float) -> tuple[dict[tuple[str, Region], float], str]:
    """PSNR by model and part of the image, and the hash of the split."""
    data = SPEC.format(root=root, cover=cover)
    report = evaluate(models, data, options=EvaluationOptions(regions=PARTS))
    found = {(model, part): psnr(report, model, part) for model in (*TRIVIAL, *models) for part in PARTS}
    if seconds and cover == ADAPTED:

        def adapted(scene: xr.Dataset, model: str) -> xr.Dataset:
            spent = 0.0 if model in TRIVIAL else seconds
            return restore(scene, options=RestoreOptions(model=model, adapt_seconds=spent))

        options = EvaluationOptions(regions=PARTS, restorer=adapted)
        again = evaluate([models[-1]], data, options=options)
        found |= {("adapted", part): psnr(again, models[-1], part) for part in PARTS}
    return found, report.split_hash


def lines(root: str, labels: dict[str, str], seconds: float) -> Iterator[str]:
    yield "| cover | model | cloud | all | hash |\n|---|---|---:|---:|---|"
    rows = {name: name for name in TRIVIAL} | labels | ({"adapted": "adapted"} if seconds else {})
    for cover in COVERS:
        found, digest = scored(root, list(labels.values()), cover, seconds)
        for label, model in rows.items():
            cells = [found[model, part] for part in PARTS if (model, part) in found]
            if cells:
                yield f"| {cover:.0%} | {label} | " + " | ".join(f"{cell:.2f}" for cell in cells) + f" | {digest} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--adapt-seconds", type=float, default=0.0)
    given = parser.parse_args()
    labels = {text.partition("=")[0]: text.partition("=")[2] or text for text in given.models}
    for line in lines(given.data, labels, given.adapt_seconds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
