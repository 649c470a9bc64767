"""Clouds and shadows over any image: cover, spectra, geometry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.simulate import CloudSpec, lay_clouds

CLOUD = (Quality.THIN_CLOUD, Quality.THICK_CLOUD)


def flat(size=512, value=0.2, bands=13):
    return np.full((bands, size, size), value, np.float32)


def band(name):
    return L1C_BANDS.index(name)


@pytest.mark.parametrize("kind", ["mixed", "thin", "thick", "broken", "overcast", "fog"])
@pytest.mark.parametrize("cover", [0.15, 0.5, 0.85])
def test_cover_is_met(kind, cover):
    clouds = CloudSpec(kind=kind, cover=cover, seed=7)
    window = lay_clouds(flat(1024, bands=2), bands=["B02", "B09"], level="L1C", clouds=clouds)
    assert abs(np.isin(window.quality, CLOUD).mean() - cover) < 0.07


def test_full_and_no_cover():
    full = lay_clouds(flat(256), bands=L1C_BANDS, level="L1C", clouds=CloudSpec(kind="overcast", cover=1.0))
    assert np.isin(full.quality, CLOUD).mean() > 0.93
    none = lay_clouds(flat(256), bands=L1C_BANDS, level="L1C", clouds=CloudSpec(cover=0.0))
    np.testing.assert_array_equal(none.optical, flat(256))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["mixed", "thin", "thick", "broken", "overcast", "fog"]))
def test_clouds_brighten_dark_land_in_the_visible_and_leave_untouched_pixels_alone(seed, kind):
    clear = flat(200, 0.08)
    window = lay_clouds(clear, bands=L1C_BANDS, level="L1C", clouds=CloudSpec(seed=seed, kind=kind))
    thick = window.quality == Quality.THICK_CLOUD
    # at the rim of a cloud one band may see it where another, a second later, does not
    assert not thick.any() or (window.optical[1:4][:, thick] > 0.08).mean() > 0.9
    assert np.isfinite(window.optical).all()
    same = (window.optical == clear).all(axis=0)
    assert (window.quality[same] == Quality.CLEAR).all()
    assert (window.optical_depth[same] == 0.0).all()


def test_cirrus_is_bright_in_b10_and_low_cloud_is_not():
    clear = flat(400, 0.15)
    clear[band("B10")] = 0.001
    low = lay_clouds(clear, bands=L1C_BANDS, level="L1C", clouds=CloudSpec(kind="broken", cover=0.6, base_height=900.0))
    high = lay_clouds(clear, bands=L1C_BANDS, level="L1C", clouds=CloudSpec(kind="thin", cover=0.6, seed=2))
    assert low.optical[band("B10")].max() < 0.01
    assert high.optical[band("B10")].max() > 0.02


def test_ice_is_darker_in_the_short_wave_infrared_than_water_cloud_is():
    clear = flat(400, 0.05)
    water = lay_clouds(clear, bands=L1C_BANDS, level="L1C", clouds=CloudSpec(kind="thick", cover=0.6))
    mixed = lay_clouds(clear, bands=L1C_BANDS, level="L1C", clouds=CloudSpec(kind="mixed", cover=0.6, seed=1))
    deep = water.optical_depth > 20
    ratio = (water.optical[band("B11")] / water.optical[band("B03")])[deep]
    assert 0.5 < np.median(ratio) < 0.95
    assert np.median(water.optical[band("B12")][deep]) < np.median(water.optical[band("B11")][deep])
    ice = (mixed.optical[band("B10")] > 0.03) & (mixed.optical_depth < 3.0)
    assert ice.any()
    rise = mixed.optical[:, ice] - 0.05
    assert np.median(rise[band("B12")]) < 0.8 * np.median(rise[band("B03")])


def shadow_displacement(azimuth, elevation=45.0):
    spec = CloudSpec(
        kind="broken", cover=0.12, seed=11, sun_azimuth=azimuth, sun_elevation=elevation, base_height=1000.0,
        view_zenith=0.0,
    )  # fmt: skip
    window = lay_clouds(flat(512, 0.3, 1), bands=["B03"], level="L2A", clouds=spec)
    cloud = np.isin(window.quality, CLOUD).astype(float)
    dark = (window.optical[0] < 0.26).astype(float)
    spectrum = np.fft.rfft2(dark - dark.mean()) * np.conj(np.fft.rfft2(cloud - cloud.mean()))
    match = np.fft.irfft2(spectrum)
    row, col = np.unravel_index(np.argmax(match), match.shape)
    return (row + 256) % 512 - 256, (col + 256) % 512 - 256


@pytest.mark.parametrize(
    ("azimuth", "direction"), [(90.0, (0, -1)), (180.0, (-1, 0)), (270.0, (0, 1)), (0.0, (1, 0)), (135.0, (-0.7, -0.7))]
)
def test_shadows_lie_away_from_the_sun(azimuth, direction):
    row, col = shadow_displacement(azimuth)
    length = np.hypot(row, col)
    assert row * direction[0] + col * direction[1] > 0.93 * length
    assert 95 <= length <= 150, "height x tan(45 degrees) is 100 px at the base, more towards the top"


def test_a_low_sun_throws_longer_shadows():
    high, low = np.hypot(*shadow_displacement(90.0, 60.0)), np.hypot(*shadow_displacement(90.0, 35.0))
    expected = np.tan(np.radians(60.0)) / np.tan(np.radians(35.0))
    assert low / high == pytest.approx(expected, rel=0.15)


def test_shadow_keeps_the_light_of_the_sky_which_is_blue():
    clouds = CloudSpec(kind="thick", cover=0.4, seed=2, sun_elevation=40.0)
    window = lay_clouds(flat(512, 0.3, 12), bands=L2A_BANDS, level="L2A", clouds=clouds)
    dark = (window.quality == Quality.SHADOW) & (window.optical_depth == 0)
    kept = window.optical[:, dark].min(axis=1) / 0.3
    blue, nir, swir = (kept[L2A_BANDS.index(name)] for name in ("B02", "B08", "B12"))
    assert blue > nir > swir > 0.15
    assert (window.optical[:, dark] < 0.3).all()


def test_thick_cloud_hides_the_detail_of_the_ground():
    rng = np.random.default_rng(0)
    clear = rng.uniform(0.1, 0.3, (1, 400, 400)).astype(np.float32)
    window = lay_clouds(clear, bands=["B08"], level="L2A", clouds=CloudSpec(kind="overcast", cover=1.0))
    bland = lay_clouds(
        np.full_like(clear, 0.2), bands=["B08"], level="L2A", clouds=CloudSpec(kind="overcast", cover=1.0)
    )
    thick = window.quality == Quality.THICK_CLOUD
    detail = (window.optical - bland.optical)[0]
    assert detail[thick].std() < 0.2 * clear.std()


def test_any_subset_and_order_of_bands():
    everything = lay_clouds(flat(200), bands=L1C_BANDS, level="L1C", clouds=CloudSpec())
    some = lay_clouds(flat(200, bands=3), bands=["B12", "B02", "B09"], level="L1C", clouds=CloudSpec())
    hazy = (everything.quality > 1) & (some.quality > 1)
    for index, name in enumerate(("B12", "B02", "B09")):
        same = np.isclose(everything.optical[band(name)], some.optical[index], atol=1e-6)
        assert same[hazy].mean() > 0.5 or abs(everything.optical[band(name)] - some.optical[index]).mean() < 0.02


def test_windows_of_one_scene_join():
    clear = flat(400, bands=4)
    names = ["B02", "B8A", "B10", "B11"]
    clear += np.random.default_rng(1).uniform(0.0, 0.1, clear.shape).astype(np.float32)
    whole = lay_clouds(clear, bands=names, level="L1C", clouds=CloudSpec(seed=9))
    part = lay_clouds(
        clear[:, 101:300, 57:222], bands=names, level="L1C", clouds=CloudSpec(seed=9), origin=(101, 57),
        scene_shape=(400, 400),
    )  # fmt: skip
    np.testing.assert_array_equal(part.quality, whole.quality[101:300, 57:222])
    np.testing.assert_array_equal(part.optical_depth, whole.optical_depth[101:300, 57:222])
    inner = np.s_[:, 42:-42, 42:-42]
    np.testing.assert_array_equal(part.optical[inner], whole.optical[:, 101:300, 57:222][inner])


def test_missing_pixels_stay_missing_and_the_input_is_not_changed():
    clear = flat(128)
    clear[:, :40] = np.nan
    before = clear.copy()
    window = lay_clouds(clear, bands=L1C_BANDS, level="L1C", clouds=CloudSpec(cover=0.8))
    np.testing.assert_array_equal(clear, before)
    assert np.isnan(window.optical[:, :40]).all()
    assert np.isfinite(window.optical[:, 40:]).all()
    assert (window.quality[:40] == Quality.NODATA).all()
    assert (window.quality[40:] != Quality.NODATA).all()


def test_coarser_images_see_the_same_clouds():
    fine = lay_clouds(flat(480, bands=1), bands=["B11"], level="L2A", clouds=CloudSpec(seed=3))
    coarse = lay_clouds(flat(240, bands=1), bands=["B11"], level="L2A", clouds=CloudSpec(seed=3), resolution=20.0)
    pooled = fine.optical_depth.reshape(240, 2, 240, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(coarse.optical_depth, pooled, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"level": "L2A"}, "B10"),
        ({"level": "L9"}, "level"),
        ({"bands": ["B01"]}, "shape"),
        ({"bands": ["B77", *L1C_BANDS[1:]]}, "B77"),
        ({"resolution": 25.0}, "resolution"),
    ],
)
def test_impossible_arguments_are_refused(change, word):
    arguments = {"bands": L1C_BANDS, "level": "L1C", "clouds": CloudSpec()} | change
    with pytest.raises(OptionError, match=word):
        lay_clouds(flat(64), **arguments)
