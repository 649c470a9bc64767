import numpy as np
import pytest

from scenes import blob, land
from sunbreak.prior.fill import FillMoments, fit_fill
from sunbreak.tiles import Window, blocks


def filled(truth, usable, block=256):
    moments = FillMoments(truth.shape[1:], len(truth))
    for window in blocks(truth.shape[1:], block):
        moments.add(window, truth[:, window.rows, window.cols], usable[window.rows, window.cols])
    return fit_fill(moments)


def test_a_constant_is_continued_as_it_is():
    truth = np.full((2, 200, 230), 0.3, np.float32)
    usable = ~blob((200, 230), (100, 100), 80)
    mean, sigma = filled(truth, usable).predict(Window(0, 0, 200, 230))
    np.testing.assert_allclose(mean, 0.3, atol=1e-5)
    assert sigma.max() < 2e-3


def test_the_fill_beats_the_mean_of_the_scene_and_knows_its_error():
    truth, _ = land((400, 400), seed=8)
    truth = truth + np.linspace(0, 0.2, 400, dtype=np.float32)
    usable = ~blob((400, 400), (200, 200), 60)
    mean, sigma = filled(truth, usable).predict(Window(0, 0, 400, 400))
    error = (mean - truth)[:, ~usable]
    assert np.sqrt((error**2).mean()) < 0.75 * np.sqrt(((truth[:, usable].mean() - truth[:, ~usable]) ** 2).mean())
    assert 0.5 < (np.abs(error) <= sigma[:, ~usable]).mean() < 0.95


@pytest.mark.parametrize("block", [256, 512, 1024])
def test_windows_and_blocks_do_not_change_the_fill(block):
    truth, _ = land((600, 500), seed=9)
    usable = ~blob((600, 500), (300, 250), 150)
    fill = filled(truth, usable, block)
    whole, _ = fill.predict(Window(0, 0, 600, 500))
    part, _ = fill.predict(Window(123, 77, 200, 300))
    np.testing.assert_array_equal(part, whole[:, 123:323, 77:377])
    reference, _ = filled(truth, usable, 768).predict(Window(0, 0, 600, 500))
    np.testing.assert_array_equal(whole, reference)


def test_without_any_clear_pixel_there_is_no_fill():
    truth, _ = land((64, 64))
    mean, _ = filled(truth, np.zeros((64, 64), bool)).predict(Window(0, 0, 64, 64))
    assert np.isnan(mean).all()


def test_a_single_pixel_scene_is_filled_with_itself():
    mean, _ = filled(np.full((1, 1, 1), 0.4, np.float32), np.ones((1, 1), bool)).predict(Window(0, 0, 1, 1))
    np.testing.assert_allclose(mean, 0.4, atol=1e-6)
