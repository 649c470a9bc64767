"""What composites of simulated dates are worth, from scenes and from restored products: the table of docs/composite.md.

    python bench/composite.py accuracy [PLACES [DATES]]
    python bench/composite.py memory [SIZE]

`accuracy`: every place is seen on DATES days, five days apart, under clouds of its own; light and air differ a little
from day to day, and radar has speckle of its own. Clouds are found by the rule, as a user's would be, and products come
from the default weights. The target is the clear image of the middle day; scores are those of the protocol `sunbreak`.
`memory`: time and peak memory of `sunbreak composite` on few and on many products of SIZE x SIZE pixels and 13 bands.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from scipy import ndimage

from sunbreak import composite, make_scene, mask, metrics, restore, write
from sunbreak.errors import SunbreakWarning
from sunbreak.simulate import CloudSpec, SceneSpec, lay_clouds, simulate
from sunbreak.steps.compose_block import METHODS
from sunbreak.work import THREADS

SIZE, FIRST, STEP = 512, 50_000_000, 5
"""Seeds from `FIRST` on belong to no training."""
COVERS = (0.3, 0.75, 0.5, 0.9, 0.6, 0.4, 0.8)
KINDS = ("mixed", "broken", "thick", "mixed", "thin", "broken", "thick")
PARTS = ("clear once", "never clear", "all")
"""Pixels by how they were seen."""
PROTOCOL = metrics.get_protocol("sunbreak")
Row = tuple[str, str]
"""What is composed, and by which method."""


def date(place: int, number: int, dates: int) -> tuple[xr.Dataset, np.ndarray]:
    """A cloudy scene of a place, with quality, and its truth."""
    rng = np.random.default_rng((place, number))
    day = 150 + 17 * place % 100 + STEP * (number - dates // 2)
    clear = simulate(SceneSpec(size=SIZE, seed=FIRST + place, season=day, clouds=CloudSpec(cover=0)))
    gain, bias = rng.normal(1, 0.02, (len(clear.truth), 1, 1)), rng.normal(0, 0.003, (len(clear.truth), 1, 1))
    seen = (clear.truth * gain + bias).astype(np.float32)
    sky = CloudSpec(
        seed=FIRST + 100 * place + number, cover=COVERS[(number + place) % len(COVERS)],
        kind=KINDS[(number + 2 * place) % len(KINDS)], sun_elevation=50,
    )  # fmt: skip
    spec = SceneSpec()
    cloudy = lay_clouds(seen, bands=spec.bands, level=spec.level, clouds=sky)
    # the simulator draws speckle by place: another date has its own
    speckle = ndimage.gaussian_filter(rng.standard_normal((2, SIZE, SIZE)), (0, 0.84, 0.84))
    radar = clear.radar + 4.34 * np.sqrt(1 / 4.4) * speckle / speckle.std()
    scene = make_scene(
        cloudy.optical, radar=radar.astype(np.float32), bands=spec.bands, level=spec.level,
        datetime=f"2023-06-{number + 1:02}T10:00:00Z", sun_azimuth=sky.sun_azimuth, sun_elevation=sky.sun_elevation,
    )  # fmt: skip
    return mask(scene), clear.truth


def scores(image: np.ndarray, truth: np.ndarray, where: np.ndarray) -> metrics.Scores:
    return metrics.score(image, truth, where.astype(np.uint8), PROTOCOL)["all"]


def compositions(scenes: list[xr.Dataset], products: list[xr.Dataset]) -> dict[Row, np.ndarray]:
    """Everything that is compared, by row."""
    least = min(scenes, key=lambda scene: int((scene.quality.values != 1).sum()))
    images = {
        ("one scene, as it is", "the least cloudy"): least.optical,
        ("one product", "the middle date"): products[len(products) // 2].reflectance,
    }
    for what, given in {"scenes": scenes, "products": products}.items():
        images |= {(what, method): composite(given, method=method).reflectance for method in METHODS}
    return {row: image.values for row, image in images.items()}


def accuracy(places: int = 6, dates: int = 6) -> None:
    found: dict[Row, dict[str, list[metrics.Scores]]] = {}
    squares: dict[str, list[tuple[float, float]]] = {part: [] for part in PARTS[:2]}
    never: list[float] = []
    for place in range(places):
        scenes, truths = zip(*(date(place, number, dates) for number in range(dates)), strict=True)
        truth, products = truths[dates // 2], [restore(scene) for scene in scenes]
        clear = np.any([scene.quality.values == 1 for scene in scenes], axis=0)
        regions = dict(zip(PARTS, (clear, ~clear, np.ones_like(clear)), strict=True))
        never.append(1 - clear.mean())
        for row, image in compositions(list(scenes), products).items():
            for part, where in regions.items():
                one = scores(image, truth, where)
                if where.any():
                    found.setdefault(row, {}).setdefault(part, []).append(one)
        weighted = composite(products, method="inverse-variance")
        for part, pairs in squares.items():
            if not regions[part].any():
                continue
            both = (weighted.reflectance.values - truth, weighted.uncertainty.values)
            pairs.append(tuple(float(np.square(one[:, regions[part]]).mean()) for one in both))
    print(f"protocol {PROTOCOL.name}; {places} simulated places from seed {FIRST} on, {dates} dates each")
    print(f"| composed | by | {' | '.join(f'{part}: RMSE | PSNR' for part in PARTS)} |\n{'|---' * 8}|")
    for row, by_part in found.items():
        # scenes have nothing where it was never clear
        whole = [not any(np.isnan(one.mse) for one in by_part[part]) for part in PARTS]
        means = [metrics.average(by_part[part], PROTOCOL) for part in PARTS]
        cells = [
            f"{one.rmse:.4f} | {one.psnr:.2f}" if known else "- | -" for one, known in zip(means, whole, strict=True)
        ]
        print(f"| {' | '.join([*row, *cells])} |")
    print(f"never clear: {100 * np.mean(never):.1f} % of the pixels")
    for part, pairs in squares.items():
        error, sigma = np.sqrt(np.mean(pairs, axis=0))
        print(f"inverse-variance of products, {part}: RMSE {error:.4f}, stated {sigma:.4f}")


def memory(size: int = 4096) -> None:
    print(f"{size} x {size} pixels, 13 bands, {THREADS} threads")
    print("| dates | method | seconds | peak GiB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder, "0")
        write(random_product(size), one)
        dates = [one, *(Path(folder, str(number)) for number in range(1, 24))]
        for copy in dates[1:]:
            shutil.copytree(one, copy, copy_function=os.link)
        for count in (3, 24):
            for method in METHODS:
                command = [sys.executable, "-m", "sunbreak.cli", "composite", *dates[:count], "-o", Path(folder, "out")]
                start = time.monotonic()
                child = subprocess.Popen([*command, "--method", method, "--overwrite"], stdout=subprocess.DEVNULL)
                _, status, used = os.wait4(child.pid, 0)
                seconds, peak = time.monotonic() - start, used.ru_maxrss / (1 << 20)
                print(f"| {count} | {method} | {seconds:.0f} | {peak:.2f} |", flush=True)
                if status:
                    raise SystemExit(status)


def random_product(size: int) -> xr.Dataset:
    """A product under clouds a hundred pixels wide, as noisy as radiometry is."""
    rng, spec = np.random.default_rng(0), SceneSpec()
    optical = rng.normal(0.15, 0.02, (len(spec.bands), size, size)).astype(np.float32)
    cloud = ndimage.zoom(rng.random((size // 128 + 1,) * 2), 128, order=1)[:size, :size] > 0.55
    quality, source = np.where(cloud, 3, 1).astype(np.uint8), np.where(cloud, 2, 1).astype(np.uint8)
    stored = {"dtype": "uint16", "offset": -1000, "quantification": 10000, "nodata": 0}
    scene = make_scene(optical, bands=spec.bands, level=spec.level, quality=quality, encoding=stored)
    sigma = np.broadcast_to(np.where(cloud, np.float32(0.03), np.float32(0)), optical.shape)
    more = {"source": (("y", "x"), source), "uncertainty": (("band", "y", "x"), sigma)}
    return scene.rename(optical="reflectance").assign(more)


if __name__ == "__main__":
    warnings.simplefilter("ignore", SunbreakWarning)
    {"accuracy": accuracy, "memory": memory}[sys.argv[1]](*map(int, sys.argv[2:]))
