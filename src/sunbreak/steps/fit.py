"""Fit: survey a scene, and prepare what restores its blocks."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from sunbreak import engine
from sunbreak.errors import QualityError, RadiometryError, SunbreakWarning
from sunbreak.legend import Source
from sunbreak.prior.estimators import Estimator, SceneEstimator
from sunbreak.prior.fill import fit_fill
from sunbreak.prior.global_regression import global_regression
from sunbreak.prior.network import NetworkEstimator
from sunbreak.prior.regression import MIN_CLEAR, fit
from sunbreak.prior.survey import Survey, survey
from sunbreak.tiles import BLOCK


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
    first = _scene_estimator(scene, found) if found.to_restore else None
    if network is None:
        return first, found
    return NetworkEstimator(network, scene, first, everywhere), found


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
