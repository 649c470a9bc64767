import numpy as np
import pytest
from scipy import ndimage

from scenes import land
from sunbreak.prior.features import HALO, count, radar_features
from sunbreak.prior.regression import CELL, CellMoments, fit
from sunbreak.tiles import Window, blocks


def fitted(truth, radar, usable, pols=("VV", "VH"), block=4 * CELL):
    shape = truth.shape[1:]
    features, valid = radar_features(radar, pols)
    moments = CellMoments(shape, count(pols), len(truth))
    for window in blocks(shape, block):
        place = np.s_[:, window.rows, window.cols]
        moments.add(window, features[place], truth[place], (usable & valid)[window.rows, window.cols])
    return fit(moments), features, moments


def predicted(regression, features, shape):
    mean = np.empty((regression.slopes.shape[-1], *shape), np.float32)
    sigma = np.empty_like(mean)
    for cell in blocks(shape, CELL):
        mean[:, cell.rows, cell.cols], sigma[:, cell.rows, cell.cols] = regression.predict(
            cell, features[:, cell.rows, cell.cols]
        )
    return mean, sigma


def test_radar_explains_held_out_land_better_than_its_mean():
    truth, radar = land((400, 500), seed=1)
    usable = np.ones(truth.shape[1:], bool)
    usable[100:260, 150:340] = False
    regression, features, _ = fitted(truth, radar, usable)
    mean, _ = predicted(regression, features, truth.shape[1:])
    error = (mean - truth)[:, ~usable].std(axis=1)
    constant = truth[:, ~usable].std(axis=1)
    assert error[-1] < 0.6 * constant[-1]
    assert error[0] < 0.6 * constant[0]


def test_sigma_is_the_error_on_held_out_pixels():
    truth, radar = land((512, 512), seed=2)
    usable = np.zeros(truth.shape[1:], bool)
    usable[:, :256] = True
    regression, features, _ = fitted(truth, radar, usable)
    mean, sigma = predicted(regression, features, truth.shape[1:])
    inside = np.abs(mean - truth)[:, ~usable] <= sigma[:, ~usable]
    assert 0.55 < inside.mean() < 0.8


def test_a_constant_scene_is_restored_to_its_constant():
    _, radar = land((300, 300))
    truth = np.full((2, 300, 300), 0.2, np.float32)
    regression, features, _ = fitted(truth, radar, np.ones((300, 300), bool))
    mean, _ = predicted(regression, features, (300, 300))
    np.testing.assert_allclose(mean, 0.2, atol=1e-5)


def test_local_regressions_follow_a_scene_whose_parts_differ():
    rng = np.random.default_rng(0)
    shape = (CELL, 12 * CELL)
    radar = np.stack([ndimage.gaussian_filter(rng.standard_normal(shape), 6) * 40 - 11, np.full(shape, -17.0)])
    sign = np.where(np.arange(shape[1]) < shape[1] // 2, 1.0, -1.0)
    truth = (0.2 + 0.02 * sign * (radar[:1] + 11)).astype(np.float32)
    regression, _, _ = fitted(truth, radar.astype(np.float32), np.ones(shape, bool))
    left, right = regression.slopes[0, 0, 1:7:2, 0].sum(), regression.slopes[0, -1, 1:7:2, 0].sum()
    assert left > 0.01
    assert right < -0.01


def test_predictions_have_no_step_at_cell_borders():
    truth, radar = land((2 * CELL, 3 * CELL), seed=3)
    truth = truth + np.linspace(0, 0.2, 3 * CELL, dtype=np.float32)  # neighbouring cells differ much
    regression, features, _ = fitted(truth, np.full_like(radar, -12.0), np.ones(truth.shape[1:], bool))
    mean, _ = predicted(regression, features * 0 + features[:, :1, :1], truth.shape[1:])
    steps = np.abs(np.diff(mean, axis=2))
    assert steps[..., CELL - 1].max() <= 1.5 * np.median(steps[..., CELL // 2 + 5 : CELL - 5]) + 1e-6


@pytest.mark.parametrize("block", [CELL, 2 * CELL, 8 * CELL])
def test_moments_do_not_depend_on_the_blocks(block):
    truth, radar = land((700, 600), seed=4)
    usable = np.ones(truth.shape[1:], bool)
    _, _, reference = fitted(truth, radar, usable, block=4 * CELL)
    _, _, other = fitted(truth, radar, usable, block=block)
    np.testing.assert_array_equal(reference.sums, other.sums)


def test_features_of_a_window_with_halo_equal_those_of_the_scene():
    _, radar = land((200, 220), seed=5)
    radar[:, 90:120, 60:100] = np.nan
    whole, _ = radar_features(radar, ("VV", "VH"))
    inner = Window(80, 70, 60, 50)
    wide = inner.grown(HALO, (200, 220))
    part, valid = radar_features(radar[:, wide.rows, wide.cols], ("VV", "VH"))
    rows, cols = inner.inside(wide)
    np.testing.assert_allclose(part[:, rows, cols], whole[:, inner.rows, inner.cols], atol=1e-6)
    assert not valid[rows, cols][10:40, :30].any()


def test_one_polarisation_is_enough():
    truth, radar = land((300, 300), seed=6)
    regression, features, _ = fitted(truth, radar[:1], np.ones((300, 300), bool), pols=("VV",))
    mean, _ = predicted(regression, features, (300, 300))
    assert np.isfinite(mean).all()
    assert (mean - truth)[-1].std() < truth[-1].std()
