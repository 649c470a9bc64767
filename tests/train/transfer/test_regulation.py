"""Weights of the three teachers: invariants first, then each rule's direction."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sunbreak.errors import GeometryError, OptionError
from sunbreak.train.transfer.regulation import (
    Mode,
    Regulation,
    Score,
    clear_view_weights,
    constant,
    log_softmax,
    regulate,
)

MODES = get_args(Mode)
SCORES = get_args(Score)
logits = arrays(np.float64, (5, 3), elements=st.floats(-60, 60))
options = st.builds(
    Regulation,
    mode=st.sampled_from(MODES),
    score=st.sampled_from(SCORES),
    alpha=st.floats(0, 5),
    temperature=st.floats(0.5, 8),
    batch=st.integers(1, 7),
)
SURE, UNSURE = [[6.0, 0.0]], [[1.0, 0.0]]


def equal(first, second):
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


@given(logits, logits, options)
def test_equal_auxiliaries_weigh_one(source, auxiliary, rule):
    assert equal(regulate(source, auxiliary, auxiliary, rule), constant(5, source=1, optical=1, radar=1))


@given(logits, logits, logits, options)
def test_swapped_auxiliaries_swap_weights(source, optical, radar, rule):
    weights, swapped = regulate(source, optical, radar, rule), regulate(source, radar, optical, rule)
    assert equal(weights, (swapped.source, swapped.radar, swapped.optical))


@given(logits, logits, logits, options)
def test_weights_are_finite_and_the_source_weighs_one(source, optical, radar, rule):
    weights = np.stack(regulate(source, optical, radar, rule))
    assert weights.shape == (3, 5)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert (weights[0] == 1).all()


@given(logits, logits, logits, options, st.sampled_from(["ogm", "ogm_batch"]))
def test_ogm_damps_at_most_one_auxiliary_and_never_to_nothing(source, optical, radar, rule, mode):
    _, *weights = regulate(source, optical, radar, replace(rule, mode=mode))
    assert (np.stack(weights) > 0).all()
    assert (np.stack(weights) <= 1).all()
    assert (np.sum(np.stack(weights) < 1, axis=0) <= 1).all()


@given(logits, logits, logits, options, st.sampled_from(["ogm", "ogm_batch"]))
def test_alpha_of_zero_equals_equal_weights(source, optical, radar, rule, mode):
    still, plain = replace(rule, mode=mode, alpha=0.0), replace(rule, mode="equal")
    assert equal(regulate(source, optical, radar, still), regulate(source, optical, radar, plain))


@given(logits, logits, logits, options)
def test_groups_of_one_sample_equal_the_rule_per_sample(source, optical, radar, rule):
    grouped, single = replace(rule, mode="ogm_batch", batch=1), replace(rule, mode="ogm")
    assert equal(regulate(source, optical, radar, grouped), regulate(source, optical, radar, single))


@given(logits, logits, logits, options.filter(lambda rule: rule.mode != "ogm_batch"), st.permutations(range(5)))
def test_a_sample_is_weighed_for_itself(source, optical, radar, rule, order):
    turned = regulate(source[order], optical[order], radar[order], rule)
    np.testing.assert_allclose(np.stack(turned), np.stack(regulate(source, optical, radar, rule))[:, order])


@given(logits, logits, logits, st.sampled_from(["share", "inverse_share"]))
def test_the_two_shares_add_up_to_two_and_mirror_each_other(source, optical, radar, mode):
    weights = regulate(source, optical, radar, Regulation(mode=mode))
    other = "share" if mode == "inverse_share" else "inverse_share"
    np.testing.assert_allclose(weights.optical + weights.radar, 2)
    np.testing.assert_allclose(weights.radar, regulate(source, optical, radar, Regulation(mode=other)).optical)


def test_ogm_is_one_minus_tanh_of_the_scores_ratio():
    weights = regulate(SURE, SURE, UNSURE, Regulation(alpha=0.3, temperature=2.0))
    ratio = np.exp(log_softmax(SURE, 2.0) - log_softmax(UNSURE, 2.0))[0, 0]
    np.testing.assert_allclose(weights.optical, 1 - np.tanh(0.3 * ratio))
    assert weights.radar[0] == 1


@pytest.mark.parametrize(
    ("mode", "favoured"),
    [("ogm", "radar"), ("inverse_ratio", "radar"), ("inverse_share", "radar"), ("share", "optical")],
)
@pytest.mark.parametrize("score", SCORES)
def test_every_rule_points_its_way_when_the_optical_auxiliary_is_superior(mode, favoured, score):
    weights = regulate(SURE, SURE, UNSURE, Regulation(mode=mode, score=score))
    assert (weights.radar > weights.optical)[0] == (favoured == "radar")


def test_inverse_ratio_gives_what_it_takes():
    weights = regulate(SURE, SURE, UNSURE, Regulation(mode="inverse_ratio"))
    assert weights.optical[0] < 1
    assert weights.optical * weights.radar == pytest.approx(1)


def test_the_label_is_the_sources_not_the_auxiliaries_own():
    confident_elsewhere = [[0.0, 9.0]]
    weights = regulate(SURE, UNSURE, confident_elsewhere)
    assert weights.optical[0] < 1
    assert weights.radar[0] == 1


def test_agreement_sees_more_than_the_label():
    source, optical, radar = [[2.0, 1.9, -9.0]], [[2.0, 1.9, -9.0]], [[2.0, -9.0, 1.9]]
    assert regulate(source, optical, radar).optical[0] == 1
    assert regulate(source, optical, radar, Regulation(score="agree")).optical[0] < 1


def test_ratios_stop_at_their_limit():
    rule = Regulation(mode="inverse_ratio", temperature=1.0, ratio_limit=4.0)
    weights = regulate([[50.0, 0.0]], [[50.0, 0.0]], [[0.0, 50.0]], rule)
    np.testing.assert_allclose([weights.optical[0], weights.radar[0]], [1 / 4, 4])


def test_a_group_shares_the_weights_of_its_summed_scores():
    rng = np.random.default_rng(3)
    source, optical, radar = rng.normal(0, 3, (3, 5, 4))
    weights = regulate(source, optical, radar, Regulation(mode="ogm_batch", batch=3))
    label = source.argmax(1)
    scores = [np.exp(log_softmax(one, 4.0))[np.arange(5), label] for one in (optical, radar)]
    for rows in (slice(0, 3), slice(3, 5)):
        ratio = scores[0][rows].sum() / scores[1][rows].sum()
        better = weights.optical if ratio > 1 else weights.radar
        np.testing.assert_allclose(better[rows], 1 - np.tanh(0.1 * max(ratio, 1 / ratio)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("kind", ["float16", "float32"])
@pytest.mark.parametrize("radar", [[-60_000.0, 60_000.0], [-np.inf, 0.0], [0.0, np.inf]], ids=str)
def test_scores_of_zero_leave_weights_finite_in_any_precision(mode, score, kind, radar):
    rule = Regulation(mode=mode, score=score, temperature=1.0, batch=2)
    sure = np.array([[60_000.0, -60_000.0]], kind)
    silent = np.array([radar], kind)
    for weights in (regulate(sure, sure, silent, rule), regulate(sure, silent, silent, rule)):
        assert np.isfinite(np.stack(weights)).all()


def test_no_samples_give_no_weights():
    for mode in MODES:
        assert [one.shape for one in regulate(*np.zeros((3, 0, 4)), Regulation(mode=mode))] == [(0,)] * 3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"mode": "best"}, "inverse_ratio"),
        ({"score": "feeling"}, "agree"),
        ({"applied": "features"}, "logits"),
        ({"alpha": -0.1}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"temperature": 0.0}, "temperature"),
        ({"ratio_limit": 0.5}, "ratio_limit"),
        ({"batch": 0}, "batch"),
    ],
)
def test_impossible_options_are_refused_with_what_to_give(change, word):
    with pytest.raises(OptionError, match=word):
        Regulation(**change)


def test_logits_that_do_not_fit_together_are_refused():
    with pytest.raises(GeometryError, match="same"):
        regulate(np.zeros((4, 3)), np.zeros((4, 3)), np.zeros((4, 2)))
    with pytest.raises(GeometryError):
        regulate(np.zeros(3), np.zeros(3), np.zeros(3))
    with pytest.raises(OptionError, match="NaN"):
        regulate(SURE, SURE, [[np.nan, 0.0]])


def test_constant_weights_are_those_given():
    weights = constant(3, source=0.5, optical=2.0)
    assert np.stack(weights).tolist() == [[0.5] * 3, [2.0] * 3, [0.0] * 3]
    with pytest.raises(OptionError, match="weight"):
        constant(3, radar=-1)


@given(arrays(np.float32, 6, elements=st.floats(0, 1, width=32)))
def test_clear_view_weights_follow_the_clear_share_and_leave_radar_alone(cloud):
    weights = clear_view_weights(cloud)
    np.testing.assert_array_equal(weights.source, weights.optical)
    np.testing.assert_allclose(weights.source + cloud, 1)
    assert (weights.radar == 1).all()


@pytest.mark.parametrize("cloud", [[0.5, np.nan], [1.5], [-0.1], [80.0]])
def test_impossible_cloud_shares_are_refused(cloud):
    with pytest.raises(OptionError, match="cloud share"):
        clear_view_weights(cloud)


def test_cloud_maps_are_no_cloud_shares():
    with pytest.raises(GeometryError, match="one number"):
        clear_view_weights(np.zeros((4, 8, 8)))
