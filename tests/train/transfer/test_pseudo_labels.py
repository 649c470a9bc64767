"""Which pseudo-labels are believed: gate, threshold, balance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbreak.errors import GeometryError, OptionError
from sunbreak.train.transfer.pseudo_labels import CLOUD_AWARE, FAITHFUL, LabelFilter, pseudo_label

EVERYTHING = LabelFilter(threshold=None)
seeds = st.integers(0, 2**32 - 1)
shares = st.floats(0.01, 1)


def target(seed, n=40, classes=4):
    """Logits that prefer the first class, and cloud shares."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, classes))
    logits[:, 0] += 1.5
    return logits, rng.uniform(0, 1, n)


def test_labels_and_confidence_are_those_of_the_softmax():
    logits, cloud = target(0)
    found = pseudo_label(logits, cloud, EVERYTHING)
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_array_equal(found.labels, logits.argmax(1))
    np.testing.assert_allclose(found.confidence, chances.max(1))
    assert found.kept.all()


@given(seeds, st.floats(0.3, 0.9))
def test_the_threshold_alone_decides_in_the_faithful_form(seed, threshold):
    found = pseudo_label(*target(seed), LabelFilter(threshold))
    np.testing.assert_array_equal(found.kept, found.confidence >= threshold)


def test_the_faithful_form_needs_no_clouds_and_does_not_heed_them():
    logits, cloud = target(1)
    assert LabelFilter(0.7, None, None) == FAITHFUL
    np.testing.assert_array_equal(pseudo_label(logits).kept, pseudo_label(logits, cloud).kept)


@given(seeds, st.floats(0.2, 1))
def test_the_gate_lets_no_cloudier_patch_through(seed, limit):
    logits, cloud = target(seed)
    kept = pseudo_label(logits, cloud, LabelFilter(None, max_cloud=limit)).kept
    np.testing.assert_array_equal(kept, cloud <= limit)


@given(seeds, shares)
def test_no_class_floods_the_balanced_set_and_its_surest_stay(seed, share):
    logits, cloud = target(seed)
    found = pseudo_label(logits, cloud, LabelFilter(None, share=share))
    most = math.ceil(share * len(cloud) / len(np.unique(found.labels)))
    for label in np.unique(found.labels):
        ours = found.labels == label
        assert (found.kept & ours).sum() == min(most, ours.sum())
        left_out = found.confidence[ours & ~found.kept]
        assert not left_out.size or left_out.max() <= found.confidence[ours & found.kept].min()


@given(seeds, shares)
def test_balance_trims_what_the_other_rules_leave(seed, share):
    logits, cloud = target(seed)
    kept = pseudo_label(logits, cloud, LabelFilter(0.4, max_cloud=0.6, share=share)).kept
    candidates = pseudo_label(logits, cloud, LabelFilter(0.4, max_cloud=0.6)).kept
    assert kept.any()
    assert not (kept & ~candidates).any()


@given(seeds, st.sampled_from([FAITHFUL, CLOUD_AWARE, LabelFilter(0.5, 0.8, 0.3)]))
def test_the_choice_does_not_depend_on_the_order(seed, rules):
    logits, cloud = target(seed)
    order = np.random.default_rng(seed).permutation(len(cloud))
    straight, turned = pseudo_label(logits, cloud, rules), pseudo_label(logits[order], cloud[order], rules)
    np.testing.assert_array_equal(turned.kept, straight.kept[order])


@given(seeds)
def test_the_cloud_aware_form_keeps_lightly_clouded_patches_and_no_class_too_often(seed):
    logits, cloud = target(seed)
    found = pseudo_label(logits, cloud, CLOUD_AWARE)
    light = cloud <= 0.3
    assert light[found.kept].all()
    predicted = np.unique(found.labels[light])
    assert np.bincount(found.labels[found.kept]).max() <= np.ceil(0.9 * light.sum() / len(predicted))


def test_equally_sure_patches_are_taken_from_the_clearest_on():
    logits = np.tile([2.0, 0.0], (4, 1))
    kept = pseudo_label(logits, [0.9, 0.1, 0.5, 0.2], LabelFilter(None, share=0.5)).kept
    assert kept.tolist() == [False, True, False, True]


def test_half_precision_is_as_good():
    logits = np.array([[60_000.0, -60_000.0], [np.inf, 0.0]], np.float16)
    found = pseudo_label(logits)
    assert found.kept.all()
    np.testing.assert_array_equal(found.confidence, 1)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (LabelFilter(0.99), r"largest confidence is 0\.\d\d.*lower the threshold"),
        (LabelFilter(None, max_cloud=0.05), r"the clearest: 0\.40.*raise max_cloud"),
        (LabelFilter(0.99, max_cloud=0.5), "lower the threshold"),
    ],
)
def test_when_nothing_is_kept_the_message_names_the_rule_to_loosen(rules, words):
    with pytest.raises(OptionError, match=words) as caught:
        pseudo_label([[1.0, 0.0], [0.5, 0.0]], [0.4, 0.8], rules)
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_is_refused():
    with pytest.raises(OptionError, match="no patches"):
        pseudo_label(np.zeros((0, 4)))
    with pytest.raises(OptionError, match="needs the cloud share"):
        pseudo_label([[1.0, 0.0]], None, CLOUD_AWARE)
    with pytest.raises(OptionError, match="NaN"):
        pseudo_label([[np.nan, 0.0]])
    with pytest.raises(GeometryError, match="2 patches"):
        pseudo_label(np.zeros((2, 3)), [0.1])
    with pytest.raises(GeometryError, match="patch, class"):
        pseudo_label(np.zeros(3))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"threshold": 1.2}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"max_cloud": 30}, "max_cloud"),
        ({"share": 0.0}, "share"),
        ({"share": 1.5}, "share"),
    ],
)
def test_impossible_rules_are_refused(change, word):
    with pytest.raises(OptionError, match=word):
        LabelFilter(**change)
