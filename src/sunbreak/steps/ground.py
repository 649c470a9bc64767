"""How a scene lies on the ground, and its coarser pixels: what finding clouds needs to know."""

from __future__ import annotations

from typing import Final

import numpy as np
from odc.geo.geobox import GeoBox

from sunbreak.bands import RADAR_PIXEL_SPACING
from sunbreak.cloud_rule import GroundGrid
from sunbreak.tiles import Window

METRES_A_DEGREE: Final = 111_320.0
MASK_PIXEL: Final = 20.0
"""Pixel size in m at which clouds are looked for, by rule and by network."""


def coarse_step(geobox: GeoBox) -> int:
    """How many pixels of a grid side by side come to about 20 m.

    Args:
        geobox: The grid; 10 m are assumed without georeferencing.

    Returns:
        2 for pixels of 10 m; 1 for pixels of 14 m and more.
    """
    return max(1, round(MASK_PIXEL / ground_grid(geobox).pixel))


def ground_grid(geobox: GeoBox, step: int = 1) -> GroundGrid:
    """How the pixels of a grid lie on the ground; 10 m and north up without georeferencing.

    Args:
        geobox: The grid.
        step: Pixels joined to one.

    Returns:
        Pixel size in m, and the way south and east in pixels.
    """
    if geobox.crs is None:
        return GroundGrid(float(RADAR_PIXEL_SPACING) * step)
    affine = geobox.affine
    if geobox.crs.geographic:
        latitude = affine.d * geobox.width / 2 + affine.e * geobox.height / 2 + affine.f
        east, north = METRES_A_DEGREE * max(float(np.cos(np.radians(latitude))), 0.01), METRES_A_DEGREE
    else:
        east = north = float(geobox.crs.proj.axis_info[0].unit_conversion_factor)
    # columns and rows to metres east and north, and back
    forth = np.array([[affine.a * east, affine.b * east], [affine.d * north, affine.e * north]])
    back = np.linalg.inv(forth)
    pixel = float(np.sqrt(abs(np.linalg.det(forth))))
    down = (float(-back[1, 1] * pixel), float(back[1, 0] * pixel))
    right = (float(-back[0, 1] * pixel), float(back[0, 0] * pixel))
    return GroundGrid(pixel * step, down, right)


def averaged(plane: np.ndarray, step: int) -> np.ndarray:
    """Means over step x step pixels, the last ones over what there is.

    Args:
        plane: (y, x), NaN = no data.
        step: Pixels joined to one, each way.

    Returns:
        (ceil(y / step), ceil(x / step)), float32; NaN only where all pixels are.
    """
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % step), (0, -width % step)), constant_values=np.nan)
    total = np.zeros((padded.shape[0] // step, padded.shape[1] // step), np.float32)
    count = np.zeros_like(total)
    for down, right in np.ndindex(step, step):
        part = padded[down::step, right::step]
        valid = np.isfinite(part)
        total += np.where(valid, part, np.float32(0))
        count += valid
    mean: np.ndarray = np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))
    return mean


def coarse_around(window: Window, step: int, shape: tuple[int, int]) -> Window:
    """The coarse pixels that `refined` needs for a window.

    Args:
        window: A window of the scene.
        step: Pixels joined to one, each way.
        shape: Height and width of the coarse grid.

    Returns:
        A window of the coarse grid.
    """
    top, left = window.top // step, window.left // step
    height, width = -(-window.rows.stop // step) - top, -(-window.cols.stop // step) - left
    return Window(top, left, height, width).grown(0 if step == 1 else 1, shape)


def refined(coarse: np.ndarray, around: Window, window: Window, step: int) -> np.ndarray:
    """Interpolate coarse values to a window of the scene, linearly between the coarse pixels' centres.

    Args:
        coarse: (channel, y, x), the content of `around`.
        around: From `coarse_around`.
        window: The window of the scene.
        step: Pixels joined to one, each way.

    Returns:
        (channel, y, x) of the window, float32.
    """
    rows, down = _between(window.top, window.height, step, around.top, around.height)
    cols, right = _between(window.left, window.width, step, around.left, around.width)
    lines = coarse[:, rows[0]] * (1 - down[:, np.newaxis]) + coarse[:, rows[1]] * down[:, np.newaxis]
    fine: np.ndarray = lines[:, :, cols[0]] * (1 - right) + lines[:, :, cols[1]] * right
    return fine


def _between(start: int, count: int, step: int, first: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For every fine pixel the two coarse ones around it, and how far it lies on the way to the second."""
    place = (np.arange(start, start + count) + 0.5) / step - 0.5
    low = np.floor(place).astype(np.intp)
    pair = np.clip(np.stack([low, low + 1]) - first, 0, size - 1)
    return pair, (place - low).astype(np.float32)
