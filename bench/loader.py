"""How fast samples are read: patches/s in this process, and with worker processes behind a torch DataLoader.

    python bench/loader.py [SPEC...]

For every SPEC: reading alone (at most 64 samples, evenly spread) and with Sunbreak's own mask (at most 8), in this
process and with 0, 1 and 2 workers; the median of three runs, after one that nobody counts: it starts the workers and
brings the files into the page cache. Without a SPEC it writes a simulated scene in the layout of SEN12MS-CR to a
temporary folder and measures that.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from torch.utils.data import DataLoader, Dataset

from sunbreak.benchmark.inputs import simulated_scene
from sunbreak.benchmark.public_data import sen12ms_cr
from sunbreak.data import open_data
from sunbreak.data.sample import Detector, Entry
from sunbreak.steps.detect import detect

RUNS = 3
MOST = {"reading": 64, "with mask": 8}
"""Samples of a SPEC that are read."""
WORKERS = (0, 1, 2)
WRITTEN = 1280
"""Side in pixels of the scene that is written as a data set where no SPEC is given: 25 patches."""


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
            measure(sen12ms_cr(simulated_scene(WRITTEN, Path(folder))), "SEN12MS-CR, simulated")


if __name__ == "__main__":
    main(sys.argv[1:])
