import numpy as np
import pytest

from sunbreak.metrics.interval import DRAWS, bounds, region_difference, region_interval, resample

REGIONS = [str(index // 5) for index in range(60)]


def test_draws_equal_a_direct_loop():
    held = np.random.default_rng(1).uniform(0, 1, (9, 2))
    drawn = np.random.default_rng(0).integers(0, 9, (DRAWS, 9))
    assert np.allclose(resample(held), held[drawn].sum(axis=1))


def test_a_difference_is_known_better_than_either_mean():
    rng = np.random.default_rng(0)
    hard = rng.normal(25, 4, 60)  # what makes patches easy or hard for all models
    gain = rng.normal(0.3, 0.2, 60)
    low, high = region_interval((hard + gain).tolist(), REGIONS)
    found = region_difference((hard + gain).tolist(), hard.tolist(), REGIONS)
    assert found.mean == pytest.approx(gain.mean())
    assert found.interval == pytest.approx(region_interval(gain.tolist(), REGIONS))
    assert 0 < found.interval[0] < found.interval[1] < 1 < high - low


def test_patches_that_one_model_has_no_score_on_are_not_compared():
    nan, inf = float("nan"), float("inf")
    found = region_difference([1.0, nan, 3.0, inf], [0.5, 1.0, nan, 2.0], list("abcd"))
    assert found.mean == 0.5
    assert found.interval is None
    assert np.isnan(region_difference([nan], [1.0], ["a"]).mean)


def test_regions_without_a_score_do_not_count_towards_an_interval():
    values = [20.0] * 7 + [float("nan")] * 3
    assert region_interval(values, [str(index) for index in range(10)]) is None


def test_bounds_pass_over_draws_without_a_value():
    assert bounds([*np.linspace(0, 1, 101), float("nan")]) == pytest.approx((0.025, 0.975))
