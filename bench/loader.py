"""How fast samples are read: patches/s in this process, and with worker processes behind a torch DataLoader.

    python bench/loader.py [SPEC...]

For every SPEC: reading alone (at most 64 samples, evenly spread) and with Sunbreak's own mask (at most 8), in this
process and with 0, 1 and 2 workers; the median of three runs, after one that nobody counts: it starts the workers and
brings the files into the page cache. Without a SPEC it writes a small data set in the layout of SEN12MS-CR to a
temporary folder and measures that.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from torch.utils.data import DataLoader, Dataset

from sunbreak.data import open_data
from sunbreak.data.sample import Detector, Entry
from sunbreak.steps.detect import detect

RUNS = 3
MOST = {"reading": 64, "with mask": 8}
"""Samples of a SPEC that are read."""
WORKERS = (0, 1, 2)
WRITTEN = 24
"""Patches of the data set that is written where no SPEC is given."""
REGION = "ROIs1158_spring", 31


class Samples(Dataset):
    """Arrays of samples, as a training would take them."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        sample = self.entries[index].load()
        arrays = {name: getattr(sample, name) for name in ("cloudy", "clear", "radar", "quality")}
        return {name: np.asarray(array) for name, array in arrays.items() if array is not None}


def write(root: Path) -> str:
    """Patches of 256 x 256 pixels as the archives hold them: uncompressed, pixel-interleaved."""
    rng = np.random.default_rng(0)
    season, region = REGION
    for patch in range(WRITTEN):
        clear = rng.integers(300, 4000, (13, 256, 256)).astype("uint16")
        arrays = {
            "s1": rng.normal(-14, 3, (2, 256, 256)).astype("float32"),
            "s2": clear,
            "s2_cloudy": np.where(np.arange(256) < 100, 9000, clear).astype("uint16"),
        }
        for part, array in arrays.items():
            path = root / f"{season}_{part}" / f"{part}_{region}" / f"{season}_{part}_{region}_p{patch}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            with rasterio.open(
                path, "w", driver="GTiff", count=len(array), height=256, width=256, dtype=array.dtype,
                interleave="pixel", crs="EPSG:32652", transform=Affine(10, 0, 637702.775, 0, -10, 3632392.775),
            ) as file:  # fmt: skip
                file.write(array)
    return f"sen12ms-cr:{root}"


def entries(spec: str, detector: Detector | None, most: int) -> list[Entry]:
    found = open_data(spec, detector=detector).entries
    count = min(most, len(found))
    return [found[index * len(found) // count] for index in range(count)]


def rate(loader) -> float:
    """Samples a second: the median of some runs after one that warms up."""
    taken = []
    for _ in range(RUNS + 1):
        start, count = time.perf_counter(), 0
        for _ in loader:
            count += 1
        taken.append(count / (time.perf_counter() - start))
    return float(np.median(taken[1:]))


def measure(spec: str, name: str) -> None:
    for label, detector in (("reading", None), ("with mask", detect)):
        samples = Samples(entries(spec, detector, MOST[label]))
        rates = [rate(samples)]
        for workers in WORKERS:
            rates.append(rate(DataLoader(samples, None, num_workers=workers, persistent_workers=workers > 0)))
        cells = " | ".join(f"{one:.1f}" for one in rates)
        print(f"| {name} | {label} | {len(samples)} | {cells} |", flush=True)


def main(specs: list[str]) -> None:
    columns = ["data", "what", "samples", "this process", *(f"{workers} workers" for workers in WORKERS)]
    print("patches/s\n\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for spec in specs:
        measure(spec, spec)
    if not specs:
        with tempfile.TemporaryDirectory() as folder:
            measure(write(Path(folder)), f"SEN12MS-CR, {WRITTEN} written patches")


if __name__ == "__main__":
    main(sys.argv[1:])
