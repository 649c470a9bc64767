import csv
import dataclasses
import functools
import json

import numpy as np
import pytest
import xarray as xr

from model_files import mapper, node, save
from public_layouts import write_sen12ms_cr
from restorers import painter
from sunbreak.cli import main
from sunbreak.data import Entry, SampleSet, open_data
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError
from sunbreak.evaluation import EvaluationOptions, evaluate_land_cover, write_report
from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.metrics import confusion, iou
from sunbreak.metrics.land_cover_report import MAJORITY
from sunbreak.simulate import SceneSpec, write_scene

DATA = "simulated:n=3,size=64,cover=0.5"


def copier(path):
    """A network that gives back its prior and maps nothing."""
    return save(path, [node("Identity", ["prior"], ["reflectance"])], [("prior", 13)])


@functools.cache
def truths():
    return [sample.land_cover for sample in open_data("simulated:n=8,size=64,cover=0.5")]


def run(models=("mine",), data=DATA, **options):
    return evaluate_land_cover(
        models, data, options=EvaluationOptions(**{"restorer": painter(truths(), 0.3), **options})
    )


def record(report, model="mine", region="all", by="all"):
    return next(
        one for one in report.records() if (one["model"], one["region"], one["by"]) == (model, region, by)
    )  # fmt: skip


def test_all_pixels_are_pooled_in_one_matrix():
    report = run(regions=("all", "cloud", "clear"))
    samples, mapped = list(open_data(DATA)), painter(truths(), 0.3)
    products = [mapped(None, "mine").land_cover.values for _ in samples]
    truth = np.stack([sample.land_cover for sample in samples])
    quality = np.stack([sample.quality for sample in samples])
    for region, where in {"all": quality > 0, "cloud": np.isin(quality, (2, 3)), "clear": quality == 1}.items():
        matrix = confusion(np.stack(products)[where], truth[where])
        assert np.array_equal(report.matrix("mine", region), matrix)
        found = record(report, region=region)
        present = matrix.sum(axis=1) > 0
        assert found["pixels"] == where.sum()
        assert found["accuracy"] == pytest.approx((np.stack(products)[where] == truth[where]).mean())
        assert found["miou_present"] == pytest.approx(iou(matrix)[present].mean())
        assert found["miou_all"] == pytest.approx(iou(matrix)[present].sum() / 11)
        assert found["classes"] == present.sum()


def test_a_perfect_map_and_the_commonest_class():
    report = run(restorer=painter(truths()))
    assert record(report)["accuracy"] == record(report)["miou_present"] == 1
    assert record(report)["miou_all"] == record(report)["classes"] / 11
    truth = np.concatenate([sample.land_cover.ravel() for sample in open_data(DATA)])
    floor = record(report, MAJORITY)
    assert floor["accuracy"] == pytest.approx(np.bincount(truth).max() / truth.size)
    assert floor["miou_present"] == pytest.approx(floor["accuracy"] / floor["classes"])


def test_by_region_and_by_cover_and_intervals():
    report = run(data="simulated:n=8,size=64,cover=0.5", by=("region", "coverage"), regions=("all",))
    by_region = [one for one in report.records() if one["by"] == "region" and one["model"] == "mine"]
    assert [one["group"] for one in by_region] == sorted(f"scene-{index}" for index in range(8))
    by_cover = [one for one in report.records() if one["by"] == "coverage" and one["model"] == "mine"]
    assert sum(one["pixels"] for one in by_cover) == sum(one["pixels"] for one in by_region) == 8 * 64 * 64
    found = record(report)
    low, high = found["accuracy_interval_95"]
    assert low < found["accuracy"] < high
    low, high = found["miou_present_interval_95"]
    assert 0 < low < high < 1
    assert "OA 95 %" in report.text()
    assert by_region[0]["accuracy_interval_95"] is None


def test_two_names_of_one_place_are_one(monkeypatch):
    samples = [
        dataclasses.replace(sample, region=region)
        for sample, region in zip(open_data(DATA), ["S12CR_T7", "S12CR_1970_139", "S12CR_T1"], strict=True)
    ]
    entries = tuple(Entry(sample.name, sample.region, lambda sample=sample: sample) for sample in samples)
    made = SampleSet(Spec(DATA, "made", "", {}, frozenset()), "made", entries)
    monkeypatch.setattr("sunbreak.evaluation.land_cover.open_data", lambda data, detector: made)
    report = run(by=("region",), regions=("all",))
    pixels = {one["group"]: one["pixels"] for one in report.records() if one["by"] == "region"}
    assert pixels == {"ROIs1970_139": 2 * 64 * 64, "S12CR_T1": 64 * 64}


def test_what_a_model_cannot_map_counts_as_wrong_and_is_noted():
    report = run(["mine", "other"], restorer=painter(truths(), fails=("mine",)))
    assert record(report)["accuracy"] == 0
    assert "mine: could not map, scored as unmapped, in scene-0, scene-1, scene-2" in report.notes
    assert record(report, "other")["accuracy"] == 1
    assert record(report, MAJORITY)["accuracy"] > 0  # the floor is of the truth, whoever failed


def test_data_without_land_cover_are_refused(tmp_path):
    write_sen12ms_cr(tmp_path, [(1158, 31, 7)])
    with pytest.raises(OptionError, match=r"sample \S*31_p7 has no land cover to score against; choose other data"):
        run(data=f"sen12ms-cr:{tmp_path}")


def test_a_restorer_without_land_cover_is_refused():
    no_map = xr.Dataset({"reflectance": ("x", [0.0])})
    with pytest.raises(OptionError, match="mine: maps no land cover"):
        run(restorer=lambda scene, model: no_map)


@pytest.mark.parametrize("model", ["scene-prior", "cloudy", "FILE", "cloud-mask"])
def test_models_without_land_cover_are_refused_before_the_first_sample(model, tmp_path, monkeypatch, capsys):
    model = str(copier(tmp_path / "plain.onnx")) if model == "FILE" else model
    monkeypatch.setattr("sunbreak.evaluation.land_cover.prepare", None)  # for the first sample
    assert main(["evaluate", "tdp-cr-prior", model, "--data", DATA, "--task", "landcover"]) == 2
    told = capsys.readouterr().err
    assert f"{model}: maps no land cover; of the shipped models (`sunbreak models`), tdp-cr-prior" in told
    assert "--everywhere" not in told


def test_a_simulated_folder_has_land_cover(tmp_path):
    write_scene(SceneSpec(size=64, seed=3), tmp_path / "scene")
    (sample,) = open_data(f"scene:{tmp_path / 'scene'}")
    (simulated,) = open_data("simulated:n=1,seed=3,size=64")
    assert np.array_equal(sample.land_cover, simulated.land_cover)
    assert set(np.unique(sample.land_cover)) <= set(LAND_COVER_LEGEND)


def test_files_agree_and_are_stamped(tmp_path):
    report = run(by=("coverage",))
    assert {path.suffix for path in write_report(report, tmp_path)} == {".md", ".csv", ".json", ".tex", ".png"}
    content = json.loads((tmp_path / "report.json").read_text())
    lines = list(csv.DictReader((tmp_path / "report.csv").read_text().splitlines()))
    assert [line["miou_all"] for line in lines] == [repr(one["miou_all"]) for one in content["averages"]]
    assert content["confusion"][-1]["counts"] == report.matrix("mine", report.regions[-1]).tolist()
    for text in (report.text(), report.markdown(), report.latex()):
        assert report.split_hash in text
        assert "land-cover" in text
        assert f"{record(report)['miou_present']:.3f}" in text


def test_the_command_maps_and_scores(tmp_path, capsys):
    model = mapper(tmp_path / "mine.onnx")
    assert main(["evaluate", str(model), "--data", "simulated:n=1,size=64", "--task", "landcover"]) == 0
    shown = capsys.readouterr().out
    for words in ("protocol land-cover", "majority", "mIoU all", "mIoU present", "IoU by class", "simulated:n=1"):
        assert words in shown
