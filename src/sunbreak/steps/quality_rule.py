"""Quality by rule: spectra and the sun's position, no weights."""

from __future__ import annotations

import numpy as np
import xarray as xr

from sunbreak import cloud_rule
from sunbreak.legend import Quality
from sunbreak.steps.ground import averaged, coarse_step, ground_grid
from sunbreak.steps.quality_file import QualityOf
from sunbreak.tiles import Window


def quality_from_rule(scene: xr.Dataset) -> QualityOf:
    """Take quality from the rule of `cloud_rule`.

    Args:
        scene: A scene.

    Returns:
        A function from windows to quality classes.

    Raises:
        OptionError: Blue, green or red is missing.
    """
    bands = [str(name) for name in scene["band"].values]
    cloud_rule.check_bands(bands)
    used = [name for name in bands if name in cloud_rule.USED]
    step = coarse_step(scene.odc.geobox)
    sun = cloud_rule.SunGeometry(scene.attrs.get("sun_azimuth"), scene.attrs.get("sun_elevation"))
    shape = (scene.sizes["y"], scene.sizes["x"])
    grid = ground_grid(scene.odc.geobox, step)
    furthest = max(sun.reach(), cloud_rule.SURROUNDINGS) + cloud_rule.COMPANY_REACH + cloud_rule.EDGE_REACH
    halo = step * (int(furthest / grid.pixel) + 10)

    def window_of(window: Window) -> np.ndarray:
        aligned = Window(window.top // step * step, window.left // step * step, 0, 0)
        height, width = window.rows.stop - aligned.top, window.cols.stop - aligned.left
        wide = Window(aligned.top, aligned.left, -(-height // step) * step, -(-width // step) * step).grown(halo, shape)
        planes, valid = [], np.zeros((window.height, window.width), bool)
        rows, cols = window.inside(wide)
        for band in used:
            plane = np.asarray(scene["optical"][bands.index(band), wide.rows, wide.cols].data)
            valid |= np.isfinite(plane[rows, cols])
            planes.append(averaged(plane, step))
        coarse = cloud_rule.classify(np.stack(planes), used, scene.attrs["level"], grid, sun)
        fine = coarse.repeat(step, axis=0).repeat(step, axis=1)[: wide.height, : wide.width]
        quality: np.ndarray = fine[rows, cols].copy()
        quality[~valid] = Quality.NODATA
        # a coarse pixel without data beside a fine one with data: the swath's edge is clear until proven otherwise
        quality[valid & (quality == Quality.NODATA)] = Quality.CLEAR
        return quality

    return window_of
