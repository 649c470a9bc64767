import numpy as np
import pytest

from sunbreak.metrics import coverage, match_to_input, region_mask
from sunbreak.metrics.interval import region_interval


@pytest.fixture
def target():
    return np.random.default_rng(0).uniform(0.05, 0.4, (3, 40, 40))


def test_mean_and_deviation_are_those_of_the_input(target):
    rng = np.random.default_rng(1)
    observed = 0.03 + 1.2 * target + rng.normal(0, 0.02, target.shape)
    clear = rng.random((40, 40)) < 0.7
    matched = match_to_input(target, observed, clear)
    assert np.allclose(matched[:, clear].mean(1), observed[:, clear].mean(1))
    assert np.allclose(matched[:, clear].std(1), observed[:, clear].std(1))


@pytest.mark.parametrize(("scale", "gain"), [(3.0, 1.4), (0.1, 0.7), (1.1, 1.1)])
def test_gain_is_bounded(target, scale, gain):
    matched = match_to_input(target, scale * target, np.ones((40, 40), bool))
    assert np.allclose(matched.std(axis=(1, 2)), gain * target.std(axis=(1, 2)))


def test_unrelated_images_are_not_shrunk_towards_the_mean(target):
    unrelated = np.random.default_rng(9).permuted(target.reshape(3, -1), axis=1).reshape(target.shape)
    matched = match_to_input(target, unrelated, np.ones((40, 40), bool))
    assert np.allclose(matched.std(axis=(1, 2)), target.std(axis=(1, 2)))  # a regression would give almost 0


def test_too_few_clear_pixels(target):
    clear = np.zeros((40, 40), bool)
    clear.flat[:499] = True
    assert match_to_input(target, target, clear) is None
    clear.flat[:500] = True
    assert match_to_input(target, target, clear) is not None
    missing = target.copy()
    missing[1, 0, 0] = np.nan
    assert match_to_input(missing, target, clear) is None


def test_constant_band_takes_the_mean_only():
    matched = match_to_input(np.full((1, 30, 30), 0.2), np.full((1, 30, 30), 0.3), np.ones((30, 30), bool))
    assert np.allclose(matched, 0.3)


def test_regions():
    quality = [[0, 1, 2, 3, 4]]
    found = {region: region_mask(quality, region)[0].tolist() for region in ("all", "cloud", "shadow", "clear")}
    assert found == {
        "all": [False, True, True, True, True],
        "cloud": [False, False, True, True, False],
        "shadow": [False, False, False, False, True],
        "clear": [False, True, False, False, False],
    }


def test_coverage_of_normal_errors():
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.01, 0.1, (4, 100, 100))
    error = sigma * rng.standard_normal(sigma.shape)
    one, two = coverage(error, np.zeros_like(error), sigma, np.ones((100, 100))).shares()
    assert one == pytest.approx(0.6827, abs=0.01)
    assert two == pytest.approx(0.9545, abs=0.01)


def test_interval_is_as_wide_as_the_normal_one():
    values = np.random.default_rng(0).normal(25, 3, 60)
    low, high = region_interval(values, [str(index) for index in range(60)])
    half = 1.96 * values.std() / 60**0.5
    assert low == pytest.approx(values.mean() - half, abs=0.1)
    assert high == pytest.approx(values.mean() + half, abs=0.1)


def test_no_interval_below_eight_regions():
    assert region_interval([1.0] * 70, [str(index % 7) for index in range(70)]) is None
