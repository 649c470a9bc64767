"""Restore: the surface under cloud and shadow, block by block; clear pixels pass through untouched."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from sunbreak import engine
from sunbreak.errors import OptionError, QualityError, RadiometryError, SunbreakWarning
from sunbreak.legend import SOURCE_LEGEND, Quality, Source
from sunbreak.models import RESTORERS
from sunbreak.prior.estimators import Estimator, NetworkEstimator, SceneEstimator, is_wanted
from sunbreak.prior.fill import fit_fill
from sunbreak.prior.global_regression import global_regression
from sunbreak.prior.regression import CELL, MIN_CLEAR, fit
from sunbreak.prior.survey import Survey, survey
from sunbreak.scene import window as load
from sunbreak.steps.mask import mask
from sunbreak.tiles import BLOCK, Window, blocks
from sunbreak.work import Bar, side_by_side


@dataclass(frozen=True)
class RestoreOptions:
    """How a scene is restored."""

    model: str | Path = "scene-prior"
    """Name of a model (`sunbreak models`) or path of an ONNX model with its card."""
    runtime: engine.RuntimeName = "auto"
    """What runs a network."""
    precision: engine.Precision = "auto"
    """Arithmetic of a network."""
    block: int = BLOCK
    """Side of a block in pixels, a multiple of 256; bounds the memory, never changes the result."""

    def __post_init__(self) -> None:
        if self.block <= 0 or self.block % CELL:
            raise OptionError(f"block {self.block}: must be a multiple of {CELL} pixels")


@dataclass(frozen=True)
class RestoredBlock:
    """One block of the product."""

    window: Window
    """Its place in the scene."""
    reflectance: np.ndarray
    """(band, y, x), of the data type of the scene's optical; NaN = no data."""
    uncertainty: np.ndarray
    """1-sigma error, (band, y, x), float32; 0 where measured, NaN = no data."""
    quality: np.ndarray
    """`legend.Quality`, (y, x), uint8."""
    source: np.ndarray
    """`legend.Source`, (y, x), uint8."""


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
        model: Name of a model or path of an ONNX model with its card; None takes that of `options`.
        options: Further options.
        progress: Show a progress bar on a terminal.

    Returns:
        The product: `reflectance` and `uncertainty` (band, y, x), `quality` and `source` (y, x), on the scene's grid.

    Raises:
        QualityError: The scene is fully clouded and there is neither radar nor a reference date.
        OptionError: The model is unknown or does not fit the scene.

    Example:
        >>> from sunbreak.scene import make_scene
        >>> optical = np.full((3, 300, 300), 0.1, np.float32)
        >>> quality = np.ones((300, 300), np.uint8)
        >>> quality[:50, :50], optical[:, :50, :50] = 3, 0.9
        >>> product = restore(make_scene(optical, bands=["B02", "B03", "B04"], level="L2A", quality=quality))
        >>> round(float(product.reflectance[0, 10, 10]), 2), int(product.source[10, 10])
        (0.1, 6)
    """
    options = options or RestoreOptions()
    if model is not None:
        options = dataclasses.replace(options, model=model)
    if "optical" not in scene:
        raise OptionError("not a scene: it has no `optical`; take it from `sunbreak.read` or `sunbreak.make_scene`")
    if "quality" not in scene:
        scene = mask(scene)
    estimator, found = fit_estimator(scene, options, progress=progress)
    optical = scene["optical"]
    arrays = {
        "reflectance": np.empty(optical.shape, optical.dtype),
        "uncertainty": np.empty(optical.shape, np.float32),
        "quality": np.empty(optical.shape[1:], np.uint8),
        "source": np.empty(optical.shape[1:], np.uint8),
    }
    for part in restore_blocks(scene, estimator, block=options.block, progress=progress):
        for name, array in arrays.items():
            array[..., part.window.rows, part.window.cols] = getattr(part, name)
    dims = {name: ("band", "y", "x")[-array.ndim :] for name, array in arrays.items()}
    kept = {name: scene.coords[name] for name in scene.coords if name != "pol"}
    product = xr.Dataset({name: (dims[name], array) for name, array in arrays.items()}, coords=kept, attrs=scene.attrs)
    product["reflectance"].encoding.update(optical.encoding)
    told = facts(estimator, found, np.bincount(arrays["source"].ravel(), minlength=len(Source)))
    product.attrs |= told | {"restored_by": sources_in_words(told)}
    return product


def facts(
    estimator: Estimator | None, found: Survey, sources: np.ndarray
) -> dict[str, str | float | int | dict[str, float]]:
    """What the product's metadata says about a restoration.

    Args:
        estimator: What restored, None when there was nothing to restore.
        found: The survey of the scene.
        sources: Number of pixels of each `legend.Source`.

    Returns:
        Attributes for the product.
    """
    total = max(int(found.counts[Quality.CLEAR :].sum()), 1)
    restored = {int(code): int(sources[code]) for code in Source if code > Source.MEASURED and sources[code]}
    attrs: dict[str, str | float | int | dict[str, float]] = {
        "model": "none" if estimator is None else estimator.name,
        "cloud_percent": round(100 * int(found.counts[[Quality.THIN_CLOUD, Quality.THICK_CLOUD]].sum()) / total, 2),
        "shadow_percent": round(100 * int(found.counts[Quality.SHADOW]) / total, 2),
        "fitted_on_pixels": found.fitted_on,
        "restored_by": {SOURCE_LEGEND[code].name: round(100 * count / total, 2) for code, count in restored.items()},
    }
    if isinstance(estimator, NetworkEstimator):
        attrs["precision"] = estimator.model.precision
    return attrs


def sources_in_words(told: Mapping[str, Any]) -> str:
    """What restored how much, for people.

    Args:
        told: From `facts`.

    Returns:
        For example `scene prior 41.2 %, spatial fill 0.3 %`; empty when nothing was restored.
    """
    return ", ".join(f"{name} {share} %" for name, share in told["restored_by"].items())


def fit_estimator(
    scene: xr.Dataset, options: RestoreOptions, *, progress: bool = False
) -> tuple[Estimator | None, Survey]:
    """Survey a scene and prepare what restores its blocks.

    Args:
        scene: A scene with quality.
        options: How it is restored.
        progress: Show a progress bar on a terminal.

    Returns:
        The estimator, None when nothing is to be restored; and the survey.

    Raises:
        QualityError: The scene is fully clouded and there is neither radar nor a reference date.
        OptionError: The model is unknown or does not fit the scene.
        RadiometryError: A band holds no data; leave it out.
    """
    name = str(options.model)
    network = None if name in RESTORERS else _open_network(scene, options)
    found = survey(scene, block=options.block, progress=progress)
    if found.to_restore == 0:
        return None, found
    first = _scene_estimator(scene, found)
    estimator: Estimator = first if network is None else NetworkEstimator(network.name, network, first)
    return estimator, found


def _scene_estimator(scene: xr.Dataset, found: Survey) -> SceneEstimator:
    where = scene.attrs.get("optical_path", "scene")
    bands, pols = (
        [str(value) for value in scene[key].values] if key in scene.coords else [] for key in ("band", "pol")
    )
    empty = [name for name, count in zip(bands, found.band_pixels, strict=True) if count == 0]
    if found.clear == 0 and found.seen_by_radar == 0:
        why = f"band {', '.join(empty)} holds no data" if empty and found.band_pixels.any() else "no clear pixel"
        raise QualityError(
            f"{where}: {why}, and no radar over what is to be restored; pass --radar, another mask with --quality, or "
            "leave empty bands out with --bands"
        )
    if empty and found.band_pixels.any():
        others = ",".join("-" if name in empty else name for name in bands)
        raise RadiometryError(
            f"{where}: band {', '.join(empty)} holds no data in clear pixels; leave it out with --bands={others}"
        )
    fill = fit_fill(found.fill)
    # errors of the fill are related between bands as reflectance is
    spread = np.sqrt(np.nanmean(fill.variance, axis=(1, 2))) if found.clear else np.ones(len(bands))
    covariance = found.moments.band_covariance()
    scale = spread / np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    covariance = covariance * np.outer(scale, scale) + 1e-6 * np.eye(len(bands))
    if not found.with_radar:
        if found.clear < MIN_CLEAR:
            _warn(f"{where}: only {found.clear} clear pixels and no radar; the fill is little more than a guess")
        return SceneEstimator("spatial-fill", scene, None, Source.SPATIAL_FILL, fill, covariance)
    if found.clear == 0 and found.seen_by_radar < found.to_restore:
        left = 100 * (1 - found.seen_by_radar / found.to_restore)
        _warn(f"{where}: no clear pixel, and no radar over {left:.0f} % of the cloud, which is left without data")
    if found.fitted_on >= MIN_CLEAR:
        return SceneEstimator("scene-prior", scene, fit(found.moments), Source.SCENE_PRIOR, fill, covariance)
    _warn(
        f"{where}: only {found.fitted_on} clear pixels with radar (the scene prior needs {MIN_CLEAR}); the global "
        "regression takes over, with larger uncertainty"
    )
    regression = global_regression(scene.attrs["level"], bands, pols)
    return SceneEstimator("global-regression", scene, regression, Source.GLOBAL_REGRESSION, fill, covariance)


def _warn(message: str) -> None:
    warnings.warn(message, SunbreakWarning, stacklevel=4)


def _open_network(scene: xr.Dataset, options: RestoreOptions) -> engine.Model:
    path = Path(options.model)
    if path.suffix != ".onnx":
        raise OptionError(f"model {str(path)!r}: unknown; one of {', '.join(RESTORERS)}, or a path ending in .onnx")
    model = engine.open_model(path, runtime=options.runtime, precision=options.precision)
    bands, level = tuple(str(name) for name in scene["band"].values), scene.attrs["level"]
    if model.bands != bands or level not in model.levels:
        raise OptionError(
            f"{path}: made for {'/'.join(model.levels)} with the bands {' '.join(model.bands)}; "
            f"the scene is {level} with {' '.join(bands)}"
        )
    return model


def restore_blocks(
    scene: xr.Dataset, estimator: Estimator | None, *, block: int = BLOCK, progress: bool = False
) -> Iterator[RestoredBlock]:
    """Restore a scene block by block, a few blocks ahead of whoever takes them.

    Args:
        scene: A scene with quality.
        estimator: From `fit_estimator`.
        block: Side of a block in pixels, a multiple of `regression.CELL`.
        progress: Show a progress bar on a terminal.

    Yields:
        The blocks of the product, in the order of `tiles.blocks`.
    """
    shape = (scene.sizes["y"], scene.sizes["x"])
    with Bar(shape, "restoring", shown=progress) as bar:
        yield from side_by_side(partial(_restore_block, scene, estimator), blocks(shape, block), bar)


def _restore_block(scene: xr.Dataset, estimator: Estimator | None, window: Window) -> RestoredBlock:
    optical = load(scene, "optical", window.rows, window.cols)
    quality = load(scene, "quality", window.rows, window.cols)
    uncertainty = np.where(np.isfinite(optical), np.float32(0), np.float32(np.nan))
    source = np.where(quality == Quality.CLEAR, Source.MEASURED, Source.NONE).astype(np.uint8)
    wanted = is_wanted(quality)
    if estimator is None or not wanted.any():
        return RestoredBlock(window, optical, uncertainty, quality, source)
    estimate = estimator.estimate(window, optical, quality)
    restored = wanted & (estimate.source != Source.NONE)
    reflectance = np.where(restored, estimate.mean, np.where(wanted, np.nan, optical)).astype(optical.dtype)
    uncertainty = np.where(restored, estimate.sigma, np.where(wanted, np.float32(np.nan), uncertainty))
    return RestoredBlock(window, reflectance, uncertainty, quality, np.where(wanted, estimate.source, source))
