"""Fit the global regression on simulated scenes, measure it on real ones, and print it with its card.

    python bench/fit_global_regression.py ../shared/data > src/sunbreak/weights/global_regression.json

The collection holds too few clear images with radar to fit on (an open sea, one landscape for L1C, two fields for
L2A), so the regression is fitted on simulated scenes of many landscapes and seasons. Its error is the larger of two,
band by band: on simulated scenes left out, and on the real clear training images.
"""

import csv
import json
import sys
from datetime import date
from itertools import combinations
from pathlib import Path

import numpy as np
import rasterio

from sunbreak.bands import BANDS_BY_LEVEL, RADAR_BANDS
from sunbreak.prior.features import radar_features
from sunbreak.simulate import CloudSpec, SceneSpec, simulate

SCENES, SIZE, FOLDS = 80, 384, 5
ALLOWED = {"sen12mscr_partial", "bigearthnet_mm", "sen1floods11"}
PENALTY = 0.05


def read(path):
    with rasterio.open(path, driver="GTiff") as file:
        return file.read().astype(np.float32)


def real_scenes(root, level):
    """Clear training images with radar: (region, reflectance, radar)."""
    samples = {}
    for row in csv.DictReader((root / "manifest.csv").open()):
        if row["split"] == "train" and row["source"] in ALLOWED and row["path"].endswith(".tif"):
            samples.setdefault(row["sample_id"], {})[row["role"]] = row
    for parts in samples.values():
        if {"s1", "s2_clear"} <= parts.keys() and parts["s2_clear"]["level"].startswith(level):
            row = parts["s2_clear"]
            dn = read(root / row["path"])
            reflectance = np.where(dn > 0, (dn - float(row["dn_offset"])) / 10000, np.nan)
            yield row["region_id"], reflectance, read(root / parts["s1"]["path"])


def simulated_scenes(level):
    for seed in range(SCENES):
        spec = SceneSpec(
            size=SIZE, seed=1000 + seed, level=level, season=20 + 37 * seed % 340, clouds=CloudSpec(cover=0.0)
        )
        found = simulate(spec)
        yield found.truth, found.radar


def moments(reflectance, radar, pols):
    """Second moments of (features, reflectance), each scene weighing the same."""
    features, valid = radar_features(radar[[RADAR_BANDS.index(pol) for pol in pols]], pols)
    usable = valid & np.isfinite(reflectance).all(axis=0)
    joint = np.concatenate([features, reflectance])[:, usable].astype(float)
    return joint @ joint.T / usable.sum(), features.shape[0]


def solve(total, k):
    variance = np.maximum(np.diag(total)[:k] / total[0, 0] - (total[0, :k] / total[0, 0]) ** 2, 0)
    return np.linalg.solve(total[:k, :k] + total[0, 0] * np.diag(PENALTY * variance + 1e-9), total[:k, k:])


def errors(total, k, slopes):
    cross = slopes.T @ total[:k, k:]
    return (total[k:, k:] - cross - cross.T + slopes.T @ total[:k, :k] @ slopes) / total[0, 0]


def fit(scenes, real, pols):
    found = [moments(*scene, pols) for scene in scenes]
    k, sums = found[0][1], np.array([total for total, _ in found])
    slopes = solve(sums.sum(axis=0), k)
    fold = np.arange(len(sums)) % FOLDS
    held_out = np.mean([errors(one, k, solve(sums[fold != part].sum(axis=0), k))
                        for part in range(FOLDS) for one in sums[fold == part]], axis=0)  # fmt: skip
    by_region = {}
    for region, reflectance, radar in real:
        by_region.setdefault(region, []).append(errors(moments(reflectance, radar, pols)[0], k, slopes))
    measured = np.mean([np.mean(values, axis=0) for values in by_region.values()], axis=0)
    grown = np.sqrt(np.maximum(np.diag(measured) / np.diag(held_out), 1.0))
    return slopes, held_out * np.outer(grown, grown), np.sqrt(np.diag(held_out)), np.sqrt(np.diag(measured)), by_region


def rounded(array):
    return [[float(f"{value:.6g}") for value in row] for row in array]


def main(root):
    out = {"card": {
        "name": "global-regression", "version": str(date.today()), "licence": "Apache-2.0",
        "fitted_on": f"{SCENES} simulated scenes of {SIZE} x {SIZE} pixels a level (sunbreak.simulate, seeds 1000 on)",
        "measured_on": "the clear training images with radar of the collection, licences CC BY 4.0 (SEN12MS-CR), "
        "CDLA-Permissive-1.0 (BigEarthNet), plain Copernicus; contains modified Copernicus Sentinel data",
        "use": "fallback where fewer than 500 clear pixels with radar are found; its uncertainty is large",
        "command": "python bench/fit_global_regression.py ../shared/data",
    }}  # fmt: skip
    for level in BANDS_BY_LEVEL:
        scenes, real = list(simulated_scenes(level)), list(real_scenes(root, level))
        out[level] = {}
        for pols in [pair for size in (1, 2) for pair in combinations(RADAR_BANDS, size)]:
            slopes, covariance, held_out, measured, regions = fit(scenes, real, pols)
            out[level][" ".join(pols)] = {"slopes": rounded(slopes), "error_covariance": rounded(covariance)}
            print(
                level,
                pols,
                "rmse simulated",
                held_out.round(3),
                "real",
                measured.round(3),
                sorted(regions),
                file=sys.stderr,
            )
            out["card"].setdefault("regions_measured", {})[level] = sorted(regions)
    print(json.dumps(out))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
