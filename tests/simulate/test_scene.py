"""Simulated scenes: determinism, blocks that join, physics and statistics of what comes out."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.errors import OptionError
from sunbreak.legend import LAND_COVER_LEGEND, Quality
from sunbreak.simulate import CloudSpec, SceneSpec, SimulatedWindow, simulate

FIELDS = ("truth", "optical", "radar", "land_cover", "quality", "optical_depth")
SPEC = SceneSpec(size=700, seed=12, nodata_swath=True, clouds=CloudSpec(seed=3))


@lru_cache(maxsize=1)
def whole_scene() -> SimulatedWindow:
    return simulate(SPEC)


@pytest.fixture(scope="module")
def whole() -> SimulatedWindow:
    return whole_scene()


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 640), st.integers(0, 640), st.integers(1, 130), st.integers(1, 130))
def test_any_window_equals_the_same_part_of_the_whole_scene_to_the_last_bit(top, left, height, width):
    whole = whole_scene()
    rows, cols = slice(top, min(top + height, 700)), slice(left, min(left + width, 700))
    window = simulate(SPEC, rows, cols)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(window, name), getattr(whole, name)[..., rows, cols], err_msg=name)


@pytest.mark.parametrize("kind", ["mixed", "thin", "thick", "broken", "overcast", "fog"])
def test_windows_join_for_every_kind_of_cloud_and_a_low_sun(kind):
    spec = SceneSpec(size=9000, seed=1, level="L2A", clouds=CloudSpec(kind=kind, sun_elevation=12.0, seed=5))
    one = simulate(spec, slice(4001, 4078), slice(8000, 8100))
    other = simulate(spec, slice(4033, 4062), slice(8051, 8093))
    for name in FIELDS:
        expected = getattr(one, name)[..., 32:61, 51:93]
        np.testing.assert_array_equal(getattr(other, name), expected, err_msg=name)


def test_same_spec_gives_the_same_scene_and_another_seed_another_one():
    spec = SceneSpec(size=96, seed=4)
    first, second, third = simulate(spec), simulate(spec), simulate(SceneSpec(size=96, seed=5))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert np.abs(first.truth - third.truth).mean() > 0.005
    assert np.abs(first.radar - third.radar).mean() > 1.0


def test_another_cloud_seed_leaves_the_land_as_it_is():
    one = simulate(SceneSpec(size=128, clouds=CloudSpec(seed=1)))
    other = simulate(SceneSpec(size=128, clouds=CloudSpec(seed=2)))
    np.testing.assert_array_equal(one.truth, other.truth)
    np.testing.assert_array_equal(one.radar, other.radar)
    assert (one.optical != other.optical).any()


def test_shapes_types_and_codes(whole):
    assert whole.truth.shape == whole.optical.shape == (13, 700, 700)
    assert whole.radar.shape == (2, 700, 700)
    assert {getattr(whole, name).dtype.name for name in ("truth", "optical", "radar", "optical_depth")} == {"float32"}
    assert set(np.unique(whole.land_cover)) <= set(LAND_COVER_LEGEND)
    assert set(np.unique(whole.quality)) <= {int(code) for code in Quality}
    assert np.isfinite(whole.truth).all()
    assert np.isfinite(whole.radar).all()
    assert simulate(SceneSpec(size=64, level="L2A")).truth.shape == (12, 64, 64)


def test_swath_edge_is_nan_in_every_band_and_nodata_in_quality(whole):
    nodata = whole.quality == Quality.NODATA
    assert 0.05 < nodata.mean() < 0.6
    np.testing.assert_array_equal(np.isnan(whole.optical), np.broadcast_to(nodata, whole.optical.shape))


def test_pixels_without_cloud_and_shadow_keep_their_bits():
    window = simulate(SceneSpec(size=512, seed=2, clouds=CloudSpec(kind="thick", cover=0.3, seed=1)))
    clean = (window.optical_depth == 0) & (window.quality == Quality.CLEAR)
    same = (window.optical == window.truth).all(axis=0)
    assert same[clean].mean() > 0.7  # the rest lies in the faint rim of shadows
    assert (window.optical <= window.truth)[:, clean].all()
    assert np.abs(window.optical - window.truth)[:, clean].mean() < 0.002
    clear_sky = simulate(SceneSpec(size=128, clouds=CloudSpec(cover=0.0)))
    np.testing.assert_array_equal(clear_sky.optical, clear_sky.truth)
    assert (clear_sky.quality == Quality.CLEAR).all()


def test_quality_follows_optical_depth():
    window = simulate(SceneSpec(size=512, seed=2))
    assert window.optical_depth[window.quality == Quality.THICK_CLOUD].min() >= 4.0
    thin = window.optical_depth[window.quality == Quality.THIN_CLOUD]
    assert thin.min() >= 0.1399
    assert thin.max() < 4.0
    assert window.optical_depth[np.isin(window.quality, (Quality.CLEAR, Quality.SHADOW))].max() < 0.14


def test_surface_level_is_darker_in_the_blue_than_top_of_atmosphere():
    toa = simulate(SceneSpec(size=256, seed=2, level="L1C")).truth[L1C_BANDS.index("B02")]
    surface = simulate(SceneSpec(size=256, seed=2, level="L2A")).truth[L2A_BANDS.index("B02")]
    assert np.median(toa - surface) > 0.03
    nir_toa = simulate(SceneSpec(size=256, seed=2, level="L1C")).truth[L1C_BANDS.index("B8A")]
    nir = simulate(SceneSpec(size=256, seed=2, level="L2A")).truth[L2A_BANDS.index("B8A")]
    assert abs(np.median(nir_toa - nir)) < 0.03


def test_season_greens_the_land():
    spring = simulate(SceneSpec(size=256, seed=2, level="L2A", season=150)).truth
    winter = simulate(SceneSpec(size=256, seed=2, level="L2A", season=10)).truth

    def ndvi(image):
        red, nir = image[L2A_BANDS.index("B04")], image[L2A_BANDS.index("B08")]
        return float(np.median((nir - red) / (nir + red)))

    assert ndvi(spring) > ndvi(winter) + 0.15


def test_the_eight_common_classes_occur_somewhere():
    codes: set[int] = set()
    for seed in (1, 2, 3, 12, 19, 38, 50):
        for corner in (0, 2500, 5000):
            part = simulate(SceneSpec(size=6000, seed=seed), slice(corner, corner + 64), slice(0, 600))
            codes |= set(np.unique(part.land_cover).tolist())
    assert codes >= set(LAND_COVER_LEGEND) - {70, 95, 100}, "snow, mangroves and moss are rare"


def test_radar_tells_something_of_the_optical_image_but_not_all():
    radar, nir = [], []
    for seed in range(12):
        window = simulate(SceneSpec(size=128, seed=seed, level="L2A"))
        radar.append(window.radar.reshape(2, -1))
        nir.append(window.truth[L2A_BANDS.index("B08")].ravel())
    x, y = np.concatenate(radar, axis=1).astype(float), np.concatenate(nir).astype(float)
    design = np.column_stack([np.ones_like(y), *x, x[0] * x[1]])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    explained = 1.0 - residual.var() / y.var()
    assert 0.1 < explained < 0.75


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: SceneSpec(size=32), "size"),
        (lambda: SceneSpec(level="L3"), "level"),
        (lambda: SceneSpec(season=400), "season"),
        (lambda: CloudSpec(cover=1.2), "cover"),
        (lambda: CloudSpec(cover=float("nan")), "cover"),
        (lambda: CloudSpec(kind="stormy"), "kind"),
        (lambda: CloudSpec(sun_elevation=2.0), "sun_elevation"),
        (lambda: simulate(SceneSpec(size=64), slice(10, 80)), "rows"),
        (lambda: simulate(SceneSpec(size=64), None, slice(0, 64, 2)), "cols"),
    ],
)
def test_impossible_specs_are_refused_by_name(make, word):
    with pytest.raises(OptionError, match=word):
        make()
