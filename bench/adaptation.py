"""What does adapting to an area bring? The earlier dates of a site are learnt from, the later ones scored.

    python bench/adaptation.py DATA [--minutes 3] [--runs FOLDER] [--model NAME] [--parts head] [--draws 3]

`DATA` is the folder of a collection; its dated sites with radar are taken (`worldcereal_s1_s2_series`). The first two
thirds of the dates of each are the archive of `sunbreak adapt`; over the clear dates of the last third simulated clouds
are laid, so the truth is of the same date. Mean PSNR over cloud pixels (protocol sunbreak) of the scene prior, of the
weights as given, and of the adapted ones; sites of the train split, which the given weights may have seen, stand apart.
"""

import argparse
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

from sunbreak.data.archive import open_archive
from sunbreak.data.manifest import read_manifest
from sunbreak.errors import OptionError, SunbreakWarning
from sunbreak.evaluation import EvaluationOptions, evaluate
from sunbreak.models import DEFAULT
from sunbreak.train.adapt import adapt
from sunbreak.train.adapt_options import AdaptOptions

SITES = "worldcereal_s1_s2_series"
PRIOR = "scene-prior"


def sites(root: Path) -> dict[Path, str]:
    """Files of the dated sites, with the split that each is of; those of the train split last."""
    rows = {Path(row.path): row.split for row in read_manifest(root)}
    found = {path: split for path, split in rows.items() if path.parent.name == SITES}
    return dict(sorted(found.items(), key=lambda pair: (pair[1] == "train", pair[0].name)))


def compare(path: Path, split: str, runs: Path, given: argparse.Namespace) -> str:
    """One line of the table."""
    days = [image.day for image in open_archive(f"archive:{path}").images]
    first = days[2 * len(days) // 3]
    last = days[2 * len(days) // 3 - 1]
    options = replace(AdaptOptions(), parts=given.parts, **({"learning_rate": given.rate} if given.rate else {}))
    run = runs / path.stem
    done = adapt([f"archive:{path},until={last}"], run, model=given.model, minutes=given.minutes, options=options)
    spec = f"archive:{path},from={first},draws={given.draws},cover={given.cover}"
    report = evaluate(
        [given.model, str(run)], spec, options=EvaluationOptions(regions=("cloud",), allow_seen=True)
    )  # fmt: skip
    scores = {
        model: report.summary(model, "raw", "cloud").scores.psnr for model in (PRIOR, given.model, str(run))
    }  # fmt: skip
    gain = scores[str(run)] - scores[given.model]
    values = " ".join(f"{value:8.2f}" for value in scores.values())
    place = "new place" if split != "train" else "seen place"
    return (
        f"{path.stem[:32]:<32} {place:<10} {len(report.patches):>7} {values} {gain:+6.2f}   {report.split_hash}\n"
        f"  its own check: {done.done}"
    )


def main(given: argparse.Namespace, runs: Path) -> None:
    print(
        f"protocol sunbreak, cloud pixels, PSNR in dB; archive:PATH,from=...,draws={given.draws},cover={given.cover}; "
        f"{given.minutes:g} minutes, parts {given.parts}, base {given.model}"
    )
    print(f"{'site':<32} {'':<10} {'patches':>7} {'prior':>8} {'given':>8} {'adapted':>8} {'gain':>6}   split hash")
    for path, split in sites(given.data).items():
        try:
            print(compare(path, split, runs, given), flush=True)
        except OptionError as error:
            print(f"{path.stem[:32]:<32} left out: {error}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--runs", type=Path, help="folder of the runs; a stopped bench goes on")
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--parts", default=AdaptOptions.parts)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--cover", type=float, default=0.15)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", SunbreakWarning)
    if chosen.runs:
        main(chosen, chosen.runs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(chosen, Path(folder))
