import math

import numpy as np
import pytest

from sunbreak.errors import GeometryError, OptionError
from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.metrics import accuracy, confusion, iou, mean_iou_of

CODES = np.array(list(LAND_COVER_LEGEND), np.uint8)


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    target = rng.choice(CODES, (30, 40))
    prediction = np.where(rng.random(target.shape) < 0.6, target, rng.choice(CODES, target.shape))
    target[:3] = 255
    return prediction, target


def test_equals_torchmetrics(maps):
    torch = pytest.importorskip("torch", reason="torchmetrics is the oracle")
    classification = pytest.importorskip("torchmetrics.functional.classification")
    place = np.full(256, -1)
    place[CODES] = np.arange(len(CODES))
    one, other = (torch.from_numpy(place[image]) for image in maps)
    oracle = classification.multiclass_jaccard_index(one, other, num_classes=len(CODES), ignore_index=-1)
    assert mean_iou_of(confusion(*maps)) == pytest.approx(float(oracle), abs=1e-6)


def test_equals_sets(maps):
    target = maps[1]
    ratios = iou(confusion(*maps))
    for code, ratio in zip(CODES, ratios, strict=True):
        one, other = ((image == code) & (target != 255) for image in maps)
        assert ratio == pytest.approx((one & other).sum() / (one | other).sum())


def test_accuracy_equals_torchmetrics(maps):
    torch = pytest.importorskip("torch", reason="torchmetrics is the oracle")
    classification = pytest.importorskip("torchmetrics.functional.classification")
    one, other = (torch.from_numpy(image.astype(int)) for image in maps)
    oracle = classification.multiclass_accuracy(one, other, num_classes=256, ignore_index=255, average="micro")
    assert accuracy(confusion(*maps)) == pytest.approx(float(oracle))


def test_absent_classes_are_left_out_or_count_zero():
    prediction, target = [10, 10, 80, 30, 30], [10, 80, 80, 10, 255]
    matrix = confusion(prediction, target)
    ratios = {code: ratio for code, ratio in zip(CODES, iou(matrix), strict=True) if code in target}
    assert len(ratios) == 2  # grassland is mapped where there is none: no class of the truth
    assert mean_iou_of(matrix) == pytest.approx(sum(ratios.values()) / 2)
    assert mean_iou_of(matrix, absent="zero") == pytest.approx(sum(ratios.values()) / 11)
    assert math.isnan(mean_iou_of(confusion([10], [255]), absent="zero"))


def test_two_ways_agree_where_every_class_is_there(maps):
    matrix = confusion(*maps)
    assert mean_iou_of(matrix) == mean_iou_of(matrix, absent="zero") == pytest.approx(np.mean(iou(matrix)))


def test_unmapped_prediction_counts_against_the_class():
    assert mean_iou_of(confusion([10, 255], [10, 10])) == 0.5


def test_identity_and_nothing():
    assert mean_iou_of(confusion(CODES, CODES)) == 1.0
    assert math.isnan(mean_iou_of(confusion([10], [255])))


def test_foreign_codes_and_shapes_are_refused():
    with pytest.raises(OptionError, match=r"prediction holds codes \[7\]"):
        confusion([7], [10])
    with pytest.raises(GeometryError, match="shapes"):
        confusion([10], [10, 20])
