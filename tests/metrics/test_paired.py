import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sunbreak.errors import GeometryError, OptionError
from sunbreak.metrics.paired import holm, paired_bootstrap, seed_interval

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def right(seeds, patches, share, seed=0):
    return np.random.default_rng(seed).random((seeds, patches)) < share


def test_interval_over_seeds_equals_scipy():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.7, 0.05, (2, 5))
    mean, interval, p = seed_interval(first - second)
    oracle = stats.ttest_rel(first, second)
    assert mean == pytest.approx((first - second).mean())
    assert p == pytest.approx(oracle.pvalue)
    assert interval == pytest.approx(tuple(oracle.confidence_interval(0.95)))


def test_interval_over_seeds_by_hand():
    # mean 2, standard error 1 / sqrt(3), 97.5 % of Student's t with 2 degrees of freedom: 4.302653
    found = seed_interval([1, 2, 3])
    assert found.interval == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), abs=1e-6)
    assert found.p == pytest.approx(0.0742, abs=1e-4)


def test_one_seed_has_no_interval_and_equal_seeds_no_width():
    alone = seed_interval([0.3])
    assert alone.mean == 0.3
    assert np.isnan([*alone.interval, alone.p]).all()
    assert seed_interval([0.5, 0.5]) == (0.5, (0.5, 0.5), 0.0)
    assert seed_interval([0.0, 0.0, 0.0]) == (0.0, (0.0, 0.0), 1.0)
    with pytest.raises(OptionError, match="at least one seed"):
        seed_interval([])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.floats(0.1, 10))
def test_interval_over_seeds_turns_and_grows_with_its_values(values, scale):
    found, turned = seed_interval(values), seed_interval([-scale * value for value in values])
    assert turned.mean == pytest.approx(-scale * found.mean, abs=1e-12)
    assert turned.interval == pytest.approx((-scale * found.interval[1], -scale * found.interval[0]), abs=1e-9)


def test_bootstrap_equals_scipy():
    first, second = right(3, 400, 0.7), right(3, 400, 0.6, seed=1)
    gains = (first.astype(int) - second).mean(axis=0)
    oracle = stats.bootstrap((gains,), np.mean, n_resamples=10_000, method="percentile", rng=0).confidence_interval
    found = paired_bootstrap(first, second)
    assert found.mean == pytest.approx(gains.mean())
    assert found.interval == pytest.approx((oracle.low, oracle.high), abs=0.005)


def test_bootstrap_equals_a_direct_loop_over_drawn_patches():
    first, second = right(2, 60, 0.75), right(2, 60, 0.7, seed=1)
    rng = np.random.default_rng(3)
    means = []
    for _ in range(4000):
        drawn = rng.integers(0, 60, 60)  # the same for both seeds and both methods
        means.append(first[:, drawn].mean() - second[:, drawn].mean())
    found = paired_bootstrap(first, second)
    assert found.interval == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)
    assert found.p == pytest.approx(2 * min(np.mean(np.array(means) <= 0), np.mean(np.array(means) >= 0)), abs=0.05)


def test_bootstrap_turns_with_its_methods_and_repeats():
    first, second = right(3, 200, 0.7), right(3, 200, 0.65, seed=1)
    found, turned = paired_bootstrap(first, second), paired_bootstrap(second, first)
    assert found == paired_bootstrap(first, second)
    assert turned.mean == -found.mean
    assert turned.interval == pytest.approx((-found.interval[1], -found.interval[0]), abs=0.01)
    assert turned.p == pytest.approx(found.p, abs=0.05)


def test_what_the_methods_share_is_no_noise():
    hard = right(1, 300, 0.5).repeat(3, axis=0)  # patches that both get right or wrong, whatever the seed
    better = hard.copy()
    better[:, np.flatnonzero(~hard[0])[:15]] = True
    low, high = paired_bootstrap(better, hard).interval
    assert 0.02 < low < 0.05 < high < 0.08
    assert paired_bootstrap(hard, hard) == (0.0, (0.0, 0.0), 1.0)


def test_p_of_the_bootstrap_is_even_where_nothing_differs():
    found = [paired_bootstrap(right(2, 150, 0.6, seed), right(2, 150, 0.6, 1000 + seed)).p for seed in range(100)]
    assert stats.kstest(found, "uniform").pvalue > 0.001
    assert paired_bootstrap(np.ones((1, 50)), np.zeros((1, 50))).p < 0.001


@pytest.mark.parametrize("shapes", [((2, 5), (2, 4)), ((5,), (5,)), ((0, 5), (0, 5)), ((2, 0), (2, 0))])
def test_answers_that_are_not_pairs_are_refused(shapes):
    with pytest.raises(GeometryError, match=r"both must be \(seed, patch\)"):
        paired_bootstrap(*map(np.ones, shapes))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.04]) == pytest.approx([0.04])
    assert holm([]).size == 0


@settings(max_examples=50, deadline=None)
@given(p_values)
def test_holm_decides_as_the_step_down_procedure(raw):
    adjusted = holm(raw)
    for level in (0.01, 0.05, 0.3):
        believed = set()
        for step, place in enumerate(sorted(range(len(raw)), key=lambda at: raw[at])):
            if raw[place] * (len(raw) - step) > level:
                break
            believed.add(place)
        assert believed == set(np.flatnonzero(adjusted <= level))


@settings(max_examples=50, deadline=None)
@given(p_values)
def test_holm_raises_and_keeps_the_order(raw):
    adjusted = holm(raw)
    assert (adjusted >= np.array(raw)).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


def test_holm_does_not_depend_on_the_order():
    raw = np.array([0.2, 0.01, 0.04, 0.011])
    for order in itertools.permutations(range(4)):
        assert holm(raw[list(order)]) == pytest.approx(holm(raw)[list(order)])


def test_comparisons_that_could_not_be_made_count_for_none():
    found = holm([0.02, math.nan, 0.03])
    assert found[[0, 2]] == pytest.approx([0.04, 0.04])
    assert math.isnan(found[1])
    with pytest.raises(OptionError, match=r"must lie in 0\.\.1"):
        holm([0.5, 1.5])
