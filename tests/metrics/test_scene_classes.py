import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from sunbreak.errors import GeometryError, OptionError
from sunbreak.metrics import accuracy
from sunbreak.metrics.confidence import expected_calibration_error, probabilities
from sunbreak.metrics.scene_classes import (
    COVERS,
    average_accuracy,
    class_accuracies,
    class_scores,
    contribution,
    cover_of,
    kappa,
    macro_f1,
    scene_confusion,
)

CLASSES = 6
LABELS = np.random.default_rng(0).choice(CLASSES, 500, p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05])
LOGITS = 2 * np.random.default_rng(1).normal(size=(500, CLASSES)) + 3 * np.eye(CLASSES)[LABELS]
MATRIX = scene_confusion(LOGITS.argmax(axis=1), LABELS, CLASSES)

answer_pairs = st.integers(1, 5).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.tuples(*[st.integers(0, count - 1)] * 2), min_size=1, max_size=40),
    )
)
rights = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def oracle():
    """The functions of torchmetrics, on arrays."""
    torch = pytest.importorskip("torch", reason="torchmetrics is the oracle")
    functions = pytest.importorskip("torchmetrics.functional.classification")

    def call(name, **options):
        values = torch.from_numpy(LOGITS), torch.from_numpy(LABELS)
        return float(getattr(functions, name)(*values, num_classes=CLASSES, **options))

    return call


def test_scores_equal_torchmetrics(oracle):
    scores = class_scores(MATRIX)
    assert scores.accuracy == pytest.approx(oracle("multiclass_accuracy", average="micro"), abs=1e-6)
    assert scores.average_accuracy == pytest.approx(oracle("multiclass_accuracy", average="macro"), abs=1e-6)
    assert scores.macro_f1 == pytest.approx(oracle("multiclass_f1_score", average="macro"), abs=1e-6)
    assert scores.kappa == pytest.approx(oracle("multiclass_cohen_kappa"), abs=1e-6)


def test_the_calibration_error_equals_torchmetrics(oracle):
    found = expected_calibration_error(LOGITS, LABELS)
    assert found > 0.02
    assert found == pytest.approx(oracle("multiclass_calibration_error", n_bins=15), abs=1e-6)


def test_counts_are_where_they_belong():
    assert scene_confusion([1, 1, 0], [0, 1, 0], 3).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert MATRIX.sum() == 500
    assert np.array_equal(MATRIX.sum(axis=1), np.bincount(LABELS, minlength=CLASSES))


def test_classes_that_are_not_there_are_left_out_of_means():
    matrix = scene_confusion([0, 1, 2], [0, 0, 1], 4)  # 2 is said and is not there, 3 is neither
    assert class_accuracies(matrix)[:2].tolist() == [0.5, 0.0]
    assert np.isnan(class_accuracies(matrix)[2:]).all()
    assert average_accuracy(matrix) == 0.25
    assert macro_f1(matrix) == pytest.approx((2 / 3 + 0) / 2)
    assert class_scores(matrix).classes == 2


@settings(max_examples=50, deadline=None)
@given(answer_pairs)
def test_scores_stay_in_their_ranges(drawn):
    count, pairs = drawn
    said, truth = np.array(pairs).T
    matrix = scene_confusion(said, truth, count)
    for score in (accuracy(matrix), average_accuracy(matrix), macro_f1(matrix)):
        assert 0 <= score <= 1
    assert math.isnan(kappa(matrix)) or -1 <= kappa(matrix) <= 1


@settings(max_examples=50, deadline=None)
@given(answer_pairs)
def test_the_order_of_patches_and_the_names_of_classes_do_not_matter(drawn):
    count, pairs = drawn
    said, truth = np.array(pairs).T
    renamed = np.random.default_rng(0).permutation(count)
    one, other = scene_confusion(said, truth, count), scene_confusion(renamed[said][::-1], renamed[truth][::-1], count)
    assert class_scores(other)[:5] == pytest.approx(class_scores(one)[:5])
    assert kappa(other) == pytest.approx(kappa(one), nan_ok=True)


def test_right_answers_score_one_and_the_same_answer_everywhere_no_kappa():
    perfect = class_scores(scene_confusion(LABELS, LABELS, CLASSES))
    assert perfect[2:6] == (1, 1, 1, 1)
    same = class_scores(scene_confusion(np.zeros_like(LABELS), LABELS, CLASSES))
    assert same.kappa == 0
    assert same.average_accuracy == pytest.approx(1 / CLASSES)


def test_one_class_that_is_all_there_is_leaves_kappa_undefined():
    assert math.isnan(kappa(scene_confusion([1, 1], [1, 1], 3)))
    nothing = class_scores(scene_confusion(np.zeros(0, int), np.zeros(0, int), 3))
    assert nothing[:2] == (0, 0)
    assert all(math.isnan(score) for score in nothing[2:])


def test_labels_of_nobody_and_other_lengths_are_refused():
    with pytest.raises(OptionError, match=r"labels hold -1, no class of 0..2; leave unlabelled patches out"):
        scene_confusion([0, 1], [0, -1], 3)
    with pytest.raises(OptionError, match=r"answers hold 3, no class of 0..2"):
        scene_confusion([0, 3], [0, 1], 3)
    with pytest.raises(GeometryError, match=r"shape \(2,\) and labels \(3,\)"):
        scene_confusion([0, 1], [0, 1, 2], 3)
    with pytest.raises(GeometryError, match="logits have shape"):
        expected_calibration_error(LOGITS, LABELS[1:])


def test_probabilities_equal_scipy_and_bear_large_logits():
    assert np.allclose(probabilities(LOGITS), softmax(LOGITS, axis=1))
    assert np.isfinite(probabilities(1e4 * LOGITS.astype(np.float32))).all()
    assert probabilities([[0.0, -np.inf]]).tolist() == [[1.0, 0.0]]


def test_sure_answers_are_as_well_calibrated_as_they_are_right():
    certain = 100.0 * np.eye(CLASSES)
    assert expected_calibration_error(certain[LABELS], LABELS) == pytest.approx(0, abs=1e-12)
    assert expected_calibration_error(certain[(LABELS + 1) % CLASSES], LABELS) == pytest.approx(1)
    half_wrong = np.where(np.arange(500) % 2, LABELS, (LABELS + 1) % CLASSES)
    assert expected_calibration_error(certain[half_wrong], LABELS) == pytest.approx(0.5)
    assert math.isnan(expected_calibration_error(np.zeros((0, 3)), np.zeros(0, int)))


def test_confidence_that_is_met_is_no_error():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (100_000, 4))
    drawn = (probabilities(logits).cumsum(axis=1) > rng.random((100_000, 1))).argmax(axis=1)
    assert expected_calibration_error(logits, drawn) < 0.01
    assert expected_calibration_error(3 * logits, drawn) > 0.1


@settings(max_examples=50, deadline=None)
@given(rights)
def test_contributions_add_up_to_the_worth_of_the_fused_answer(drawn):
    both, one, other = np.array(drawn).T
    assert np.array_equal(contribution(both, one, other) + contribution(both, other, one), 2.0 * both)


@settings(max_examples=50, deadline=None)
@given(rights)
def test_modalities_that_are_alike_contribute_alike(drawn):
    both, one, _ = np.array(drawn).T
    assert np.array_equal(contribution(both, one, one), 1.0 * both)


def test_contributions_equal_shapley_values_from_their_definition():
    both, one, other = (np.array(bits, bool) for bits in np.array(list(np.ndindex(2, 2, 2))).T)
    alone = one - 0.0  # added first, to nothing
    added = 2.0 * both - other  # added second, to the other one
    assert np.array_equal(contribution(both, one, other), (alone + added) / 2)
    with pytest.raises(GeometryError, match="alike"):
        contribution(both, one[1:], other)


def test_bins_of_cloud_cover_follow_each_other():
    clouds = np.linspace(0, 1, 1001)
    places = [COVERS.index(cover_of(cloud)) for cloud in clouds]
    assert places == sorted(places)
    assert set(places) == set(range(len(COVERS)))
    assert cover_of(np.float32(0.6)) == "60-80 %"
    assert [cover_of(cloud) for cloud in (0.994, 0.995)] == ["80-100 %", "fully covered"]
