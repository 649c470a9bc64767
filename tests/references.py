"""Two dates of one place for tests: the season moves on, a few fields are altered in optical and radar alike."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import ndimage

from scenes import blob, geobox, land, smooth_noise
from sunbreak.bands import L1C_BANDS
from sunbreak.scene import make_scene

ENCODING = {"dtype": "uint16", "offset": -1000, "quantification": 10000, "nodata": 0}


class TwoDates(NamedTuple):
    """A cloudy scene and an earlier one."""

    scene: xr.Dataset
    earlier: xr.Dataset
    truth: np.ndarray
    cloud: np.ndarray
    changed: np.ndarray


def fields(shape, share, rng):
    """Squares of 18 pixels that cover about a share of the place."""
    changed = np.zeros(shape, bool)
    while changed.mean() < share:
        row, col = (int(rng.integers(0, side - 18)) for side in shape)
        changed[row : row + 18, col : col + 18] = True
    return changed


def two_dates(shape=(300, 330), *, bands=L1C_BANDS, seed=0, share=0.08, with_radar=True, level="L1C"):
    """Details that radar does not see stay; light and season change; fields become like others of the place."""
    rng = np.random.default_rng(seed)
    base, _ = land(shape, bands, seed)
    _, radar = land(shape, bands, seed)
    detail = 0.02 * smooth_noise(shape, 1.0, rng)
    before = (base + detail + 0.05).astype(np.float32)
    changed = fields(shape, share, rng)
    away = (shape[0] // 3, shape[1] // 3)
    later = np.where(changed, np.roll(base, away, (1, 2)), base)
    radar_later = np.where(changed, np.roll(radar, away, (1, 2)), radar)
    truth = (0.02 + 0.9 * (later + detail + 0.05)).astype(np.float32)
    speckle = ndimage.gaussian_filter(rng.standard_normal(radar.shape), (0, 0.8, 0.8)).astype(np.float32)
    cloud = blob(shape, (shape[0] * 0.45, shape[1] * 0.5), min(shape) * 0.3)
    # the earlier date has a cloud of its own, which covers a little of this one
    other = blob(shape, (shape[0] * 0.1, shape[1] * 0.9), min(shape) * 0.2)
    quality = np.where(cloud, 3, 1).astype(np.uint8)
    facts = {"bands": list(bands), "level": level, "geobox": geobox(shape), "encoding": ENCODING}
    scene = make_scene(
        np.where(cloud, np.float32(0.8), truth), radar=radar_later.astype(np.float32) if with_radar else None,
        quality=quality, datetime="2023-07-15T10:30:00+00:00", **facts,
    )  # fmt: skip
    earlier = make_scene(
        np.where(other, np.float32(0.7), before), radar=radar + 2 * speckle,
        quality=np.where(other, 3, 1).astype(np.uint8), datetime="2023-06-25T10:30:00+00:00", **facts,
    )  # fmt: skip
    return TwoDates(scene, earlier, truth, cloud, changed)


def rmse(product, truth, where):
    """Error of a product, or of an array, over some pixels."""
    image = product if isinstance(product, np.ndarray) else product.reflectance.values
    return float(np.sqrt(((image - truth)[:, where] ** 2).mean()))
