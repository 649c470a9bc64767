"""Small scenes with known truth for tests: fields, a river, radar that knows something of both."""

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy import ndimage

from sunbreak.bands import L1C_BANDS
from sunbreak.scene import make_scene

UTM = "EPSG:32633"


def geobox(shape, origin=(500_000.0, 5_000_000.0), pixel=10.0):
    return GeoBox(shape, Affine(pixel, 0, origin[0], 0, -pixel, origin[1]), UTM)


def smooth_noise(shape, scale, rng):
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), scale, mode="wrap")
    return noise / noise.std()


def land(shape, bands=L1C_BANDS, seed=0):
    """Truth (band, y, x) and radar (2, y, x) in dB whose smooth part is linear in the radar."""
    rng = np.random.default_rng(seed)
    moisture, cover = smooth_noise(shape, 12, rng), smooth_noise(shape, 9, rng)
    radar = np.stack([-11 + 2.0 * moisture, -17 + 2.0 * cover])
    radar += rng.standard_normal(radar.shape)
    weights = np.linspace(-0.01, 0.03, len(bands)), np.linspace(0.02, -0.015, len(bands))
    truth = 0.15 + sum(w[:, None, None] * plane for w, plane in zip(weights, (moisture, cover), strict=True))
    truth = truth + 0.004 * rng.standard_normal(truth.shape)
    # on the grid of DN, as in a file
    return (np.round(truth * 10000).clip(1, 60000) / 10000).astype(np.float32), radar.astype(np.float32)


def blob(shape, center, radius):
    rows, cols = np.indices(shape)
    return np.hypot(rows - center[0], cols - center[1]) < radius


def cloudy_scene(shape=(300, 330), *, bands=L1C_BANDS, level="L1C", seed=0, with_radar=True, georeferenced=True):
    """A scene under one thick cloud with its truth, quality given."""
    truth, radar = land(shape, bands, seed)
    cloud = blob(shape, (shape[0] * 0.45, shape[1] * 0.5), min(shape) * 0.3)
    optical = np.where(cloud, np.float32(0.8), truth).astype(np.float32)
    quality = np.where(cloud, 3, 1).astype(np.uint8)
    scene = make_scene(
        optical, bands=list(bands), level=level, radar=radar if with_radar else None, quality=quality,
        geobox=geobox(shape) if georeferenced else None,
        encoding={"dtype": "uint16", "offset": -1000, "quantification": 10000, "nodata": 0},
    )  # fmt: skip
    return scene, truth, cloud
