"""The survey: one pass over a scene that gathers all that its restoration needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import xarray as xr

from sunbreak.legend import Quality
from sunbreak.prior import features as radar_features
from sunbreak.prior.estimators import block_features
from sunbreak.prior.fill import FillMoments
from sunbreak.prior.regression import CellMoments
from sunbreak.scene import window as load
from sunbreak.tiles import BLOCK, Window, blocks
from sunbreak.work import Bar, side_by_side


@dataclass
class Survey:
    """Moments and counts over the clear pixels of a scene."""

    regression: CellMoments | None
    """Of radar features and reflectance; None without radar."""
    fill: FillMoments
    """Of reflectance alone."""
    counts: np.ndarray = field(default_factory=lambda: np.zeros(len(Quality), np.int64))
    """Number of pixels of each quality class."""

    @property
    def to_restore(self) -> int:
        """Number of pixels under cloud or shadow."""
        return int(self.counts[Quality.THIN_CLOUD :].sum())

    @property
    def clear(self) -> int:
        """Number of clear pixels."""
        return int(self.counts[Quality.CLEAR])

    @property
    def fitted_on(self) -> int:
        """Number of clear pixels with valid radar and all bands."""
        return 0 if self.regression is None else int(self.regression.pixels)


def survey(scene: xr.Dataset, *, block: int = BLOCK, progress: bool = False) -> Survey:
    """Gather the moments of a scene, block by block.

    Args:
        scene: A scene with quality.
        block: Side of a block in pixels, a multiple of `prior.CELL`.
        progress: Show a progress bar.

    Returns:
        The survey; a scene without cloud is only counted.
    """
    shape = (scene.sizes["y"], scene.sizes["x"])
    bands = scene.sizes["band"]
    with_radar = "radar" in scene
    features = radar_features.count([str(pol) for pol in scene["pol"].values]) if with_radar else 0
    found = Survey(CellMoments(shape, features, bands) if with_radar else None, FillMoments(shape, bands))
    for window in blocks(shape, block):
        quality = load(scene, "quality", window.rows, window.cols)
        found.counts += np.bincount(quality.ravel(), minlength=len(Quality))[: len(Quality)]
    if found.to_restore == 0:
        return found
    with Bar(shape, "fitting", shown=progress) as bar:
        # blocks hold whole cells, so that no two threads add to the same one
        for _ in side_by_side(partial(_add, found, scene), blocks(shape, block), bar):
            pass
    return found


def _add(found: Survey, scene: xr.Dataset, window: Window) -> None:
    clear = load(scene, "quality", window.rows, window.cols) == Quality.CLEAR
    if not clear.any():
        return
    optical = load(scene, "optical", window.rows, window.cols)
    usable = clear & np.isfinite(optical).all(axis=0)
    found.fill.add(window, optical, usable)
    if found.regression is not None:
        features, valid = block_features(scene, window)
        found.regression.add(window, features, optical, usable & valid)
