"""What restores a block: the scene prior and the spatial fill, behind a small protocol that networks share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, Protocol

import numpy as np
import xarray as xr

from sunbreak.bands import Level
from sunbreak.legend import Quality, Source
from sunbreak.prior import features as radar_features
from sunbreak.prior import see_through
from sunbreak.prior.fill import SpatialFill
from sunbreak.prior.regression import CELL, Regression
from sunbreak.scene import window as load
from sunbreak.tiles import Window

HIGHEST: Final = 1.6
"""Restored reflectance is clipped to 0 and this: sun-facing snow slopes come near it."""


class Estimate(NamedTuple):
    """A restored block."""

    mean: np.ndarray
    """Reflectance, (band, y, x), float32; meaningless where `source` is 0."""
    sigma: np.ndarray
    """1-sigma error, (band, y, x), float32."""
    source: np.ndarray
    """`legend.Source`, (y, x), uint8; `NONE` where not wanted."""
    land_cover: np.ndarray | None = None
    """Probabilities of the estimator's classes, (class, y, x), 0 where unknown; None when none is known."""


class Estimator(Protocol):
    """Anything that restores blocks of one scene."""

    @property
    def name(self) -> str:
        """Name recorded in the product."""

    @property
    def land_cover(self) -> tuple[int, ...]:
        """WorldCover codes of the classes it maps; empty when it maps none."""

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

    land_cover: ClassVar[tuple[int, ...]] = ()

    def estimate(self, block: Window, optical: np.ndarray, quality: np.ndarray) -> Estimate:
        """Restore a block; see `Estimator.estimate`."""
        wanted = is_wanted(quality)
        mean = np.zeros(optical.shape, np.float32)
        sigma = np.zeros(optical.shape, np.float32)
        source = np.zeros(wanted.shape, np.uint8)
        features, valid = self._features(block)
        for cell in cells(block):
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


def cells(block: Window) -> Iterator[Window]:
    """Cut a block into the cells that the prior is fitted in.

    Args:
        block: A window whose top and left are multiples of `regression.CELL`.

    Yields:
        The cells; those at the right and bottom border are smaller.
    """
    for top in range(block.top, block.rows.stop, CELL):
        for left in range(block.left, block.cols.stop, CELL):
            yield Window(top, left, min(CELL, block.rows.stop - top), min(CELL, block.cols.stop - left))
