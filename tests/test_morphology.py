"""Growing masks gives what SciPy's general structuring elements give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunbreak.morphology import FAR, grown, grown_square, shrunk_square


def some(seed, shape, share):
    return np.random.default_rng(seed).random(shape) < share


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 99), st.integers(1, 40), st.integers(1, 40), st.floats(0, 9), st.sampled_from([0.0, 0.02, 0.3]))
def test_disks(seed, height, width, radius, share):
    mask, reach = some(seed, (height, width), share), np.arange(-int(radius), int(radius) + 1)
    disk = np.hypot(reach[:, None], reach) <= radius
    np.testing.assert_array_equal(grown(mask, radius), ndimage.binary_dilation(mask, disk))


@pytest.mark.parametrize("radius", [FAR, FAR + 1, FAR + 30.5])
def test_wide_disks(radius):
    mask = some(1, (150, 170), 0.0005)
    np.testing.assert_array_equal(grown(mask, radius), ndimage.distance_transform_edt(~mask) <= radius)
    assert not grown(np.zeros((60, 60), bool), radius).any()


@pytest.mark.parametrize("reach", [0, 1, 2, 5])
def test_squares(reach):
    square = np.ones((2 * reach + 1, 2 * reach + 1), bool)
    for shape in ((1, 1), (3, 40), (40, 40)):
        mask = some(reach, shape, 0.6)
        np.testing.assert_array_equal(grown_square(mask, reach), ndimage.binary_dilation(mask, square))
        np.testing.assert_array_equal(shrunk_square(mask, reach), ndimage.binary_erosion(mask, square, border_value=1))
