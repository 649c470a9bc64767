import csv
import dataclasses
import io
import json

import numpy as np
import pytest

from sunbreak.errors import GeometryError, OptionError
from sunbreak.evaluation import write_report
from sunbreak.metrics.confidence import expected_calibration_error
from sunbreak.metrics.scene_class_report import MAJORITY, SceneClassReport
from sunbreak.metrics.scene_classes import average_accuracy, kappa, macro_f1

CLASSES = ("forest", "sea, or lake", "town", "desert")
COUNT = 240
CLOUDS = np.concatenate([np.linspace(0, 0.99, 200), np.full(40, 1.0)])
LABELS = np.random.default_rng(0).choice(3, COUNT, p=[0.5, 0.3, 0.2])  # there is no desert


def logits(skill, seed=0):
    return (np.random.default_rng(seed).normal(size=(COUNT, 4)) + skill * np.eye(4)[LABELS]).astype(np.float32)


def certain(classes):
    return 50.0 * np.eye(4, dtype=np.float32)[classes]


def report(given=None, **changes):
    given = given or {"weak": logits(1), "strong": logits(3, seed=1)}
    fields = {
        "data": "eurosat:there,split=test", "split": "test", "split_hash": "abc123", "version": "9.9",
        "classes": CLASSES, "names": tuple(f"patch-{index}" for index in range(COUNT)),
        "labels": LABELS, "clouds": CLOUDS, "models": tuple(given), "logits": given,
    }  # fmt: skip
    return SceneClassReport(**{**fields, **changes})


def fused():
    return report(parts={"strong": {"optical": logits(0.5, seed=2), "radar": logits(2, seed=3)}})


def record(found, model, group=None):
    name = group or f"all {COUNT} patches"
    return next(one for one in found.records() if (one["model"], one["group"]) == (model, name))


def test_records_are_the_scores_of_their_patches():
    found = report()
    bins = {f"{20 * at}-{20 * at + 20} %": (5 * CLOUDS).astype(int) == at for at in range(5)}
    bins |= {"fully covered": CLOUDS == 1, f"all {COUNT} patches": CLOUDS >= 0}
    assert {one["group"] for one in found.records()} == set(bins)
    for group, where in bins.items():
        said = found.logits["strong"][where].argmax(axis=1)
        scores = record(found, "strong", group)
        matrix = found.matrix("strong", next(one for one in found.groups if one.name == group))
        assert matrix.sum() == scores["patches"] == where.sum()
        assert scores["accuracy"] == pytest.approx((said == LABELS[where]).mean())
        assert scores["average_accuracy"] == average_accuracy(matrix)
        assert scores["macro_f1"] == macro_f1(matrix)
        assert scores["kappa"] == kappa(matrix)
        assert scores["ece"] == expected_calibration_error(found.logits["strong"][where], LABELS[where])
        assert scores["accuracy_of_town"] == pytest.approx((said[LABELS[where] == 2] == 2).mean())
        assert np.isnan(scores["accuracy_of_desert"])
        assert scores["classes"] == 3


def test_bins_without_a_patch_are_left_out():
    found = report(clouds=np.full(COUNT, 0.5))
    assert [group.name for group in found.groups] == [f"all {COUNT} patches", "40-60 %"]
    assert "0-20 %" not in found.text()


def test_the_commonest_class_stands_first():
    found = report()
    assert found.rows == (MAJORITY, "weak", "strong")
    scores = record(found, MAJORITY)
    assert scores["accuracy"] == pytest.approx(np.bincount(LABELS).max() / COUNT)
    assert scores["average_accuracy"] == pytest.approx(1 / 3)
    assert scores["kappa"] == 0
    assert np.isnan(scores["ece"])
    # of the whole data, also where a bin has another one
    odd = report(labels=np.where(CLOUDS == 1, 1, 0))
    assert record(odd, MAJORITY, "fully covered")["accuracy"] == 0


def test_a_perfect_model():
    scores = record(report({"perfect": certain(LABELS)}), "perfect")
    assert [scores[name] for name in ("accuracy", "average_accuracy", "macro_f1", "kappa")] == [1, 1, 1, 1]
    assert scores["ece"] == pytest.approx(0, abs=1e-9)
    assert scores["accuracy_interval_95"] is None  # nothing to draw from


def test_intervals_hold_the_accuracy_and_need_patches():
    found = report()
    low, high = record(found, "weak")["accuracy_interval_95"]
    share = record(found, "weak")["accuracy"]
    assert low < share < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(share * (1 - share) / COUNT), rel=0.1)
    few = report(clouds=np.linspace(0.05, 0.9, COUNT) ** 4)
    sizes = {one["patches"]: one["accuracy_interval_95"] for one in few.records() if one["model"] == "weak"}
    assert min(sizes) < 30 < max(sizes)
    assert all((interval is None) == (patches < 30) for patches, interval in sizes.items())


def test_branches_alone_and_what_they_contribute():
    found = fused()
    scores, labels = record(found, "strong"), LABELS
    optical, radar = (found.parts["strong"][name].argmax(axis=1) == labels for name in ("optical", "radar"))
    assert scores["accuracy_optical"] == pytest.approx(optical.mean())
    assert scores["accuracy_radar"] == pytest.approx(radar.mean())
    assert scores["contribution_optical"] + scores["contribution_radar"] == pytest.approx(2 * scores["accuracy"])
    gap = scores["contribution_radar"] - scores["contribution_optical"]
    assert gap == pytest.approx(radar.mean() - optical.mean())
    assert gap > 0.2
    assert np.isnan(record(found, "weak")["accuracy_optical"])
    assert np.isnan(record(found, MAJORITY)["contribution_radar"])
    assert "each modality alone" in found.text()
    assert "each modality alone" not in report().text()
    assert "each modality alone" not in report(parts={"strong": {}}).text()


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_every_form_says_what_makes_scores_comparable_and_what_the_bins_are(form):
    found = dataclasses.replace(fused(), seen={"weak": ("ROIs1158_31",)}, notes=("mine: left out 2 patches",))
    text = " ".join(getattr(found, form)().replace("\\", "").replace("{[}", "[").replace("{]}", "]").split())
    for words in (
        "protocol scene-class", "split test", "abc123", "eurosat:there", "sunbreak 9.9", "240 patches",
        "weak [seen]", "TRAINED ON 1 OF THE TEST REGIONS (ROIs1158_31)", "mine: left out 2 patches",
        "fully covered: at least 99.5 % under cloud, and not in 80-100 %", "sea, or lake",
        f"{record(found, 'strong')['accuracy']:.3f}", f"{record(found, 'strong', 'fully covered')['ece']:.3f}",
    ):  # fmt: skip
        assert words in text
    assert "buffer" not in text
    assert "desert" not in text  # no row of a class that is not there


def test_csv_and_json_hold_the_same_numbers_in_full():
    found = fused()
    lines = list(csv.DictReader(io.StringIO(found.csv())))
    content = json.loads(found.json())
    assert len(lines) == len(content["averages"]) == len(found.records()) == 3 * len(found.groups)
    for line, average in zip(lines, content["averages"], strict=True):
        assert (line["split_hash"], line["group"], line["model"]) == ("abc123", average["group"], average["model"])
        for key in ("accuracy", "macro_f1", "kappa", "ece", "contribution_radar", "accuracy_of_sea, or lake"):
            assert (float(line[key]) if line[key] else None) == average[key]
    assert content["confusion"][-1] == {"model": "strong", "counts": found.matrix("strong").tolist()}
    first = content["patches"][0]
    assert (first["name"], first["class"], first["cloud"]) == ("patch-0", int(LABELS[0]), 0)
    assert first["answers"]["weak"] == int(found.logits["weak"][0].argmax())


def test_a_small_set_says_why_there_is_no_interval():
    few = report({"mine": logits(2)[:9]}, names=tuple("abcdefghi"), labels=LABELS[:9], clouds=CLOUDS[:9])
    assert "fewer than 30 patches: no confidence intervals" in few.text()
    assert "OA 95 %  " not in few.text()


def one(values, at, value):
    changed = values.copy()
    changed[at] = value
    return changed


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"labels": LABELS[1:]}, GeometryError, r"labels have shape \(239,\), expected \(240,\)"),
        ({"clouds": CLOUDS[:, None]}, GeometryError, r"clouds have shape \(240, 1\)"),
        ({"labels": one(LABELS, 3, -1)}, OptionError, "patch patch-3: label -1 is none of 4 classes; leave it out"),
        ({"labels": one(LABELS, 3, 4)}, OptionError, "patch patch-3: label 4"),
        ({"clouds": one(CLOUDS, 5, np.nan)}, OptionError, "patch patch-5: nan is no share of cloud"),
        ({"clouds": 100 * CLOUDS}, OptionError, "is no share of cloud; give one in 0..1"),
        ({"names": (), "labels": LABELS[:0], "clouds": CLOUDS[:0]}, OptionError, "no patch to score"),
        ({"models": ("weak",)}, OptionError, "logits of weak, strong for the rows weak"),
        ({"models": ("weak", "strong", "third")}, OptionError, "give those of every model"),
        ({"models": (MAJORITY,), "logits": {MAJORITY: logits(1)}}, OptionError, "majority is always there"),
        ({"logits": {"weak": logits(1), "strong": logits(1)[:, :3]}}, GeometryError, r"strong: .*\(240, 3\), expected"),
        ({"logits": {"weak": logits(1), "strong": one(logits(1), 7, np.nan)}}, OptionError, "strong: .* patch-7"),
        ({"parts": {"strong": {"radar": logits(1)}}}, OptionError, "strong: has the branches radar; give optical and"),
        (
            {"parts": {"other": {"optical": logits(1), "radar": logits(1)}}},
            OptionError,
            "other: has branches and no logits",
        ),
        ({"parts": {"weak": {"optical": logits(1), "radar": logits(1)[1:]}}}, GeometryError, "weak: logits have shape"),
    ],
)
def test_what_does_not_belong_together_is_refused(changes, kind, words):
    with pytest.raises(kind, match=words) as caught:
        report(**changes)
    assert "\n" not in str(caught.value)


def test_a_class_that_a_model_rules_out_is_no_error():
    ruled_out = one(logits(2), (0, 1), -np.inf)
    assert record(report({"mine": ruled_out}), "mine")["ece"] >= 0


def test_files_are_written_and_drawn(tmp_path):
    assert {path.suffix for path in write_report(fused(), tmp_path)} == {".md", ".csv", ".json", ".tex", ".png"}
    assert (tmp_path / "report.png").stat().st_size > 20_000
    assert (tmp_path / "report.md").read_text() == fused().markdown()
    assert "buffer" not in json.loads((tmp_path / "report.json").read_text())
