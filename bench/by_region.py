"""Which model should be the default? Region by region against the scene prior, on land that no model has seen.

    python bench/by_region.py DATA MODEL...

`DATA` is the folder of a collection. Simulated clouds are laid over its clear test images, so the truth is of the same
date. The test regions take the place of leave-one-region-out: every one of them was left out by every training. For
each region the mean PSNR over cloud and over shadow pixels (protocol sunbreak) of the scene prior, and how much each
model gains; then mean and spread of the gains over regions. A model that does not gain more than the spread over the
regions divided by the root of their number does not replace the scene prior, which is the simpler one.
"""

import argparse
from collections import defaultdict
from itertools import product

import numpy as np

from sunbreak.evaluation import EvaluationOptions, evaluate
from sunbreak.metrics.report import Report

SPEC = "collection:{root},split=test,clouds=simulated,draws=2,seed=1"
PARTS = ("cloud", "shadow")
PRIOR = "scene-prior"


def psnr_by_region(report: Report, model: str, part: str) -> dict[str, float]:
    """Mean PSNR of a model over the patches of each region."""
    regions = {patch.name: patch.region for patch in report.patches}
    found = defaultdict(list)
    for row in report.rows:
        if row.model == model and row.target == "raw" and np.isfinite(row.scores[part].psnr):
            found[regions[row.patch]].append(row.scores[part].psnr)
    return {region: float(np.mean(values)) for region, values in found.items()}


def main(root: str, models: list[str]) -> None:
    spec = SPEC.format(root=root)
    report = evaluate(models, spec, options=EvaluationOptions(regions=PARTS))
    print(f"data {spec} (hash {report.split_hash}), protocol sunbreak, PSNR in dB")
    for part, model in product(PARTS, models):
        prior, found = psnr_by_region(report, PRIOR, part), psnr_by_region(report, model, part)
        gains = {region: found[region] - prior[region] for region in prior}
        values = np.array(list(gains.values()))
        error = values.std(ddof=1) / np.sqrt(len(values))
        print(f"\n{model}, {part} pixels: region, {PRIOR}, gain")
        for region, gain in sorted(gains.items(), key=lambda item: -item[1]):
            print(f"  {region:<16} {prior[region]:6.2f} {gain:+6.2f}")
        verdict = "wins" if values.mean() > error else "does not win"
        print(
            f"  mean gain {values.mean():+.2f}, spread over {len(values)} regions {values.std(ddof=1):.2f}, standard "
            f"error {error:.2f}, regions won {int((values > 0).sum())} of {len(values)}: {verdict}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("models", nargs="+")
    given = parser.parse_args()
    main(given.data, given.models)
