import math

import numpy as np
import pytest
from scipy.stats import norm

from sunbreak.metrics import coverage
from sunbreak.metrics.calibration import MIN_SIGMA, add_up, count, counted_errors, gaussian_nll
from sunbreak.metrics.sparsification import CLASSES, EXPECTED, REJECTED, classify, merge


@pytest.fixture
def normal():
    """Absolute errors that are as large as stated, on average."""
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.005, 0.1, 60_000)
    return np.abs(sigma * rng.standard_normal(sigma.shape)), sigma


def kept_by_sorting(error, by):
    """Root mean squared error of what is kept when the highest `by` are rejected, straight from the definition."""
    squares = np.square(error[np.argsort(by, kind="stable")])
    counts = [round((1 - share) * len(error)) for share in REJECTED]
    return np.array([math.sqrt(squares[:kept].mean()) for kept in counts])


def test_nll_equals_scipy(normal):
    error, sigma = normal
    assert np.allclose(gaussian_nll(error, sigma), -norm.logpdf(error, scale=sigma))
    assert count(error, sigma).nll() == pytest.approx(-norm.logpdf(error, scale=sigma).mean())


def test_nll_is_least_where_the_uncertainty_is_right(normal):
    error, sigma = normal
    right = count(error, sigma).nll()
    assert right < count(error, 0.7 * sigma).nll()
    assert right < count(error, 1.4 * sigma).nll()


def test_a_value_without_stated_error_does_not_decide_the_mean():
    assert gaussian_nll(0.001, 0.0) == pytest.approx(-norm.logpdf(0.001, scale=MIN_SIGMA))
    assert np.isfinite(gaussian_nll([0.0, 0.5], [0.0, 0.0])).all()


def test_counts_of_images_add_up():
    rng = np.random.default_rng(1)
    prediction, target = rng.uniform(0, 1, (2, 3, 8, 20))
    sigma = rng.uniform(0.1, 0.5, target.shape)
    sigma[1, 2, 3] = np.nan
    mask = rng.random(target.shape[1:]) < 0.7
    halves = [coverage(*(image[..., part] for image in (prediction, target, sigma)), mask[..., part])
              for part in (np.s_[:10], np.s_[10:])]  # fmt: skip
    total, whole = add_up(halves), coverage(prediction, target, sigma, mask)
    assert total[:3] == whole[:3]
    assert total.nll() == pytest.approx(whole.nll())
    assert add_up([]).values == 0
    assert math.isnan(add_up([]).nll())


def test_only_masked_values_with_an_estimate_are_counted():
    error, sigma = counted_errors([[[1.0, 2.0, 4.0]]], np.zeros((1, 1, 3)), [[[0.5, np.nan, 0.5]]], [[1, 1, 0]])
    assert error.tolist() == [1.0]
    assert sigma.tolist() == [0.5]


@pytest.mark.parametrize("scale", [1.0, 3.7, 0.2])
def test_uncertainty_that_sorts_the_errors_leaves_no_area(scale):
    error = np.random.default_rng(0).uniform(0.001, 0.2, 50_000)
    curve = classify(error, scale * error).sparsification()
    assert curve.ause() == pytest.approx(0, abs=1e-12 if scale == 1 else 2e-3)
    assert curve.rmse[0] == pytest.approx(math.sqrt((error**2).mean()))
    assert (np.diff(curve.rmse) < 0).all()


def test_curves_equal_those_of_sorted_values(normal):
    error, sigma = normal
    curve = classify(error, sigma).sparsification()
    assert np.allclose(curve.rmse, kept_by_sorting(error, sigma), rtol=0.01)
    assert np.allclose(curve.oracle, kept_by_sorting(error, error), rtol=0.02)


def test_uncertainty_that_says_nothing_keeps_the_error():
    error = np.abs(np.random.default_rng(0).normal(0, 0.05, 50_000))
    says_nothing = classify(error, np.full_like(error, 0.05)).sparsification()
    assert np.allclose(says_nothing.rmse, says_nothing.rmse[0])
    reversed_ = classify(error, 0.2 / (0.01 + error)).sparsification()
    assert 0.3 < says_nothing.ause() < reversed_.ause()


def test_calibration_curve_of_normal_errors_is_the_diagonal(normal):
    error, sigma = normal
    assert np.allclose(classify(error, sigma).calibration(), EXPECTED, atol=0.01)
    doubled = classify(error, 2 * sigma).calibration()
    assert np.allclose(doubled, 2 * norm.cdf(2 * norm.ppf((1 + np.array(EXPECTED)) / 2)) - 1, atol=0.01)


def test_classes_of_images_add_up_in_bounded_memory(normal):
    error, sigma = normal
    whole = classify(error, sigma)
    parts = merge(classify(error[start::3], sigma[start::3]) for start in range(3))
    assert np.allclose(parts.by_sigma, whole.by_sigma)
    assert np.allclose(parts.by_error, whole.by_error)
    assert np.array_equal(parts.within, whole.within)
    assert whole.by_sigma.shape == whole.by_error.shape == (2, CLASSES)
    assert whole.values == len(error)


def test_extreme_values_and_none():
    error = np.array([0.0, 1e-9, 50.0])
    found = classify(error, np.array([0.0, 1e-12, 1e3]))
    assert found.values == 3
    assert found.sparsification().rmse[0] == pytest.approx(math.sqrt((error**2).mean()))
    nothing = classify(np.zeros(0), np.zeros(0))
    assert math.isnan(nothing.sparsification().ause())
    assert np.isnan(nothing.calibration()).all()
    assert classify(np.zeros(4), np.ones(4)).sparsification().ause() == 0
