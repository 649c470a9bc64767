"""Radar made up for a clear image."""

import numpy as np
import pytest
from scipy import ndimage

from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.simulate import SceneSpec, simulate
from sunbreak.simulate.likely_radar import likely_radar

BANDS = ("B02", "B03", "B04", "B08")


@pytest.fixture(scope="module")
def land():
    window = simulate(SceneSpec(size=192, seed=5, level="L2A"))
    places = [list(SceneSpec(level="L2A").bands).index(name) for name in BANDS]
    return window.truth[places]


def test_is_a_function_of_the_seed_within_the_range(land):
    radar = likely_radar(land, BANDS, 3)
    assert radar.shape == (2, *land.shape[1:])
    assert radar.dtype == np.float32
    assert radar.min() >= RADAR_DB_RANGE[0]
    assert radar.max() <= RADAR_DB_RANGE[1]
    np.testing.assert_array_equal(radar, likely_radar(land, BANDS, 3))
    assert not np.array_equal(radar, likely_radar(land, BANDS, 4))


def test_reflectance_explains_part_of_it_but_not_all(land):
    shares = []
    for seed in range(6):
        smooth = ndimage.gaussian_filter(likely_radar(land, BANDS, seed)[0], 3.0).ravel()
        seen = np.stack([ndimage.gaussian_filter(plane, 3.0).ravel() for plane in (*land, *land**2)])
        design = np.vstack([seen, np.ones_like(smooth)]).T
        left = smooth - design @ np.linalg.lstsq(design, smooth, rcond=None)[0]
        shares.append(1 - left.var() / smooth.var())
    assert 0.1 < np.mean(shares) < 0.9
    assert np.ptp(shares) > 0.1


def test_water_is_dark_and_gaps_are_filled():
    image = np.full((4, 64, 64), 0.15, np.float32)
    image[3, :, 32:] = 0.01  # near infrared
    image[:, 0, 0] = np.nan
    radar = likely_radar(image, BANDS, 1)
    assert radar[0][:, :32].mean() - radar[0][:, 32:].mean() > 4.0
    assert np.isfinite(radar).all()
