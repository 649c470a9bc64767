"""Speckle as in ground range detected products, and relief."""

import numpy as np
import pytest

from sunbreak.simulate.noise import Grid
from sunbreak.simulate.radar import relief_gain, speckle


def test_speckle_has_mean_one_4_4_looks_and_the_correlation_of_10_m_products():
    field = speckle(Grid(0, 0, 1200, 1200), 5).astype(np.float64)
    deviation = field - field.mean()
    variance = (deviation**2).mean()
    assert field.mean() == pytest.approx(1.0, abs=0.01)
    assert 1.0 / variance == pytest.approx(4.4, rel=0.05)
    for axis in (0, 1):
        lag = [(np.roll(deviation, k, axis) * deviation).mean() / variance for k in (1, 2, 4)]
        assert 0.55 < lag[0] < 0.78
        assert 0.1 < lag[1] < 0.4
        assert abs(lag[2]) < 0.03


def test_speckle_joins():
    whole = speckle(Grid(-7, 100, 90, 80), 3)
    np.testing.assert_array_equal(speckle(Grid(13, 121, 30, 17), 3), whole[20:50, 21:38])


def test_slopes_that_face_the_radar_are_bright():
    gain = relief_gain(np.array([[-0.3, 0.0, 0.3]], np.float32))[0]
    assert gain[0] < 1.0 < gain[2]
    assert gain[1] == pytest.approx(1.0)
