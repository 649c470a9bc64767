"""The survey: one pass over a scene that gathers all that its restoration needs to know; with references, a second."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from sunbreak.clock import spent_on
from sunbreak.legend import Quality
from sunbreak.prior import features
from sunbreak.prior.cells import touching
from sunbreak.prior.estimators import is_wanted
from sunbreak.prior.fill import FillMoments
from sunbreak.prior.inputs import block_inputs, change_count
from sunbreak.prior.layers import JointLayer
from sunbreak.prior.regression import CellMoments
from sunbreak.prior.trust import Evidence, TrustMoments
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
    joint: CellMoments | None = None
    """Of joint features and what the look misses, where radar and look are valid; None without either."""
    alone: CellMoments | None = None
    """Of the look and what it misses, where radar is not valid; None without references."""
    seen_by_radar: int = 0
    """Number of pixels to restore that have valid radar."""
    seen_by_look: int = 0
    """Number of pixels to restore that have a clear look of another date."""
    seen: int = 0
    """Number of pixels to restore that have either."""

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

    @property
    def look(self) -> CellMoments | None:
        """Moments of the look and what it misses, wherever there is a look; None without references."""
        if self.alone is None or self.joint is None:
            return self.alone
        k, bands = self.joint.features, self.joint.bands
        moments = self.joint.selected([0, *range(k - bands, k)])
        moments.sums += self.alone.sums
        return moments


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
    if "look" in scene:
        # what is never written to takes no memory: the moments of the look alone, where radar is everywhere
        found.alone = CellMoments(shape, 1 + bands, bands)
        found.joint = CellMoments(shape, size + change_count(scene) + bands, bands) if with_radar else None
    with Bar(shape, "fitting", shown=progress) as bar:
        # blocks hold whole cells, so that no two threads add to the same one
        for band_pixels, seen in side_by_side(partial(_add, found, scene), blocks(shape, block), bar):
            found.band_pixels += band_pixels
            found.seen_by_radar += seen[0]
            found.seen_by_look += seen[1]
            found.seen += seen[2]
    return found


def _add(found: Survey, scene: xr.Dataset, window: Window) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Add a block to the moments; returns clear values per band, and pixels to restore that are seen otherwise."""
    with spent_on("survey"):
        return _added(found, scene, window)


def _added(found: Survey, scene: xr.Dataset, window: Window) -> tuple[np.ndarray, tuple[int, int, int]]:
    quality = load(scene, "quality", window.rows, window.cols)
    clear, wanted = quality == Quality.CLEAR, is_wanted(quality)
    if not clear.any():
        return np.zeros(scene.sizes["band"], int), _seen(scene, window, wanted)
    optical = load(scene, "optical", window.rows, window.cols)
    finite = np.isfinite(optical)
    usable = clear & finite.all(axis=0)
    found.fill.add(window, optical, usable)
    inputs = block_inputs(scene, window)
    if found.with_radar:
        found.moments.add(window, inputs.radar, optical, usable & inputs.radar_valid)
    else:
        found.moments.add(window, np.ones((1, *quality.shape), np.float32), optical, usable)
    if found.alone is not None:
        missed = optical - inputs.look
        if found.joint is not None:
            found.joint.add(window, inputs.joint_features(), missed, usable & inputs.both)
        found.alone.add(window, inputs.look_features(), missed, usable & inputs.look_valid & ~inputs.radar_valid)
    counts = _counted(wanted, inputs.radar_valid, inputs.look_valid)
    return (finite & clear).sum(axis=(1, 2)), counts


def _seen(scene: xr.Dataset, window: Window, wanted: np.ndarray) -> tuple[int, int, int]:
    """Pixels to restore in a block without clear pixels that radar, look, or either of them sees."""
    radar, look = (
        np.isfinite(load(scene, name, window.rows, window.cols)).all(axis=0) if name in scene else ~wanted & wanted
        for name in ("radar", "look")
    )
    return _counted(wanted, radar, look)


def _counted(wanted: np.ndarray, radar: np.ndarray, look: np.ndarray) -> tuple[int, int, int]:
    return int((radar & wanted).sum()), int((look & wanted).sum()), int(((radar | look) & wanted).sum())


def compare(
    scene: xr.Dataset, layer: JointLayer, evidence: Evidence, *, block: int = BLOCK, progress: bool = False
) -> TrustMoments:
    """Gather what the clear pixels say of the look, in a second pass.

    Args:
        scene: A scene with quality, radar and look.
        layer: Estimates from both, and from radar alone.
        evidence: What tells change.
        block: Side of a block in pixels, a multiple of `regression.CELL`.
        progress: Show a progress bar.

    Returns:
        The sums.
    """
    shape, by_cell = (scene.sizes["y"], scene.sizes["x"]), {}
    with Bar(shape, "comparing", shown=progress) as bar:
        for found in side_by_side(partial(_compare, scene, layer, evidence), blocks(shape, block), bar):
            by_cell.update(found)
    total = TrustMoments(scene.sizes["band"])
    for place in sorted(by_cell):  # in an order that the size of blocks does not change
        total += by_cell[place]
    return total


def _compare(
    scene: xr.Dataset, layer: JointLayer, evidence: Evidence, window: Window
) -> dict[tuple[int, int], TrustMoments]:  # fmt: skip
    """The sums of every cell of a block, by its corner."""
    quality = load(scene, "quality", window.rows, window.cols)
    found: dict[tuple[int, int], TrustMoments] = {}
    if not (quality == Quality.CLEAR).any():
        return found
    optical = load(scene, "optical", window.rows, window.cols)
    usable = (quality == Quality.CLEAR) & np.isfinite(optical).all(axis=0)
    inputs = block_inputs(scene, window)
    usable &= inputs.both & (inputs.change_valid if len(inputs.change) else True)
    for cell in touching(window, (scene.sizes["y"], scene.sizes["x"])):
        place = cell.inside(window)
        here, part = usable[place], inputs.part(place)
        if here.any():
            joint = layer.guess(cell, part).mean[:, here]
            alone = layer.radar.predict(cell, part.radar)[0][:, here]
            distance = evidence.distance(part.joint_features())[here]
            sums = found[cell.top, cell.left] = TrustMoments(len(optical))
            sums.add(distance, optical[:, *place][:, here] - joint, alone - joint)
    return found
