"""Fit: survey a scene, and prepare what restores its blocks."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import xarray as xr

from sunbreak import engine
from sunbreak.errors import QualityError, RadiometryError, SunbreakWarning
from sunbreak.legend import Source
from sunbreak.prior.estimators import Estimator, SceneEstimator
from sunbreak.prior.fill import SpatialFill, fit_fill
from sunbreak.prior.global_regression import global_regression
from sunbreak.prior.inputs import change_count
from sunbreak.prior.layers import FillLayer, JointLayer, Layer, LookLayer, RadarLayer
from sunbreak.prior.network import NetworkEstimator
from sunbreak.prior.regression import MIN_CLEAR, Regression, fit, penalties
from sunbreak.prior.survey import Survey, compare, survey
from sunbreak.prior.trust import evidence, learn
from sunbreak.tiles import BLOCK

LOOK_SIGMA: Final = 0.05
"""1-sigma error of a look of another date as it is, where the scene has nothing clear to fit it to, in reflectance: the
difference of clear dates one to three months apart (measured: docs/reference-dates.md)."""


def fit_estimator(
    scene: xr.Dataset,
    network: engine.Model | None = None,
    *,
    everywhere: bool = False,
    block: int = BLOCK,
    progress: bool = False,
) -> tuple[Estimator | None, Survey]:
    """Survey a scene and prepare what restores its blocks.

    Args:
        scene: A scene with quality.
        network: From `restore.open_network`; None for the scene prior.
        everywhere: Map land cover wherever there is data.
        block: Side of a block in pixels, a multiple of `regression.CELL`.
        progress: Show a progress bar on a terminal.

    Returns:
        The estimator, None when there is nothing to do; and the survey.

    Raises:
        QualityError: The scene is fully clouded and there is neither radar nor a reference date.
        RadiometryError: A band holds no data; leave it out.
    """
    found = survey(scene, block=block, progress=progress)
    first = None
    if found.to_restore:
        _check(scene, found)
        layers = list(_layers(scene, found, block=block, progress=progress))
        found.joint = found.alone = None  # of no more use, and 100 MB for a tile
        fill = fit_fill(found.fill)
        covariance = _fill_covariance(fill, found)
        first = SceneEstimator(_name(layers), scene, (*layers, FillLayer(fill, covariance)), fill)
    if network is None:
        return first, found
    return NetworkEstimator(network, scene, first, everywhere), found


def _check(scene: xr.Dataset, found: Survey) -> None:
    """Refuse a scene with nothing to restore from, or with an empty band; warn of one with too little."""
    where = scene.attrs.get("optical_path", "scene")
    bands = [str(value) for value in scene["band"].values]
    empty = [name for name, count in zip(bands, found.band_pixels, strict=True) if count == 0]
    if found.clear == 0 and found.seen == 0:
        why = f"band {', '.join(empty)} holds no data" if empty and found.band_pixels.any() else "no clear pixel"
        raise QualityError(
            f"{where}: {why}, and no radar over what is to be restored; pass --radar, a clear --reference of another "
            "date, another mask with --quality, or leave empty bands out with --bands"
        )
    if empty and found.band_pixels.any():
        others = ",".join("-" if name in empty else name for name in bands)
        raise RadiometryError(
            f"{where}: band {', '.join(empty)} holds no data in clear pixels; leave it out with --bands={others}"
        )
    if found.clear < MIN_CLEAR and not found.with_radar and found.alone is None:
        _warn(f"{where}: only {found.clear} clear pixels and no radar; the fill is little more than a guess")
    if found.clear == 0 and found.seen < found.to_restore:
        left = 100 * (1 - found.seen / found.to_restore)
        others = "no radar" if found.alone is None else "neither radar nor reference"
        _warn(f"{where}: no clear pixel, and {others} over {left:.0f} % of the cloud, which is left without data")


def _layers(scene: xr.Dataset, found: Survey, *, block: int, progress: bool) -> Iterator[Layer]:
    """The ways to estimate a pixel that this scene allows, best first, but for the fill."""
    where, bands = scene.attrs.get("optical_path", "scene"), [str(value) for value in scene["band"].values]
    fitted = fit(found.moments) if found.with_radar and found.fitted_on >= MIN_CLEAR else None
    if fitted is not None and found.joint is not None and found.joint.pixels >= MIN_CLEAR:
        yield _joint_layer(scene, found, fitted, block=block, progress=progress)
    look = found.look
    by_look = look is not None and look.pixels >= MIN_CLEAR
    if look is not None and by_look:
        yield LookLayer(fit(look, penalties(1, len(bands))))
    if fitted is not None:
        yield RadarLayer(fitted, Source.SCENE_PRIOR)
    if look is not None and not by_look:
        _warn(
            f"{where}: only {int(look.pixels)} pixels are clear here and in the references, which need {MIN_CLEAR} to "
            "be fitted; they are taken as they are, with larger uncertainty"
        )
        yield LookLayer(None, LOOK_SIGMA, len(bands))
    if found.with_radar and fitted is None:
        _warn(
            f"{where}: only {found.fitted_on} clear pixels with radar (the scene prior needs {MIN_CLEAR}); the global "
            "regression takes over, with larger uncertainty"
        )
        pols = [str(value) for value in scene["pol"].values]
        yield RadarLayer(global_regression(scene.attrs["level"], bands, pols), Source.GLOBAL_REGRESSION)


def _joint_layer(
    scene: xr.Dataset, found: Survey, radar: Regression, *, block: int, progress: bool
) -> JointLayer:  # fmt: skip
    """Fit radar and look together, and learn on the clear pixels how far to trust the look."""
    joint, bands = found.joint, scene.sizes["band"]
    if joint is None:
        raise ValueError("the scene has no radar or no look")
    plain = joint.features - bands
    ridge = penalties(plain, bands)
    layer = JointLayer(fit(joint, ridge), radar)
    told = evidence(joint, ridge, found.moments.features, change_count(scene))
    sums = compare(scene, layer, told, block=block, progress=progress)
    return dataclasses.replace(layer, trust=learn(told, sums, layer.regression.covariance))


def _name(layers: Sequence[Layer]) -> str:
    """What the product calls the estimator: by the best that it has."""
    first = layers[0] if layers else None
    if isinstance(first, LookLayer) and first.regression is None:
        return "reference-date"
    if isinstance(first, RadarLayer) and first.source == Source.GLOBAL_REGRESSION:
        return "global-regression"
    return "spatial-fill" if first is None else "scene-prior"


def _fill_covariance(fill: SpatialFill, found: Survey) -> np.ndarray:
    """Covariance of the fill's errors between bands, (band, band): related between bands as reflectance is."""
    bands = found.moments.bands
    spread = np.sqrt(np.nanmean(fill.variance, axis=(1, 2))) if found.clear else np.ones(bands)
    covariance = found.moments.band_covariance()
    scale = spread / np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    scaled: np.ndarray = covariance * np.outer(scale, scale) + 1e-6 * np.eye(bands)
    return scaled


def _warn(message: str) -> None:
    warnings.warn(message, SunbreakWarning, stacklevel=5)
