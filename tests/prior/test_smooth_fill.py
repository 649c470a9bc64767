import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from sunbreak.errors import GeometryError
from sunbreak.prior.smooth_fill import smooth_fill


def scene(shape=(3, 128, 128), seed=0):
    rng = np.random.default_rng(seed)
    return 0.2 + 0.05 * gaussian_filter(rng.standard_normal(shape), (0, 12, 12)) * 12


def disk(shape, radius):
    rows, cols = np.indices(shape)
    return np.hypot(rows - shape[0] // 2, cols - shape[1] // 2) < radius


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_valid_pixels_keep_their_bits(dtype):
    image, hole = scene().astype(dtype), disk((128, 128), 30)
    filled = smooth_fill(image, ~hole)
    assert filled.dtype == dtype
    assert np.array_equal(filled[:, ~hole], image[:, ~hole])
    assert np.isfinite(filled).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 23), st.integers(1, 23), st.integers(0, 99), st.floats(2.0**-13, 1.5, width=32))
def test_constants_are_exact_at_any_size(height, width, seed, value):
    valid = np.random.default_rng(seed).random((height, width)) < 0.3
    valid.flat[seed % valid.size] = True
    image = np.where(valid, np.float32(value), np.float32(9.0)) * np.ones((2, 1, 1), np.float32)
    assert np.array_equal(smooth_fill(image, valid), np.full_like(image, np.float32(value)))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_never_beyond_the_values_there_are(height, width, seed):
    rng = np.random.default_rng(seed)
    image, valid = rng.random((2, height, width)), rng.random((height, width)) < 0.4
    filled = smooth_fill(image, valid)
    if valid.any():
        low, high = (getattr(image[:, valid], name)(axis=1)[:, None, None] for name in ("min", "max"))
        assert ((filled >= low - 1e-12) & (filled <= high + 1e-12)).all()
    else:
        assert np.isnan(filled).all()


def test_what_lies_under_the_mask_does_not_matter():
    image, hole = scene(), disk((128, 128), 30)
    other = image.copy()
    other[:, hole] = np.nan
    image[:, hole] = 1e6
    assert np.array_equal(smooth_fill(image, ~hole), smooth_fill(other, ~hole))


def test_no_seam_at_the_border_of_the_hole():
    image, hole = scene(), disk((128, 128), 30)
    filled = smooth_fill(image, ~hole)
    steps = np.abs(np.diff(filled, axis=2))
    across = hole[:, 1:] != hole[:, :-1]
    usual = np.abs(np.diff(image, axis=2))[:, across].mean()
    assert steps[:, across].mean() < 1.5 * usual


def test_missing_values_of_one_band_are_filled_from_that_band():
    image, hole = scene(), disk((128, 128), 20)
    image[1, :40] = np.nan
    filled = smooth_fill(image, ~hole)
    assert np.isfinite(filled).all()
    assert np.array_equal(filled[0], smooth_fill(image[:1], ~hole)[0])
    assert np.allclose(filled[1], smooth_fill(image[1:2], ~hole)[0])


def test_band_without_any_value_stays_missing():
    image = scene()
    image[2] = np.nan
    filled = smooth_fill(image, ~disk((128, 128), 20))
    assert np.isnan(filled[2]).all()
    assert np.isfinite(filled[:2]).all()


def test_mirrored_input_gives_mirrored_output():
    image, hole = scene(), disk((128, 128), 30)
    turned = smooth_fill(image[:, :, ::-1], ~hole[:, ::-1])[:, :, ::-1]
    assert np.allclose(turned, smooth_fill(image, ~hole), atol=1e-9)


def test_fast():
    image = np.random.default_rng(0).random((13, 512, 512), np.float32)
    start = time.process_time()
    smooth_fill(image, ~disk((512, 512), 200))
    assert time.process_time() - start < 2.0


def test_shapes_are_checked():
    with pytest.raises(GeometryError, match="expected"):
        smooth_fill(np.zeros((3, 4)), np.ones((3, 4)))
