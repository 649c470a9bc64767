"""The parts of a bench: which cases, how often, and what is made of their runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from sunbreak.benchmark.cases import SKIES
from sunbreak.benchmark.child import measured
from sunbreak.benchmark.inputs import mask_of, simulated_scene
from sunbreak.benchmark.tables import Table
from sunbreak.cache import cache_folder
from sunbreak.errors import OptionError, SunbreakError
from sunbreak.models import DEFAULT
from sunbreak.work import THREADS

Runs = list[dict[str, Any]]
PATCH: Final = 256
WALL: Final = ("open", "mask", "fit", "restore", "encoding", "writing", "overviews", "laying out COGs", "reading back")
"""What passes one after the other."""
SHARED: Final = ("reading", "mask", "survey", "prior", "kriging", "inputs of the network", "network", "blending",
                 "joining")  # fmt: skip
"""What the threads beside do at the same time."""
ENGINES: Final = (("openvino", "bf16"), ("openvino", "fp32"), ("onnx", "fp32"), ("torch", "bf16"),
                  ("torch", "fp32"))  # fmt: skip
"""What runs networks; the last is what the others are measured against."""


@dataclass(frozen=True)
class BenchOptions:
    """What is measured, and how often."""

    sizes: tuple[int, ...] = (1024, 2048, 4096)
    """Sides of the scenes in pixels; 10980 is a whole tile."""
    touched: tuple[float, ...] = (1.0, 0.3, 0.0)
    """Shares of the patches that hold something to restore."""
    networks: tuple[str, ...] = (DEFAULT,)
    """Names of networks; others than the shipped ones are run with random weights and need the extra `train`."""
    model: str = DEFAULT
    """What restores scenes."""
    data: str = SKIES
    """SPEC of what accuracy is measured on."""
    batch: int | None = None
    """Crops a step of trainings; None for as many as suit the device."""
    repeats: int = 3
    """Runs of every case; medians are shown."""
    cache: Path | None = None
    """Folder of the simulated scenes; None for the usual place of caches."""

    def __post_init__(self) -> None:
        if self.repeats < 1 or min(self.sizes) < PATCH or not all(0.0 <= one <= 1.0 for one in self.touched):
            raise OptionError("bench: repeats from 1, sizes from 256, shares of touched patches from 0 to 1")

    @property
    def scenes(self) -> Path:
        """Folder of the simulated scenes."""
        return self.cache or cache_folder("bench")


def run_parts(parts: Sequence[str], options: BenchOptions) -> Iterator[Table]:
    """Measure.

    Args:
        parts: Names of `PARTS`; none for all.
        options: What is measured.

    Yields:
        A table for each part, as soon as it is there.

    Raises:
        OptionError: There is no such part.
        SunbreakError: A case failed.
    """
    unknown = [name for name in parts if name not in PARTS]
    if unknown:
        raise OptionError(f"bench: no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    for name in parts or PARTS:
        yield PARTS[name](options)


def _often(options: BenchOptions, case: str, threads: int | None = None, **settings: Any) -> Runs:
    told = {"case": case, "threads": threads or THREADS, **settings}
    return [told | measured(case, threads=threads, **settings) for _ in range(options.repeats)]


def _anew(options: BenchOptions, case: str) -> Runs:
    """As on a machine on which Sunbreak has never run: nothing compiled is at hand."""
    runs = []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as empty:
            runs.append({"case": f"{case}, anew", "threads": THREADS, **measured(case, caches=Path(empty))})
    return runs


def _restored(options: BenchOptions, folder: Path, touched: float, threads: int | None = None) -> Runs:
    """Restore a simulated scene, from its files to a product."""
    files = {name: str(folder / f"{name}.tif") for name in ("optical", "radar")}
    files |= {"quality": str(mask_of(folder, touched)), "out": str(folder / "product")}
    return _often(options, "scene", threads, model=options.model, **files)


def _middle(runs: Runs, *keys: str) -> float:
    values = []
    for run in runs:
        value: Any = run
        for key in keys:
            value = value.get(key, 0.0)
        values.append(float(value))
    return median(values)


def start(options: BenchOptions) -> Table:
    """From the start of the process to the first restored patch, and the simulator."""
    measured("first_patch")  # compiles the network, where that has not happened before
    cases = [
        ("import to first patch", "first_patch", _often(options, "first_patch")),
        ("the same, the first time on a machine", "first_patch", _anew(options, "first_patch")),
        ("simulate 13 x 1024 x 1024", "simulated", _often(options, "simulator")),
    ]
    rows = [[what, f"{_middle(runs, key):.2f} s", f"{_middle(runs, 'peak_mib'):.0f} MiB"] for what, key, runs in cases]
    return Table(
        "Start and simulator", ("what", "time", "peak memory"), rows, [run for *_, runs in cases for run in runs]
    )


def networks(options: BenchOptions) -> Table:
    """Patches a second of every network in every engine, through the code that restores."""
    from sunbreak.benchmark.models import model_folder

    rows, raw = [], []
    with tempfile.TemporaryDirectory() as made:
        for name in options.networks:
            folder = model_folder(name, Path(made))
            for runtime, precision in ENGINES:
                try:
                    settings: dict[str, Any] = {"name": name, "runtime": runtime, "precision": precision}
                    runs = _often(options, "network", **settings, folder=str(folder))
                except SunbreakError:  # an engine that is not installed, or cannot do that
                    rows.append([name, runtime, precision, "-", "-", "-"])
                    continue
                raw += runs
                rate = _middle(runs, "patches_per_second")
                rows.append([name, runtime, precision, f"{rate:.1f}", f"{1000 / rate:.0f} ms",
                             f"{_middle(runs, 'peak_mib'):.0f} MiB"])  # fmt: skip
    head = ("network", "engine", "precision", "patches/s", "a patch of 256 x 256", "peak memory")
    return Table(f"Networks, {THREADS} threads", head, rows, raw)


def training(options: BenchOptions) -> Table:
    """Steps of a training, how fast its loader is, and how long the device waits for it."""
    from sunbreak.benchmark.public_data import sen12ms_cr

    pairs = sen12ms_cr(simulated_scene(min(options.sizes), options.scenes))
    rows, raw = [], []
    for name in options.networks:
        for label, data, own_skies in (
            ("simulated", "simulated:", False),
            ("skies of their own", "simulated:", True),
            ("SEN12MS-CR", pairs, False),
        ):
            runs = _often(options, "training", name=name, data=data, own_skies=own_skies, batch=options.batch)
            if "step" in runs[0]:
                raw += runs
                rows.append([name, label, *_step(runs)])
    head = ("network", "samples", "crops", "workers", "a step", "a batch made in", "waiting", "TFLOP/s", "GB/s")
    return Table(f"Training, crops of 128 x 128, on {raw[0]['device']} in {raw[0]['precision']}", head, rows, raw)


def _step(runs: Runs) -> list[str]:
    step = _middle(runs, "step")

    def achieved(what: str, unit: float) -> str:
        reached, limit = _middle(runs, what) / step, _middle(runs, f"{what}_limit")
        return f"{reached / unit:.3g} ({reached / limit:.0%} of {limit / unit:.3g})"

    return [f"{_middle(runs, 'batch'):.0f}", f"{_middle(runs, 'workers'):.0f}", f"{1000 * step:.0f} ms",
            f"{1000 * _middle(runs, 'made'):.0f} ms", f"{_middle(runs, 'waiting'):.1%}", achieved("flops", 1e12),
            achieved("bytes", 1e9)]  # fmt: skip


def accuracy(options: BenchOptions) -> Table:
    """What each engine and precision loses against fp32 PyTorch."""
    runs = []
    for runtime, precision in reversed(ENGINES):
        found = measured("accuracy", runtime=runtime, precision=precision, data=options.data)
        runs.append({"case": "accuracy", "runtime": runtime, "precision": precision, **found})
    exact = runs[0]["psnr"]
    rows = [[run["runtime"], run["precision"], f"{run['psnr']:.3f}", f"{exact - run['psnr']:+.3f}"] for run in runs]
    title = f"Accuracy of {DEFAULT} over cloud pixels, {options.data} (hash {runs[0]['hash']}), protocol sunbreak"
    return Table(title, ("engine", "precision", "PSNR in dB", "lost in dB"), rows, runs)


def scenes(options: BenchOptions) -> Table:
    """Whole scenes, from file to product, by size and by the share of patches touched."""
    rows, raw = [], []
    for size in options.sizes:
        folder = simulated_scene(size, options.scenes)
        optical = str(folder / "optical.tif")
        copies = _often(options, "copy", optical=optical, out=str(folder / "copy.tif"))
        masks = _often(options, "mask", optical=optical)
        raw += copies + masks
        for label, runs in (("copy to COG", copies), ("mask by rule", masks)):
            rows.append([str(size), label, _seconds(_middle(runs, "wall")), "-", "-", "-", "-", "-", "-",
                         f"{_middle(runs, 'peak_mib'):.0f}"])  # fmt: skip
        for touched in options.touched:
            runs = _restored(options, folder, touched)
            raw += runs
            rows.append([str(size), f"{touched:.0%} touched", *_stages(runs, size, touched)])
        (folder / "copy.tif").unlink(missing_ok=True)
    head = ("size", "what", "wall", "open", "mask", "fit", "restore", "write", "a patch", "peak MiB")
    return Table(f"Scenes with {options.model}, {THREADS} threads, seconds of wall time", head, rows, raw)


def _stages(runs: Runs, size: int, touched: float) -> list[str]:
    main = {name: _middle(runs, "main", name) for name in WALL}
    write = sum(main[name] for name in WALL[4:])
    restored = touched * (size / PATCH) ** 2
    network = sum(_middle(runs, "others", name) for name in ("network", "blending")) / THREADS
    cells = [_middle(runs, "wall"), main["open"], main["mask"], main["fit"], main["restore"], write]
    patch = f"{1000 * network / restored:.0f} ms" if restored else "-"
    return [*map(_seconds, cells), patch, f"{_middle(runs, 'peak_mib'):.0f}"]


def shares(options: BenchOptions) -> Table:
    """Where the threads spend their time, for the largest scene with every patch touched."""
    folder = simulated_scene(max(options.sizes), options.scenes)
    runs = _restored(options, folder, 1.0)
    rows = [[name, "one after the other", _seconds(_middle(runs, "main", name))] for name in WALL]
    rows += [[name, "in the threads beside", _seconds(_middle(runs, "others", name))] for name in SHARED]
    return Table(f"Where the time goes, {max(options.sizes)} px", ("what", "where", "seconds"), rows, runs)


def threads(options: BenchOptions) -> Table:
    """The smallest scene with every patch touched, in ever more threads."""
    folder = simulated_scene(min(options.sizes), options.scenes)
    rows, raw = [], []
    for count in sorted({1, *(2**step for step in range(1, 4) if 2**step <= THREADS), THREADS}):
        runs = _restored(options, folder, 1.0, threads=count)
        raw += runs
        rows.append([str(count), _seconds(_middle(runs, "wall")), f"{_middle(runs, 'peak_mib'):.0f}"])
    return Table(f"Threads, {min(options.sizes)} px", ("threads", "wall", "peak MiB"), rows, raw)


def files(options: BenchOptions) -> Table:
    """Decoding: GeoTIFF as products are written, JPEG 2000 as archives hold it, and a whole SAFE product of it."""
    from sunbreak.benchmark.models import jpeg_2000
    from sunbreak.benchmark.products import safe_product

    folder = simulated_scene(min(options.sizes), options.scenes)
    rows, raw = [], []
    for label, case, path in (
        ("GeoTIFF", "decode", folder / "optical.tif"),
        ("JPEG 2000, lossless", "decode", jpeg_2000(folder)),
        ("SAFE, L1C: JPEG 2000 of 10, 20 and 60 m", "safe", safe_product(folder)),
    ):
        runs = _often(options, case, path=str(path))
        raw += runs
        speed = _middle(runs, "values") / _middle(runs, "wall") / 1e6
        rows.append([label, f"{speed:.0f} million values/s", f"{13 * 10980**2 / 1e6 / speed:.0f} s"])
    return Table("Reading", ("format", "speed", "a tile of 13 bands at 10 m"), rows, raw)


def _seconds(value: float) -> str:
    return f"{value:.1f}"


PARTS: Final[dict[str, Callable[[BenchOptions], Table]]] = {
    "start": start, "networks": networks, "files": files, "scenes": scenes, "shares": shares, "threads": threads,
    "accuracy": accuracy, "training": training,
}  # fmt: skip
"""Parts by name, in the order they are run in: last what needs PyTorch."""
