"""What the scene prior sees of a block: features of the radar, the clear look of other dates, and how radar changed."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import xarray as xr

from sunbreak.prior import features as radar_features
from sunbreak.prior.cells import touching
from sunbreak.scene import window as load
from sunbreak.tiles import Window

CHANGE_SCALES: Final = radar_features.SCALES[1:]
"""Scales at which radar of two dates is compared: at the finest, speckle of both hides all but the largest changes."""


class Inputs(NamedTuple):
    """What is known of a window besides the scene's own optical pixels; arrays are 0 where not valid."""

    radar: np.ndarray
    """Radar features, (feature, y, x), float32, the constant first; no feature without radar."""
    radar_valid: np.ndarray
    """Where radar is valid, (y, x)."""
    look: np.ndarray
    """Clear look of other dates, (band, y, x), float32, reflectance; no band without references."""
    look_valid: np.ndarray
    """Where there is a look, (y, x)."""
    change: np.ndarray
    """Smoothed radar of the scene less that of the look's dates, (feature, y, x), float32, in the units of `radar`."""
    change_valid: np.ndarray
    """Where both are valid, (y, x)."""

    @property
    def both(self) -> np.ndarray:
        """Where radar and look are valid, (y, x)."""
        both: np.ndarray = self.radar_valid & self.look_valid
        return both

    def part(self, place: tuple[slice, slice]) -> Inputs:
        """Cut out a part.

        Args:
            place: Rows and columns of the arrays.

        Returns:
            Views of that part.
        """
        return Inputs(*(array[..., place[0], place[1]] for array in self))

    def look_features(self) -> np.ndarray:
        """Features of the look alone.

        Returns:
            (1 + band, y, x), float32, the constant first.
        """
        return np.concatenate([self.look_valid[np.newaxis].astype(np.float32), self.look])

    def joint_features(self) -> np.ndarray:
        """Features of radar and look together; where radar of the look's date is missing, no change is supposed.

        Returns:
            (radar + change + band, y, x), float32, the constant first, 0 where either is missing.
        """
        joined: np.ndarray = np.concatenate([self.radar, self.change, self.look]) * self.both.astype(np.float32)
        return joined


def change_count(scene: xr.Dataset) -> int:
    """Number of features that compare radar of two dates.

    Args:
        scene: A scene.

    Returns:
        4 with VV and VH of both dates, 0 without radar of the look's dates.
    """
    return len(CHANGE_SCALES) * scene.sizes["pol"] if "radar" in scene and "look_radar" in scene else 0


def block_inputs(scene: xr.Dataset, block: Window) -> Inputs:
    """Load what is known of a block, with the halo that smoothing needs.

    Args:
        scene: A scene; radar, `look` and `look_radar` are taken where it has them.
        block: A window of whole cells.

    Returns:
        The inputs.
    """
    shape = (block.height, block.width)
    nothing: tuple[np.ndarray, np.ndarray] = np.zeros((0, *shape), np.float32), np.zeros(shape, bool)
    radar, radar_valid = _features(scene, "radar", block) if "radar" in scene else nothing
    look, look_valid = nothing
    if "look" in scene:
        look = load(scene, "look", block.rows, block.cols)
        look_valid = np.isfinite(look).all(axis=0)
        look = np.where(look_valid, look, np.float32(0))
    change, change_valid = nothing
    if change_count(scene) and look_valid.any():
        then, seen = _features(scene, "look_radar", block)
        change_valid = seen & radar_valid
        first = 1 + scene.sizes["pol"] * (len(radar_features.SCALES) - len(CHANGE_SCALES))
        chosen = slice(first, first + change_count(scene))
        change = np.where(change_valid, radar[chosen] - then[chosen], np.float32(0))
    elif change_count(scene):
        change = np.zeros((change_count(scene), *shape), np.float32)
    return Inputs(radar, radar_valid, look, look_valid, change, change_valid)


def _features(scene: xr.Dataset, name: str, block: Window) -> tuple[np.ndarray, np.ndarray]:
    """Radar features of a block and where they are valid; see `radar_features.radar_features`."""
    shape = scene.sizes["y"], scene.sizes["x"]
    wide = block.grown(radar_features.HALO, shape)
    radar, pols = load(scene, name, wide.rows, wide.cols), [str(pol) for pol in scene["pol"].values]
    features = np.empty((radar_features.count(pols), block.height, block.width), np.float32)
    valid = np.empty((block.height, block.width), bool)
    for cell in touching(block, shape):  # one by one: the last bit of a product depends on the shape of its factors
        near, place = cell.grown(radar_features.HALO, shape), cell.inside(block)
        around = radar[:, *near.inside(wide)]
        features[:, *place], valid[place] = radar_features.radar_features(around, pols, cell.inside(near))
    return features, valid
