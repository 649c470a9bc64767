import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sunbreak.composing import NOT_SEEN, WeightedMean, first_true, median

values = hnp.arrays("float64", (5, 3, 4), elements=st.one_of(st.floats(-0.1, 1.5), st.just(np.nan)))


@settings(max_examples=50, deadline=None)
@given(values)
def test_the_median_is_that_of_numpy(stack):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = np.nanmedian(stack, axis=0)
    np.testing.assert_allclose(median(stack.copy()), expected, rtol=1e-12)


@settings(max_examples=50, deadline=None)
@given(values, hnp.arrays("float64", (5, 3, 4), elements=st.floats(0.001, 0.5)))
def test_the_weighted_mean_is_its_formula(stack, sigma):
    mean = WeightedMean(stack.shape[1:], "float64")
    for one, error in zip(stack, sigma, strict=True):
        mean.add(one, error)
    weight = np.where(np.isfinite(stack), sigma**-2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        np.testing.assert_allclose(mean.value, (weight * np.nan_to_num(stack)).sum(0) / weight.sum(0), atol=1e-12)
        expected = np.where(weight.sum(0) > 0, weight.sum(0) ** -0.5, np.nan)
    np.testing.assert_allclose(mean.sigma, expected, rtol=1e-6)


def test_a_single_observation_stays_to_the_bit():
    one = np.random.default_rng(0).uniform(-0.1, 1.2, (4, 30, 30)).astype("float32")
    mean = WeightedMean(one.shape, "float32")
    mean.add(np.full_like(one, np.nan), np.full_like(one, 0.1))
    mean.add(one, np.full_like(one, 0.03))
    np.testing.assert_array_equal(mean.value, one)


def test_the_first_that_is_true_or_none():
    candidates = np.array([[[0, 1, 0]], [[1, 1, 0]]], bool)
    assert first_true(candidates).tolist() == [[1, 0, NOT_SEEN]]
    assert first_true(np.zeros((0, 1, 2), bool)).tolist() == [[NOT_SEEN, NOT_SEEN]]
