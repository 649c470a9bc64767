import numpy as np
import pytest

from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.prior.see_through import cloud_hypotheses, see_through, shadow_hypotheses

BANDS = list(L2A_BANDS)
RNG = np.random.default_rng(0)


def pixels(count=4000):
    """Truth, a first estimate with correlated errors, and their covariance."""
    spread = np.linspace(0.01, 0.05, len(BANDS))
    shape = np.exp(-np.abs(np.subtract.outer(np.arange(len(BANDS)), np.arange(len(BANDS)))) / 4)
    covariance = shape * np.outer(spread, spread)
    truth = (
        0.05 + np.linspace(0, 0.25, len(BANDS))[:, None] + RNG.multivariate_normal(np.zeros(12), covariance, count).T
    )
    first = np.tile(0.05 + np.linspace(0, 0.25, len(BANDS))[:, None], count)
    return truth, first.astype(np.float32), np.tile(spread[:, None], count).astype(np.float32), covariance


def rmse(estimate, truth):
    return float(np.sqrt(((estimate - truth) ** 2).mean()))


def test_a_thin_cloud_lets_the_surface_correct_the_estimate():
    truth, first, sigma, covariance = pixels()
    cloud = 0.05
    observed = cloud + (1 - cloud) ** 2 * truth
    mean, spread = see_through(first, sigma, covariance, observed, cloud_hypotheses(BANDS), BANDS)
    assert rmse(mean, truth) < 0.85 * rmse(first, truth)
    assert (spread < sigma).mean() > 0.9
    assert 0.6 < (np.abs(mean - truth) <= spread).mean() < 0.76


def test_an_opaque_cloud_teaches_nothing():
    truth, first, sigma, covariance = pixels()
    observed = np.full_like(truth, 0.82)
    mean, spread = see_through(first, sigma, covariance, observed, cloud_hypotheses(BANDS), BANDS)
    assert np.abs(mean - first).max() < 0.02
    np.testing.assert_allclose(spread, sigma, rtol=0.2)


@pytest.mark.parametrize(("direct", "left"), [(0.1, 1.0), (0.5, 0.97), (0.8, 0.9)])
def test_the_lighter_a_shadow_the_more_it_corrects_the_estimate(direct, left):
    truth, first, sigma, covariance = pixels()
    observed = truth * (direct + (1 - direct) * 0.12)
    mean, _ = see_through(first, sigma, covariance, observed, shadow_hypotheses(BANDS, "L2A"), BANDS)
    assert rmse(mean, truth) < left * rmse(first, truth)


def test_pixels_without_data_keep_the_first_estimate():
    truth, first, sigma, covariance = pixels(10)
    observed = truth.copy()
    observed[3, 4] = np.nan
    mean, spread = see_through(first, sigma, covariance, observed, cloud_hypotheses(BANDS), BANDS)
    np.testing.assert_array_equal(mean[:, 4], first[:, 4])
    np.testing.assert_allclose(spread[:, 4], sigma[:, 4], rtol=1e-6)


def test_any_band_subset_works_down_to_one_that_shows_only_air():
    for bands in (["B02", "B03", "B04", "B08"], ["B10"], ["B04"], list(L1C_BANDS)):
        first = np.full((len(bands), 5), 0.1, np.float32)
        mean, sigma = see_through(
            first, first / 10, np.eye(len(bands)) * 1e-4, first + 0.1, cloud_hypotheses(bands), bands
        )
        assert mean.shape == sigma.shape == first.shape
        assert np.isfinite(mean).all()


def test_clouds_thicken_and_shadows_lighten_from_one_hypothesis_to_the_next():
    added = [hypothesis.added[0] for hypothesis in cloud_hypotheses(BANDS)]
    dimmed = [hypothesis.dimmed[-1] for hypothesis in shadow_hypotheses(BANDS, "L2A")]
    assert added == sorted(added)
    assert dimmed == sorted(dimmed)
    assert dimmed[-1] == pytest.approx(1.0)
    blue, swir = shadow_hypotheses(BANDS, "L2A")[0].dimmed[[1, -1]]
    assert blue > 3 * swir  # scattered light is blue
