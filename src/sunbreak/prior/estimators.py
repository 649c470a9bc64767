"""What restores a block: the scene prior, the spatial fill, a network; all behind one small protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

import numpy as np
import xarray as xr

from sunbreak import engine
from sunbreak.bands import RADAR_DB_RANGE, Level
from sunbreak.legend import Quality, Source
from sunbreak.prior import features as radar_features
from sunbreak.prior import see_through
from sunbreak.prior.fill import SpatialFill
from sunbreak.prior.regression import CELL, Regression
from sunbreak.scene import window as load
from sunbreak.tiles import PatchGrid, Window, padded

HIGHEST: Final = 1.6
"""Restored reflectance is clipped to 0 and this: sun-facing snow slopes come near it."""


CELLS_KEPT: Final = 24
"""Cells of the prior that a network's patches share; about 7 MB each with 13 bands."""


class Estimate(NamedTuple):
    """A restored block."""

    mean: np.ndarray
    """Reflectance, (band, y, x), float32; meaningless where `source` is 0."""
    sigma: np.ndarray
    """1-sigma error, (band, y, x), float32."""
    source: np.ndarray
    """`legend.Source`, (y, x), uint8; `NONE` where not wanted."""


class Estimator(Protocol):
    """Anything that restores blocks of one scene."""

    @property
    def name(self) -> str:
        """Name recorded in the product."""

    def estimate(self, block: Window, optical: np.ndarray, quality: np.ndarray) -> Estimate:
        """Restore the pixels of a block that are neither clear nor without data.

        Args:
            block: Place of the block; top and left are multiples of `prior.CELL`.
            optical: Reflectance of the block, (band, y, x).
            quality: Quality classes of the block, (y, x).

        Returns:
            The estimate.
        """


@dataclass(frozen=True)
class SceneEstimator:
    """Radar regression where the radar is valid, spatial fill elsewhere, corrected by what shines through."""

    name: str
    """Name recorded in the product."""
    scene: xr.Dataset
    """The scene that blocks are taken from."""
    regression: Regression | None
    """From radar to reflectance; None when the scene has no radar or none is wanted."""
    source: Source
    """`SCENE_PRIOR` or `GLOBAL_REGRESSION`."""
    fill: SpatialFill
    """For pixels without valid radar."""
    fill_covariance: np.ndarray
    """Covariance of the fill's errors between bands over the whole scene, (band, band)."""

    def estimate(self, block: Window, optical: np.ndarray, quality: np.ndarray) -> Estimate:
        """Restore a block; see `Estimator.estimate`."""
        wanted = is_wanted(quality)
        mean = np.zeros(optical.shape, np.float32)
        sigma = np.zeros(optical.shape, np.float32)
        source = np.zeros(wanted.shape, np.uint8)
        features, valid = self._features(block)
        for cell in _cells(block):
            place = cell.inside(block)
            if not wanted[place].any():
                continue
            mean[:, *place], sigma[:, *place] = self._first(cell, features[:, *place], valid[place])
            source[place] = np.where(valid[place], self.source, Source.SPATIAL_FILL)
            self._look(mean[:, *place], sigma[:, *place], optical[:, *place], quality[place], valid[place])
        np.clip(mean, 0.0, HIGHEST, out=mean)
        known = wanted & np.isfinite(mean).all(axis=0)
        return Estimate(mean, sigma, np.where(known, source, Source.NONE).astype(np.uint8))

    def _features(self, block: Window) -> tuple[np.ndarray, np.ndarray]:
        if self.regression is None:
            return np.zeros((0, block.height, block.width), np.float32), np.zeros((block.height, block.width), bool)
        return block_features(self.scene, block)

    def _first(self, cell: Window, features: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.regression is None or not valid.any():
            return self.fill.predict(cell)
        mean, sigma = self.regression.predict(cell, features)
        if valid.all():
            return mean, sigma
        filled, spread = self.fill.predict(cell)
        return np.where(valid, mean, filled), np.where(valid, sigma, spread)

    def _look(
        self, mean: np.ndarray, sigma: np.ndarray, optical: np.ndarray, quality: np.ndarray, valid: np.ndarray
    ) -> None:
        """Correct the first estimate in place: cloud and shadow apart, with radar and without."""
        bands = [str(name) for name in self.scene["band"].values]
        level: Level = self.scene.attrs["level"]
        cloud = (quality == Quality.THIN_CLOUD) | (quality == Quality.THICK_CLOUD)
        shadow = quality == Quality.SHADOW
        for kind, hypotheses in (
            (cloud, see_through.cloud_hypotheses(bands)),
            (shadow, see_through.shadow_hypotheses(bands, level)),
        ):
            for here, regression in ((kind & valid, self.regression), (kind & ~valid, None)):
                known = here & np.isfinite(mean).all(axis=0)
                if known.any():
                    errors = self.fill_covariance if regression is None else regression.covariance
                    mean[:, known], sigma[:, known] = see_through.see_through(
                        mean[:, known], sigma[:, known], errors, optical[:, known], hypotheses, bands
                    )


@dataclass(frozen=True)
class NetworkEstimator:
    """A model file over the scene's patches, fed with the scene prior where it asks for it."""

    name: str
    """Name recorded in the product."""
    model: engine.Model
    """The opened model."""
    first: SceneEstimator
    """Gives the prior, and its error where the model has no opinion on its own."""

    _cell: Callable[[Window], Estimate] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # patches overlap cells: without memory every cell would be estimated for each of some nine patches
        object.__setattr__(self, "_cell", lru_cache(CELLS_KEPT)(self._estimate_cell))

    def estimate(self, block: Window, optical: np.ndarray, quality: np.ndarray) -> Estimate:
        """Restore a block; see `Estimator.estimate`."""
        scene = self.first.scene
        shape = (scene.sizes["y"], scene.sizes["x"])
        grid = PatchGrid(shape, self.model.patch, self.model.overlap)
        wanted = is_wanted(quality)
        before = self.first.estimate(block, optical, quality)
        outputs = engine.run_patches(self.model, grid, block, wanted, lambda patch: self._inputs(patch, shape))
        mean = np.clip(outputs.get("reflectance", before.mean), 0.0, HIGHEST)
        sigma = np.exp(0.5 * outputs["log_variance"]) if "log_variance" in outputs else before.sigma
        uses_radar = "radar" in scene and bool({"radar", "radar_valid", "prior"} & set(self.model.runtime.inputs))
        radar = np.isfinite(load(scene, "radar", block.rows, block.cols)).all(axis=0) if uses_radar else False
        source = np.where(radar, Source.NETWORK_WITH_RADAR, Source.NETWORK_WITHOUT_RADAR)
        return Estimate(mean, sigma, np.where(wanted, source, Source.NONE).astype(np.uint8))

    def _inputs(self, patch: Window, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        inside = patch.intersection(Window(0, 0, *shape))
        if inside is None:
            raise ValueError(f"{patch} lies outside of the scene")
        scene, wants = self.first.scene, self.model.runtime.inputs
        optical = load(scene, "optical", inside.rows, inside.cols)
        quality = load(scene, "quality", inside.rows, inside.cols)
        arrays = {"optical": np.nan_to_num(optical, nan=0.0)}
        if "quality" in wants:
            arrays["quality"] = np.stack([quality == code for code in Quality])
        if "radar" in wants or "radar_valid" in wants:
            arrays["radar"], arrays["radar_valid"] = self._radar(inside)
        if "prior" in wants or "prior_sigma" in wants:
            arrays["prior"], arrays["prior_sigma"] = self._prior(inside, optical, quality)
        return {name: padded(arrays[name], inside, patch).astype(np.float32) for name in wants}

    def _radar(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        scene = self.first.scene
        planes = np.full((2, window.height, window.width), RADAR_DB_RANGE[0], np.float32)
        valid = np.zeros((1, window.height, window.width), bool)
        if "radar" in scene:
            found = load(scene, "radar", window.rows, window.cols)
            valid[0] = np.isfinite(found).all(axis=0)
            for index, pol in enumerate(("VV", "VH")):
                if pol in scene["pol"].values:
                    plane = found[list(scene["pol"].values).index(pol)]
                    planes[index] = np.where(valid[0], plane, RADAR_DB_RANGE[0])
        return planes, valid

    def _prior(self, window: Window, optical: np.ndarray, quality: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = np.nan_to_num(optical, nan=0.0).astype(np.float32)
        sigma = np.zeros_like(mean)
        shape = (self.first.scene.sizes["y"], self.first.scene.sizes["x"])
        for cell in _cells(Window(0, 0, *shape)) if is_wanted(quality).any() else ():
            seen = cell.intersection(window)
            if seen is None:
                continue
            found = self._cell(cell)
            here, there = seen.inside(window), seen.inside(cell)
            restored = found.source[there] != Source.NONE
            mean[:, *here] = np.where(restored, found.mean[:, *there], mean[:, *here])
            sigma[:, *here] = np.where(restored, found.sigma[:, *there], 0.0)
        return mean, sigma

    def _estimate_cell(self, cell: Window) -> Estimate:
        scene = self.first.scene
        optical = load(scene, "optical", cell.rows, cell.cols)
        return self.first.estimate(cell, optical, load(scene, "quality", cell.rows, cell.cols))


def is_wanted(quality: np.ndarray) -> np.ndarray:
    """Pixels to restore: cloud, thin or thick, and shadow.

    Args:
        quality: Quality classes, (y, x).

    Returns:
        (y, x), bool.
    """
    wanted: np.ndarray = quality >= Quality.THIN_CLOUD
    return wanted


def block_features(scene: xr.Dataset, block: Window) -> tuple[np.ndarray, np.ndarray]:
    """Radar features of a block, with the halo that their smoothing needs.

    Args:
        scene: A scene with radar.
        block: A window of it.

    Returns:
        Features (feature, y, x) and validity (y, x); see `radar_features.radar_features`.
    """
    wide = block.grown(radar_features.HALO, (scene.sizes["y"], scene.sizes["x"]))
    radar = load(scene, "radar", wide.rows, wide.cols)
    features, valid = radar_features.radar_features(radar, [str(pol) for pol in scene["pol"].values])
    inner = block.inside(wide)
    return features[:, *inner], valid[inner]


def _cells(block: Window) -> Iterator[Window]:
    for top in range(block.top, block.rows.stop, CELL):
        for left in range(block.left, block.cols.stop, CELL):
            yield Window(top, left, min(CELL, block.rows.stop - top), min(CELL, block.cols.stop - left))
