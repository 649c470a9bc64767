"""The survey: one pass over a scene that gathers all that its restoration needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from sunbreak.legend import Quality
from sunbreak.prior import features
from sunbreak.prior.estimators import block_features, is_wanted
from sunbreak.prior.fill import FillMoments
from sunbreak.prior.regression import CellMoments
from sunbreak.scene import window as load
from sunbreak.tiles import BLOCK, Window, blocks
from sunbreak.work import Bar, side_by_side


@dataclass
class Survey:
    """Moments and counts over a scene."""

    moments: CellMoments
    """Of radar features and reflectance over clear pixels; without radar, of a constant and reflectance."""
    fill: FillMoments
    """Of reflectance over clear pixels, on a finer grid."""
    with_radar: bool
    """Whether the scene has radar."""
    counts: np.ndarray
    """Number of pixels of each quality class."""
    band_pixels: np.ndarray
    """Number of clear pixels with a value, (band,)."""
    seen_by_radar: int = 0
    """Number of pixels to restore that have valid radar."""

    @property
    def to_restore(self) -> int:
        """Number of pixels under cloud or shadow."""
        return int(self.counts[Quality.THIN_CLOUD :].sum())

    @property
    def clear(self) -> int:
        """Number of clear pixels with all bands."""
        return int(self.fill.count.sum())

    @property
    def fitted_on(self) -> int:
        """Number of clear pixels with all bands and, where the scene has radar, valid radar."""
        return int(self.moments.pixels)


def survey(scene: xr.Dataset, *, block: int = BLOCK, progress: bool = False) -> Survey:
    """Gather the moments of a scene, block by block.

    Args:
        scene: A scene with quality.
        block: Side of a block in pixels, a multiple of `regression.CELL`.
        progress: Show a progress bar.

    Returns:
        The survey; a scene without cloud is only counted.
    """
    shape, bands = (scene.sizes["y"], scene.sizes["x"]), scene.sizes["band"]
    with_radar = "radar" in scene
    size = features.count([str(pol) for pol in scene["pol"].values]) if with_radar else 1
    counts = np.zeros(len(Quality), np.int64)
    for window in blocks(shape, block):
        quality = load(scene, "quality", window.rows, window.cols)
        counts += np.bincount(quality.ravel(), minlength=len(Quality))[: len(Quality)]
    found = Survey(CellMoments(shape, size, bands), FillMoments(shape, bands), with_radar, counts, np.zeros(bands, int))
    if found.to_restore == 0:
        return found
    with Bar(shape, "fitting", shown=progress) as bar:
        # blocks hold whole cells, so that no two threads add to the same one
        for band_pixels, seen_by_radar in side_by_side(partial(_add, found, scene), blocks(shape, block), bar):
            found.band_pixels += band_pixels
            found.seen_by_radar += seen_by_radar
    return found


def _add(found: Survey, scene: xr.Dataset, window: Window) -> tuple[np.ndarray, int]:
    """Add a block to the moments; returns clear values per band, and pixels to restore that the radar sees."""
    quality = load(scene, "quality", window.rows, window.cols)
    clear, wanted = quality == Quality.CLEAR, is_wanted(quality)
    seen = np.ones(quality.shape, bool)
    if found.with_radar:
        seen = np.isfinite(load(scene, "radar", window.rows, window.cols)).all(axis=0)
    seen_by_radar = int((seen & wanted).sum()) if found.with_radar else 0
    if not clear.any():
        return np.zeros(scene.sizes["band"], int), seen_by_radar
    optical = load(scene, "optical", window.rows, window.cols)
    finite = np.isfinite(optical)
    usable = clear & finite.all(axis=0)
    found.fill.add(window, optical, usable)
    if found.with_radar:
        layers, seen = block_features(scene, window)
    else:
        layers = np.ones((1, *quality.shape), np.float32)
    found.moments.add(window, layers, optical, usable & seen)
    return (finite & clear).sum(axis=(1, 2)), seen_by_radar
