"""Compare simulated scenes with real Sentinel-1 and Sentinel-2 images, and time the simulator.

Usage: python bench/simulation.py DATA [--split train|test] [--scenes N]

DATA is a collection with a `manifest.csv` (path, split, role, sensor, level, n_bands, dn_offset, quality). Prints
Markdown: per band the mean, standard deviation and percentiles, real and simulated, clear and under cloud; radar;
correlations; seconds and peak memory of one 13 x 1024 x 1024 scene in a fresh process.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from sunbreak.bands import L1C_BANDS
from sunbreak.simulate import CloudSpec, SceneSpec, simulate

KINDS = ("mixed", "broken", "thin", "thick", "mixed", "fog", "mixed", "overcast")
"""Kinds of cloud over the simulated scenes, about as often as in archives."""
TIMED = """
import resource, time
from sunbreak.simulate import SceneSpec, simulate
start = time.perf_counter()
simulate(SceneSpec(size=1024, seed=3))
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def real_samples(data: Path, split: str):
    """Pixels of real level-1C images.

    Args:
        data: Folder of the collection.
        split: Which of its splits.

    Returns:
        Clear and cloudy reflectance, each (13, n); pairs (radar, optical) of same places; radar images over land.
    """
    clear, cloudy, pairs, radar = [], [], [], []
    with (data / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["path"].endswith(".tif")]
    for row in rows:
        if "snow" in row["quality"] or "haze" in row["quality"]:
            continue
        if row["sensor"] == "S1":
            image = read(data / row["path"])[:2]
            radar.append(image)
            beside = data / row["path"].replace("_s1", "_s2_clear")
            if beside.exists() and beside != data / row["path"]:
                pairs.append((image, read(beside) / 1e4))
        elif row["level"] == "L1C" and row["n_bands"] == "13":
            image = (read(data / row["path"]) - float(row["dn_offset"] or 0)) / 1e4
            mask = data / row["path"].replace("s2_cloudy", "cloudmask_heuristic")
            if row["role"] == "s2_clear":
                clear.append(image)
            elif mask != data / row["path"] and mask.exists():
                cloudy.append(image[:, read(mask)[0] > 0])
    return clear, np.concatenate(cloudy, axis=1), pairs, radar


def read(path: Path) -> np.ndarray:
    """Read a raster as float32.

    Args:
        path: The file.

    Returns:
        (band, y, x).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            return file.read().astype(np.float32)


def simulated_samples(count: int, seed: int):
    """The same of simulated scenes.

    Args:
        count: How many scenes.
        seed: Seed of the first one.

    Returns:
        As `real_samples`.
    """
    clear, cloudy, pairs, radar = [], [], [], []
    rng = np.random.default_rng(seed)
    for index in range(count):
        sun = float(rng.uniform(30.0, 62.0))
        kind = KINDS[index % len(KINDS)]
        clouds = CloudSpec(seed=index, kind=kind, cover=float(rng.uniform(0.2, 1.0)), sun_elevation=sun)
        spec = SceneSpec(size=256, seed=seed + index, season=int(rng.integers(80, 300)), clouds=clouds)
        window = simulate(spec)
        clear.append(window.truth)
        # the real masks are a brightness score that misses thin haze
        cloudy.append(window.optical[:, window.optical_depth > 0.8])
        pairs.append((window.radar, window.truth))
        radar.append(window.radar)
    return clear, np.concatenate(cloudy, axis=1), pairs, radar


def band_table(title: str, real: np.ndarray, simulated: np.ndarray) -> None:
    """Print the statistics of both beside each other.

    Args:
        title: Heading.
        real: (13, n) reflectance.
        simulated: (13, n) reflectance.
    """
    print(f"\n### {title}: real ({real.shape[1]:,} pixels) / simulated ({simulated.shape[1]:,} pixels)\n")
    print("| band | mean | std | 5 % | 50 % | 95 % |\n| --- | --- | --- | --- | --- | --- |")
    for index, name in enumerate(L1C_BANDS):
        cells = []
        for values in (real[index], simulated[index]):
            cells.append([values.mean(), values.std(), *np.percentile(values, (5, 50, 95))])
        print(f"| {name} | " + " | ".join(f"{a:.3f} / {b:.3f}" for a, b in zip(*cells, strict=True)) + " |")


def explained(pairs) -> np.ndarray:
    """Share of the variance of B04, B08 and B11 that VV, VH and their product explain linearly, image by image.

    Args:
        pairs: (radar, optical) of same places.

    Returns:
        (image, 3).
    """
    out = []
    for radar, optical in pairs:
        vv, vh = radar[0].ravel().astype(np.float64), radar[1].ravel().astype(np.float64)
        design = np.column_stack([np.ones_like(vv), vv, vh, vv * vh])
        row = []
        for band in ("B04", "B08", "B11"):
            target = optical[L1C_BANDS.index(band)].ravel().astype(np.float64)
            fit = design @ np.linalg.lstsq(design, target, rcond=None)[0]
            row.append(1.0 - ((target - fit) ** 2).mean() / max(target.var(), 1e-12))
        out.append(row)
    return np.array(out)


def pooled(pairs) -> np.ndarray:
    """The same over all images together.

    Args:
        pairs: (radar, optical) of same places.

    Returns:
        (3,).
    """
    radar = np.concatenate([pair[0].reshape(2, -1) for pair in pairs], axis=1)[:, :, np.newaxis]
    optical = np.concatenate([pair[1].reshape(13, -1) for pair in pairs], axis=1)[:, :, np.newaxis]
    return explained([(radar, optical)])[0]


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--scenes", type=int, default=64)
    options = parser.parse_args()
    # first, while this process is small: a child's peak counts the memory of its parent at the fork
    result = subprocess.run([sys.executable, "-c", TIMED], capture_output=True, text=True, check=True)
    seconds, memory = map(float, result.stdout.split())
    print(f"13 x 1024 x 1024: {seconds:.2f} s, peak {memory:.2f} GiB resident (fresh process, one thread)")
    real, simulated = real_samples(options.data, options.split), simulated_samples(options.scenes, 100)
    flat = [np.concatenate([image.reshape(13, -1)[:, ::5] for image in part[0]], axis=1) for part in (real, simulated)]
    band_table("Clear", *flat)
    band_table("Under cloud", real[1], simulated[1])
    print("\n### Within one image (256 x 256): median over images of the standard deviation, real / simulated\n")
    spreads = [
        np.median([image.reshape(13, -1).std(axis=1) for image in part[0]], axis=0) for part in (real, simulated)
    ]
    print(" ".join(f"{name} {a:.3f}/{b:.3f}" for name, a, b in zip(L1C_BANDS, *spreads, strict=True)))
    print("\n### Correlation of bands, median over images, real / simulated\n")
    matrices = [
        np.median([np.corrcoef(image.reshape(13, -1)) for image in part[0]], axis=0) for part in (real, simulated)
    ]
    for one, other in (("B02", "B04"), ("B04", "B08"), ("B03", "B08"), ("B08", "B11"), ("B04", "B11"), ("B11", "B12")):
        at = L1C_BANDS.index(one), L1C_BANDS.index(other)
        print(f"{one}-{other} {matrices[0][at]:.2f}/{matrices[1][at]:.2f}", end="  ")
    print("\n\n### Radar in dB and what it tells of the optical image (R2 of B04, B08, B11), real / simulated\n")
    for index, name in enumerate(("VV", "VH")):
        means = [np.array([image[index].mean() for image in part[3]]) for part in (real, simulated)]
        within = [np.median([image[index].std() for image in part[3]]) for part in (real, simulated)]
        cells = " / ".join(
            f"mean {m.mean():.1f} +- {m.std():.1f}, within {w:.1f}" for m, w in zip(means, within, strict=True)
        )
        print(f"- {name}: {cells}")
    for label, function in (("median image", lambda p: np.median(explained(p), axis=0)), ("pooled", pooled)):
        cells = [np.round(function(part[2]), 2).tolist() if part[2] else "none" for part in (real, simulated)]
        print(f"- {label}: {cells[0]} / {cells[1]}")


if __name__ == "__main__":
    main()
