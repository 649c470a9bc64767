"""Clouds by alpha blending: the cover is met, clear stays clear, thick cloud looks like cloud."""

import numpy as np
import pytest

from sunbreak.bands import L1C_BANDS
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.simulate.blended import blend_clouds

CLOUDS = (Quality.THIN_CLOUD, Quality.THICK_CLOUD)


def clear_image(size=64, seed=0):
    return np.random.default_rng(seed).uniform(0.02, 0.3, (13, size, size)).astype(np.float32)


def share(cloudy):
    return float(np.isin(cloudy.quality, CLOUDS).mean())


@pytest.mark.parametrize("cover", [0.0, 0.03, 0.2, 0.5, 0.8, 0.97, 1.0])
def test_the_cover_is_met(cover):
    for seed in range(5):
        cloudy = blend_clouds(clear_image(), bands=L1C_BANDS, cover=cover, seed=seed)
        assert share(cloudy) == pytest.approx(cover, abs=0.02)
        if cover in (0.0, 1.0):
            assert share(cloudy) == cover


def test_without_cover_nothing_changes():
    clear = clear_image()
    cloudy = blend_clouds(clear, bands=L1C_BANDS, cover=0.0, seed=3)
    np.testing.assert_array_equal(cloudy.optical, clear)
    assert (cloudy.quality == Quality.CLEAR).all()
    assert not cloudy.opacity.any()


def test_clear_pixels_stay_near_and_most_of_them_to_the_bit():
    clear = clear_image()
    cloudy = blend_clouds(clear, bands=L1C_BANDS, cover=0.3, seed=2)
    rest = cloudy.quality == Quality.CLEAR
    assert (cloudy.optical == clear).all(axis=0)[rest].mean() > 0.5
    assert np.abs(cloudy.optical - clear)[:, rest].max() < 0.06


def test_thick_cloud_is_bright_grey_in_the_visible_darker_in_the_short_wave_infrared_and_seen_by_the_cirrus_band():
    clear = clear_image()
    clear[L1C_BANDS.index("B10")] = 0.001
    for seed in range(10):
        cloudy = blend_clouds(clear, bands=L1C_BANDS, cover=0.7, seed=seed)
        thick = cloudy.quality == Quality.THICK_CLOUD
        band = dict(zip(L1C_BANDS, cloudy.optical[:, thick].mean(axis=1), strict=True))
        assert 0.3 < band["B04"] < 1.05
        assert band["B02"] == pytest.approx(band["B04"], rel=0.15)
        assert band["B12"] < band["B11"] < 0.9 * band["B08"]
        assert cloudy.optical[L1C_BANDS.index("B10"), thick].min() > 0.02


def test_shadows_are_darker_than_the_land():
    clear = np.full((1, 64, 64), 0.2, np.float32)
    shaded = 0
    for seed in range(10):
        cloudy = blend_clouds(clear, bands=["B08"], cover=0.4, seed=seed)
        shadow = cloudy.quality == Quality.SHADOW
        shaded += int(shadow.sum())
        assert not shadow.any() or np.median(cloudy.optical[0][shadow]) < 0.19
    assert shaded > 0


def test_the_seed_alone_makes_the_sky():
    clear = clear_image()
    one = blend_clouds(clear, bands=L1C_BANDS, cover=0.5, seed=9)
    np.testing.assert_array_equal(one.optical, blend_clouds(clear, bands=L1C_BANDS, cover=0.5, seed=9).optical)
    assert not np.array_equal(one.quality, blend_clouds(clear, bands=L1C_BANDS, cover=0.5, seed=10).quality)
    two = blend_clouds(clear[[3, 2]], bands=["B04", "B03"], cover=0.5, seed=9)
    np.testing.assert_array_equal(two.quality, one.quality)


def test_missing_pixels_stay_missing():
    clear = clear_image()
    clear[:, :8] = np.nan
    clear[0, 20, 20] = np.nan
    cloudy = blend_clouds(clear, bands=L1C_BANDS, cover=1.0, seed=0)
    np.testing.assert_array_equal(np.isnan(cloudy.optical), np.isnan(clear))
    assert (cloudy.quality[:8] == Quality.NODATA).all()
    assert cloudy.quality[20, 20] in CLOUDS


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cover": 1.2}, "cover is 1.2; it must lie between 0 and 1"),
        ({"cover": float("nan")}, "cover is nan"),
        ({"bands": ["B02"]}, r"expected \(1, rows, columns\)"),
        ({"bands": ["B99", *L1C_BANDS[1:]]}, "B99"),
    ],
)
def test_what_cannot_be_blended_is_refused(wrong, message):
    with pytest.raises(OptionError, match=message):
        blend_clouds(clear_image(), **{"bands": L1C_BANDS, "cover": 0.5, "seed": 0, **wrong})
