"""What is measured; every function runs in a process of its own and imports what it needs there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from sunbreak.errors import OptionError

PATCH: Final = 256
SECONDS: Final = 5.0
"""How long a network is run for."""
SKIES: Final = "simulated:seed=900,n=4,size=256"


def first_patch() -> dict[str, Any]:
    """Restore one patch: from the start of the process, imports and opening the model included."""
    import numpy as np

    from sunbreak.bands import L1C_BANDS
    from sunbreak.benchmark.child import since_start
    from sunbreak.scene import make_scene
    from sunbreak.steps.restore import restore

    rng = np.random.default_rng(0)
    optical = rng.uniform(0.05, 0.3, (13, PATCH, PATCH)).astype(np.float32)
    radar = rng.normal(-12.0, 2.0, (2, PATCH, PATCH)).astype(np.float32)
    quality = np.ones((PATCH, PATCH), np.uint8)
    quality[:64, :64] = 3
    restore(make_scene(optical, bands=L1C_BANDS, level="L1C", radar=radar, quality=quality))
    return {"first_patch": since_start()}


def simulator() -> dict[str, Any]:
    """Simulate 13 x 1024 x 1024 pixels in one thread."""
    from sunbreak.simulate import SceneSpec, simulate

    start = time.perf_counter()
    simulate(SceneSpec(size=1024, seed=3))
    return {"simulated": time.perf_counter() - start}


def network(name: str, runtime: str, precision: str, folder: str) -> dict[str, Any]:
    """Run a model file patch by patch, in as many threads as blocks are worked on."""
    import threading

    import numpy as np

    from sunbreak import engine
    from sunbreak.work import THREADS

    model = engine.open_model(Path(folder) / f"{name}.onnx", runtime=runtime, precision=precision)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    inputs = {
        key: rng.random((1, channels(key), *((1, 1) if key in ("present", "level") else (PATCH, PATCH))), np.float32)
        for key in model.runtime.inputs
    }
    model.runtime.run(inputs)
    counts, end, start = [0] * THREADS, time.perf_counter() + SECONDS, time.perf_counter()

    def work(place: int) -> None:
        while time.perf_counter() < end:
            model.runtime.run(inputs)
            counts[place] += 1

    workers = [threading.Thread(target=work, args=(place,)) for place in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"patches_per_second": sum(counts) / (time.perf_counter() - start)}


def training(name: str, data: str, own_skies: bool, batch: int | None) -> dict[str, Any]:
    """Train a network for some steps; by default with as many crops a step as suit the device."""
    try:
        from sunbreak.train.timing import timed
    except ImportError as error:
        raise OptionError(f"bench training needs PyTorch: pip install 'sunbreak[train]' ({error})") from error
    return timed(name, data, own_skies, batch)


def channels(name: str) -> int:
    """Planes of an input of a restoration network.

    Args:
        name: Of the input.

    Returns:
        Number of channels.
    """
    from sunbreak.bands import L1C_BANDS, LEVELS
    from sunbreak.legend import Quality

    few = {"radar": 2, "radar_valid": 1, "quality": len(Quality), "level": len(LEVELS)}
    return few.get(name, len(L1C_BANDS))


def accuracy(runtime: str, precision: str, data: str) -> dict[str, Any]:
    """PSNR of the default model over cloud pixels."""
    from sunbreak.evaluation import EvaluationOptions, evaluate
    from sunbreak.models import DEFAULT
    from sunbreak.steps.restore import RestoreOptions, restore

    def run(scene: Any, model: Any) -> Any:
        return restore(scene, options=RestoreOptions(model, runtime=runtime, precision=precision))  # type: ignore[arg-type]

    report = evaluate([DEFAULT], data, options=EvaluationOptions(regions=("cloud",), restorer=run))
    return {"psnr": report.summary(DEFAULT, "raw", "cloud").scores.psnr, "hash": report.split_hash}


def scene(optical: str, radar: str | None, quality: str | None, out: str, model: str) -> dict[str, Any]:
    """Restore a scene from its files to a product, and tell where the time went."""
    from sunbreak import clock
    from sunbreak.pipeline import process
    from sunbreak.steps.mask import MaskOptions
    from sunbreak.steps.restore import RestoreOptions

    start = time.perf_counter()
    with clock.collecting() as seconds:
        process(
            optical, radar, out, mask_options=MaskOptions(quality=quality),
            restore_options=RestoreOptions(model=model), overwrite=True,
        )  # fmt: skip
    return {"wall": time.perf_counter() - start, "main": dict(seconds.main), "others": dict(seconds.others)}


def mask(optical: str) -> dict[str, Any]:
    """Find cloud and shadow in a scene by the rule; what is found is kept in memory."""
    import rasterio

    from sunbreak.pipeline import CACHE
    from sunbreak.steps import mask as masking
    from sunbreak.steps.read import read

    with rasterio.Env(GDAL_CACHEMAX=CACHE):
        found = read(optical)
        start = time.perf_counter()
        masking.mask(found)
    return {"wall": time.perf_counter() - start}


def copy(optical: str, out: str) -> dict[str, Any]:
    """Copy a file to a COG as products are compressed: the least that any product of it costs."""
    import rasterio
    from rasterio.shutil import copy as copy_raster

    from sunbreak.rasters.geotiff import BLOCK
    from sunbreak.work import THREADS

    start = time.perf_counter()
    with rasterio.Env(GDAL_CACHEMAX=1 << 30):
        copy_raster(
            optical, out, driver="COG", compress="DEFLATE", level=1, predictor="YES", blocksize=BLOCK,
            overview_resampling="AVERAGE", overviews="IGNORE_EXISTING", bigtiff="IF_SAFER", num_threads=str(THREADS),
        )  # fmt: skip
    return {"wall": time.perf_counter() - start}


def decode(path: str) -> dict[str, Any]:
    """Read all of a file, block by block."""
    import rasterio
    from rasterio.windows import Window

    start, pixels = time.perf_counter(), 0
    with rasterio.open(path) as file:
        for top in range(0, file.height, 1024):
            pixels += file.read(window=Window(0, top, file.width, min(1024, file.height - top))).size
    return {"wall": time.perf_counter() - start, "values": pixels}


def safe(path: str) -> dict[str, Any]:
    """Read all bands of a SAFE product on the grid of 10 m, as restoring does; opening is told apart."""
    import numpy as np
    import rasterio

    from sunbreak.pipeline import CACHE
    from sunbreak.scene import window
    from sunbreak.steps.read import read

    with rasterio.Env(GDAL_CACHEMAX=CACHE):
        start, values = time.perf_counter(), 0
        found = read(path)
        opened = time.perf_counter() - start
        height, width = found.sizes["y"], found.sizes["x"]
        for top in range(0, height, 1024):
            block = window(found, "optical", slice(top, min(top + 1024, height)), slice(0, width))
            values += int(np.prod(block.shape))
    return {"opened": opened, "wall": time.perf_counter() - start - opened, "values": values}
