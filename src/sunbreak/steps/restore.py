"""Restore: the surface under cloud and shadow, block by block; clear pixels pass through untouched."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import xarray as xr

from sunbreak import engine
from sunbreak.clock import spent_on
from sunbreak.errors import OptionError
from sunbreak.legend import Quality, Source
from sunbreak.models import DEFAULT, locate
from sunbreak.prior.estimators import Estimator, is_wanted
from sunbreak.prior.regression import CELL
from sunbreak.rasters.arrays import streamed
from sunbreak.rasters.keeping import keeping
from sunbreak.scene import window as load
from sunbreak.steps.adapt import adapting, check_adapting
from sunbreak.steps.facts import facts, sources_in_words
from sunbreak.steps.fit import fit_estimator
from sunbreak.steps.gather import Gathered, RestoredBlock
from sunbreak.steps.land_cover import map_land_cover
from sunbreak.steps.mask import mask
from sunbreak.tiles import BLOCK, Window, blocks
from sunbreak.work import Bar, side_by_side


@dataclass(frozen=True)
class RestoreOptions:
    """How a scene is restored."""

    model: str | Path = DEFAULT
    """Name of a model (`sunbreak models`), path of an ONNX model with its card, or folder of a training run."""
    runtime: engine.RuntimeName = "auto"
    """What runs a network."""
    precision: engine.Precision = "auto"
    """Arithmetic of a network."""
    everywhere: bool = False
    """Map land cover wherever there is data; otherwise in the patches that hold a pixel to restore."""
    block: int = BLOCK
    """Side of a block in pixels, a multiple of 256; bounds the memory, never changes the result."""
    adapt_seconds: float = 0.0
    """Let the network learn the scene's own clear ground for this time before it restores; needs the extra `train`."""

    def __post_init__(self) -> None:
        check_adapting(self.model, self.adapt_seconds)
        if self.block <= 0 or self.block % CELL:
            raise OptionError(f"block {self.block}: must be a multiple of {CELL} pixels")


def restore(
    scene: xr.Dataset,
    *,
    model: str | Path | None = None,
    options: RestoreOptions | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Restore a scene in memory.

    Args:
        scene: A scene; without `quality` Sunbreak's own mask is run first.
        model: Name of a model, path of an ONNX model with its card, or folder of a training run; None takes that of
            `options`.
        options: Further options.
        progress: Show a progress bar on a terminal.

    Returns:
        The product: `reflectance` and `uncertainty` (band, y, x), `quality` and `source` (y, x), on the scene's grid;
        and, of a model that maps land cover, `land_cover` and `land_cover_probability` (y, x).

    Raises:
        QualityError: The scene is fully clouded and there is neither radar nor a reference date.
        OptionError: The model is unknown, damaged, or does not fit the scene.

    Example:
        >>> from sunbreak.scene import make_scene
        >>> optical = np.full((3, 300, 300), 0.1, np.float32)
        >>> quality = np.ones((300, 300), np.uint8)
        >>> quality[:50, :50], optical[:, :50, :50] = 3, 0.9
        >>> scene = make_scene(optical, bands=["B02", "B03", "B04"], level="L2A", quality=quality)
        >>> product = restore(scene, model="scene-prior")
        >>> round(float(product.reflectance[0, 10, 10]), 2), int(product.source[10, 10])
        (0.1, 6)
    """
    options = options or RestoreOptions()
    if model is not None:
        options = dataclasses.replace(options, model=model)
    if "optical" not in scene:
        raise OptionError("not a scene: it has no `optical`; take it from `sunbreak.read` or `sunbreak.make_scene`")
    network = open_network(scene, options)
    scene = streamed(scene)
    # slow inputs are looked at several times
    with keeping(Path(tempfile.gettempdir())):
        return _restored(scene, network, options, progress=progress)


def _restored(
    scene: xr.Dataset, network: engine.Model | None, options: RestoreOptions, *, progress: bool
) -> xr.Dataset:
    """The product in memory."""
    if "quality" not in scene:
        scene = mask(scene)
    with adapting(
        scene, network, options.adapt_seconds, runtime=options.runtime, precision=options.precision, progress=progress
    ) as (network, adapted):
        estimator, found = fit_estimator(
            scene, network, everywhere=options.everywhere, block=options.block, progress=progress
        )
        gathered = Gathered(scene, land_cover=maps_land_cover(network))
        restore_blocks(scene, estimator, gathered.add, block=options.block, progress=progress)
        told = facts(estimator, found, np.bincount(gathered.arrays["source"].ravel(), minlength=len(Source)))
        return gathered.product(told | adapted | {"restored_by": sources_in_words(told)})


def open_network(scene: xr.Dataset, options: RestoreOptions) -> engine.Model | None:
    """Open the network that is asked for, and check that it fits the scene.

    Args:
        scene: A scene; its quality is not needed.
        options: How it is restored.

    Returns:
        The network; None for the scene prior.

    Raises:
        OptionError: The model is unknown, its files are missing or damaged, or it does not fit the scene.
    """
    path = locate(options.model)
    if path is None:
        if options.everywhere:
            raise OptionError(f"--everywhere: {options.model} maps no land cover; leave it out, or choose a --model")
        return None
    model = _opened(path, options.runtime, options.precision, _stamp(path))
    if model.card.kind != "restoration":
        raise OptionError(
            f"{path}: is a {model.card.kind} network; --model takes one that restores (`sunbreak models`)"
        )
    bands, level = [str(name) for name in scene["band"].values], scene.attrs["level"]
    unknown = [name for name in bands if name not in model.bands]
    if unknown or level not in model.levels:
        others = ",".join("-" if name in unknown else name for name in bands)
        besides = f", with {' '.join(unknown)} besides; leave out what is too much with --bands={others}"
        raise OptionError(
            f"{path}: made for {'/'.join(model.levels)} with the bands {' '.join(model.bands)}; "
            f"the scene is {level}{besides if unknown else ''}"
        )
    if options.everywhere and not maps_land_cover(model):
        raise OptionError(f"--everywhere: {model.name} maps no land cover; leave it out, or choose another --model")
    return model


@lru_cache(2)
def _opened(path: Path, runtime: engine.RuntimeName, precision: engine.Precision, stamp: object) -> engine.Model:
    """Opening compiles, which takes longer than a small scene; `stamp` changes with the files."""
    return engine.open_model(path, runtime=runtime, precision=precision)


def _stamp(path: Path) -> object:
    found = [path.with_suffix(suffix) for suffix in (".onnx", ".json", ".safetensors")]
    return tuple((file.stat().st_mtime_ns, file.stat().st_size) if file.is_file() else None for file in found)


def maps_land_cover(network: engine.Model | None) -> bool:
    """Whether a product has land cover.

    Args:
        network: From `open_network`.

    Returns:
        True when the network maps it.
    """
    return network is not None and bool(network.card.land_cover)


def restore_blocks(
    scene: xr.Dataset,
    estimator: Estimator | None,
    use: Callable[[RestoredBlock], None],
    *,
    block: int = BLOCK,
    progress: bool = False,
) -> None:
    """Restore a scene block by block.

    Args:
        scene: A scene with quality.
        estimator: From `fit_estimator`.
        use: Takes the blocks of the product, which do not overlap; called from several threads, in no certain order.
        block: Side in pixels of a square of as many pixels as a block has, a multiple of `regression.CELL`.
        progress: Show a progress bar on a terminal.
    """
    shape = (scene.sizes["y"], scene.sizes["x"])
    # patches across a block's side are shared with the next block, those across its foot run twice: so blocks are tall
    grain = CELL if estimator is None else estimator.grain
    halved = -(-shape[0] // (2 * CELL)) * CELL  # what lies across the feet in a small scene is remembered
    tall = blocks(shape, min(block**2 // grain, halved), grain)
    # used where it was made: a block that waits for its turn would only take up memory
    with Bar(shape, "restoring", shown=progress) as bar:
        for _ in side_by_side(lambda window: use(_restore_block(scene, estimator, window)), tall, bar):
            pass


def _restore_block(scene: xr.Dataset, estimator: Estimator | None, window: Window) -> RestoredBlock:
    with spent_on("joining"):
        return _joined(scene, estimator, window)


def _joined(scene: xr.Dataset, estimator: Estimator | None, window: Window) -> RestoredBlock:
    optical = load(scene, "optical", window.rows, window.cols)
    quality = load(scene, "quality", window.rows, window.cols)
    source = np.where(quality == Quality.CLEAR, Source.MEASURED, Source.NONE).astype(np.uint8)
    wanted = is_wanted(quality)
    estimate = None
    if estimator is not None and (wanted.any() or estimator.land_cover):
        estimate = estimator.estimate(window, optical, quality)
    reflectance, uncertainty = optical, np.zeros(optical.shape, np.float32)
    if estimate is not None and wanted.any():
        # in the arrays of the estimate, which nobody else has
        reflectance, uncertainty = estimate.mean.astype(optical.dtype, copy=False), estimate.sigma
        np.copyto(reflectance, optical, where=~wanted)
        unknown = wanted & (estimate.source == Source.NONE)
        np.copyto(uncertainty, np.float32(0), where=~wanted)
        reflectance[:, unknown] = np.nan
        np.copyto(source, estimate.source, where=wanted)
    uncertainty[~np.isfinite(reflectance)] = np.nan
    block = RestoredBlock(window, reflectance, uncertainty, quality, source, optical=optical)
    if estimator is None or estimate is None or not estimator.land_cover:
        return block
    classes, percent = map_land_cover(estimate.land_cover, estimator.land_cover, quality != Quality.NODATA)
    return dataclasses.replace(block, land_cover=classes, land_cover_probability=percent)
