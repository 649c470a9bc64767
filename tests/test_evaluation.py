import dataclasses
import json
import math
import re

import numpy as np
import pytest

import sunbreak
from restorers import stand_in
from sunbreak.baselines import COMPOSITES
from sunbreak.data import Entry, SampleSet, Series, open_data
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError
from sunbreak.evaluation import ALWAYS, EvaluationOptions, evaluate, restoration
from sunbreak.legend import Source
from sunbreak.metrics import average, get_protocol, score
from sunbreak.metrics.calibration import gaussian_nll
from sunbreak.models import DEFAULT
from sunbreak.prior.smooth_fill import smooth_fill

DATA = "simulated:n=2,size=96,cover=0.5"


def run(models=(), data=DATA, protocol="sunbreak", **options):
    return evaluate(models, data, protocol=protocol, options=EvaluationOptions(**{"restorer": stand_in(), **options}))


def test_trivial_rows_always_stand_first():
    assert run().models == ALWAYS
    assert run(["mine", "scene-prior"]).models == (*ALWAYS, "mine")


@pytest.mark.parametrize("protocol", ["sunbreak", "uncrtaints", "glfcr"])
def test_scores_are_those_of_the_metrics_on_the_mask_before_growing(protocol):
    report = run(protocol=protocol, buffer=8, regions=("cloud", "all"))
    assert report.buffer == 8
    for sample in open_data(DATA):
        expected = score(sample.cloudy, sample.clear, sample.quality, get_protocol(protocol), ("cloud",))["cloud"]
        (row,) = (row for row in report.rows if (row.model, row.patch) == ("cloudy", sample.name))
        found = row.scores["cloud"]
        for name in ("psnr", "ssim", "sam", "mae", "rmse", "values"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), nan_ok=True)
    values = {row.scores["cloud"].values for row in report.rows if row.patch == "scene-0"}
    assert len(values) == 1  # the same pixels for all models


def test_buffer_reaches_the_model_only():
    seen = []

    def restorer(scene, model):
        seen.append(int((scene.quality > 1).sum()))
        return stand_in()(scene, model)

    none, wide = run(buffer=0, restorer=restorer), run(buffer=8, restorer=restorer)
    assert seen[2] > seen[0]
    first, second = (report.summary("cloudy", "raw", "cloud").scores for report in (none, wide))
    assert first == second


def test_header_says_what_makes_scores_comparable():
    report = run()
    text = report.text()
    for words in ("protocol sunbreak", DATA, "split simulated", report.split_hash, f"sunbreak {sunbreak.__version__}"):
        assert words in "\n".join(text.splitlines()[:2])
    assert "2 patches in 2 regions" in text
    assert "fewer than 8 regions: no confidence intervals" in text
    assert "95 %" not in text


def test_table_has_a_row_a_model_and_target():
    report = run(["mine"])
    lines = report.text().splitlines()
    for model in (*ALWAYS, "mine"):
        assert sum(bool(re.match(rf"{model} +raw ", line)) for line in lines) >= 2  # cloud and whole image
    assert "matched" not in report.text()  # the same date needs no matching


def test_coverage_counts_restored_pixels():
    report = run(restorer=stand_in(sigma=10.0))
    assert report.summary("mine", "raw", "cloud").coverage.values == 0
    counted = report.summary("scene-prior", "raw", "cloud").coverage
    assert counted.shares() == (1.0, 1.0)
    pixels = sum(int(np.isin(sample.quality, (2, 3)).sum()) for sample in open_data(DATA))
    assert counted.values == 13 * pixels
    assert math.isnan(report.summary("cloudy", "raw", "cloud").coverage.shares()[0])


def test_what_a_model_cannot_restore_is_scored_as_input_and_noted():
    report = run(["mine"], restorer=stand_in(fails=("mine",)))
    cloudy, failed = (report.summary(name, "raw", "cloud").scores for name in ("cloudy", "mine"))
    assert failed == cloudy
    assert any("mine: could not restore, scored as the input, in scene-0, scene-1" in n for n in report.notes)


def test_smooth_fill_is_that_of_the_baselines_and_fails_without_a_clear_pixel():
    report = run(buffer=0)
    for sample, row in zip(open_data(DATA), (row for row in report.rows if row.model == "smooth-fill"), strict=True):
        filled = smooth_fill(sample.cloudy, sample.quality == 1)
        rules = get_protocol("sunbreak")
        assert row.scores["cloud"].psnr == score(filled, sample.clear, sample.quality, rules, ("cloud",))["cloud"].psnr
    overcast = run(data="simulated:n=1,size=64,cover=1")
    assert "smooth-fill: could not restore, scored as the input, in scene-0" in overcast.text()


def test_gaps_and_stand_ins_are_noted():
    report = run(restorer=stand_in(gap=True, source=Source.GLOBAL_REGRESSION))
    assert math.isfinite(report.summary("scene-prior", "raw", "cloud").scores.psnr)
    assert "global regression" in report.notes[0]
    assert "pixels left open" in report.notes[0]
    assert report.notes[0] in report.text()


def test_per_patch_rows():
    report = evaluate([], DATA, per_patch=True, options=EvaluationOptions(restorer=stand_in()))
    assert sum("scene-1" in line for line in report.text().splitlines()) == 3 * len(report.regions)


def test_patches_with_too_little_to_fit_on_are_set_apart():
    report = run(data="simulated:n=2,size=64,cover=1")
    assert all(patch.fit_pixels < 500 for patch in report.patches)
    assert "to fit on" not in report.text()  # there are no others to set them apart from


def test_intervals_from_eight_regions_on():
    report = run(data="simulated:n=8,size=64")
    low, high = report.summary("cloudy", "raw", "cloud").interval
    assert low < report.summary("cloudy", "raw", "cloud").scores.psnr < high
    assert "95 %" in report.text()


def given(samples):
    """Make `evaluate` take these samples, whatever the SPEC."""
    entries = tuple(Entry(sample.name, sample.region, lambda sample=sample: sample) for sample in samples)
    return lambda spec, detector: SampleSet(Spec(spec, "made", "", {}, frozenset()), "made", entries)


def test_two_names_of_one_place_are_one_in_places_groups_and_intervals(monkeypatch):
    names = ["S12CR_T7", "S12CR_1970_139", *(f"S12CR_T{number}" for number in range(6))]
    samples = [
        dataclasses.replace(sample, region=region)
        for sample, region in zip(open_data("simulated:n=8,size=64"), names, strict=True)
    ]
    monkeypatch.setattr(restoration, "open_data", given(samples))
    report = run(by=("region",), regions=("all",))
    assert report.places == 7
    assert "8 patches in 7 regions" in report.text()
    assert report.summary("cloudy", "raw", "all").interval is None  # 8 names, but 7 places
    patches = {group.name: len(group.patches) for group in report.groups if group.by == "region"}
    assert patches == {"ROIs1970_139": 2, **dict.fromkeys(names[2:], 1)}
    assert report.split_hash == given(samples)("", None).split_hash


def test_several_protocols_and_bands_run_the_models_once_and_score_as_alone():
    calls = []

    def restorer(scene, model):
        calls.append(model)
        return stand_in()(scene, model)

    options = {"regions": ("cloud", "all"), "restorer": restorer}
    report = run(["mine"], protocol=["glfcr", "sunbreak"], bands=("all", "rgb", "no-b10"), **options)
    assert calls == ["scene-prior", "mine"] * 2
    for name in ("glfcr", "sunbreak"):
        alone = run(["mine"], protocol=name, **options).summary("mine", "raw", "all").scores
        assert repr(report.summary("mine", "raw", "all", protocol=name).scores) == repr(alone)
    sample = next(iter(open_data(DATA)))
    for bands, chosen in {"rgb": [3, 2, 1], "no-b10": [*range(10), 11, 12]}.items():
        expected = score(sample.cloudy[chosen], sample.clear[chosen], sample.quality, get_protocol("sunbreak"))["all"]
        found = report.summary("cloudy", "raw", "all", [sample.name], protocol="sunbreak", bands=bands).scores
        assert found.psnr == pytest.approx(expected.psnr)
        assert found.sam == pytest.approx(expected.sam)
    titles = [table.title for table in report.document().tables]
    assert len(titles) == len(set(titles)) == 2 * 3 * 2
    assert "whole image, all 2 patches, protocol glfcr, bands rgb" in titles
    assert "protocol glfcr, sunbreak " in report.text().splitlines()[0]


def test_parts_of_several_protocols_are_those_of_any():
    assert run(protocol=["uncrtaints", "sunbreak"]).regions == ("all", "cloud", "shadow")


def test_samples_without_the_bands_of_a_group_are_left_out_and_noted(monkeypatch):
    first, second = open_data(DATA)
    few = dataclasses.replace(second, bands=second.bands[3:], cloudy=second.cloudy[3:], clear=second.clear[3:])
    monkeypatch.setattr(restoration, "open_data", given([first, few]))
    report = run(bands=("all", "rgb"))
    assert report.summary("cloudy", "raw", "all").scores.images == 2
    assert report.summary("cloudy", "raw", "all", bands="rgb").scores.images == 1
    assert "bands rgb: not all of them are in scene-1" in report.notes


def test_averages_by_cover_and_by_region_are_those_of_their_patches():
    report = run(data="simulated:n=3,size=64,cover=0.5", by=("coverage", "region"), regions=("cloud",))
    rules = get_protocol("sunbreak")
    for by in ("coverage", "region"):
        held = [group for group in report.groups if group.by == by]
        assert sum(len(group.patches) for group in held) == 3
        for group in held:
            rows = [row for row in report.rows if row.model == "cloudy" and row.patch in group.patches]
            expected = average([row.scores["cloud"] for row in rows], rules)
            (found,) = (
                record for record in report.records()
                if (record["by"], record["group"], record["model"]) == (by, group.name, "cloudy")
            )  # fmt: skip
            assert found["psnr"] == expected.psnr
            assert found["images"] == len(rows)
    assert "cloud pixels, by cloud cover" in report.text()
    assert re.search(r"scene-2 +smooth-fill +raw +1 ", report.text())


def test_each_model_is_compared_with_the_scene_prior_patch_by_patch():
    restorer = lambda scene, model: stand_in(0.2 if model == "mine" else 0.25)(scene, model)  # noqa: E731
    report = run(["mine"], data="simulated:n=8,size=64", restorer=restorer, regions=("cloud",))
    mine, prior = (
        [row.scores["cloud"].psnr for row in report.rows if row.model == name] for name in ("mine", "scene-prior")
    )
    gains = np.subtract(mine, prior)
    gain = report.summary("mine", "raw", "cloud").gain
    assert gain.mean == pytest.approx(np.nanmean(gains))
    assert gain.interval[0] < gain.mean < gain.interval[1]
    records = {record["model"]: record for record in report.records() if record["by"] == "all"}
    assert records["mine"]["gain"] == gain.mean
    assert math.isnan(records["scene-prior"]["gain"])


def test_likelihood_and_sparsification_stand_beside_the_coverage():
    report = run(restorer=stand_in(sigma=0.1), regions=("cloud",))
    (record,) = (one for one in report.records() if one["model"] == "scene-prior")
    errors = [
        np.abs(np.float32(0.2) - sample.clear[:, np.isin(sample.quality, (2, 3))]).ravel() for sample in open_data(DATA)
    ]
    assert record["nll"] == pytest.approx(gaussian_nll(np.concatenate(errors), 0.1).mean(), rel=1e-5)
    assert record["ause"] > 0.2  # the same sigma everywhere says nothing
    classes = report.classified("scene-prior", "raw", "cloud")
    assert classes.values == sum(map(len, errors))
    assert report.classified("cloudy", "raw", "cloud") is None


def test_composites_stand_in_the_table_where_every_sample_has_a_series(monkeypatch):
    with_series = [
        dataclasses.replace(
            sample, series=Series(sample.clear[np.newaxis], np.ones((1, *sample.quality.shape), np.uint8), (-5.0,))
        )
        for sample in open_data(DATA)
    ]
    monkeypatch.setattr(restoration, "open_data", given(with_series))
    report = run(["mine"])
    assert report.models == (*ALWAYS, *COMPOSITES, "mine")
    assert report.summary("least-cloudy", "raw", "all").scores.psnr == 100.0  # the series holds the truth
    assert run(["least-cloudy"]).models == (*ALWAYS, *COMPOSITES)
    monkeypatch.setattr(restoration, "open_data", given([with_series[0], *list(open_data(DATA))[1:]]))
    mixed = run()
    assert mixed.models == ALWAYS
    assert {row.model for row in mixed.rows} == set(ALWAYS)
    with pytest.raises(OptionError, match="has no other dates to compose from"):
        run(["least-cloudy"])


def test_json_holds_everything_and_no_nan():
    report = run(protocol="glfcr")
    content = json.loads(report.json(), parse_constant=pytest.fail)
    assert content["split_hash"] == report.split_hash
    assert content["protocol"]["name"] == "glfcr"
    assert len(content["rows"]) == len(report.rows)
    assert content["averages"][0]["sam"] is None
    assert content["averages"][0]["psnr"] == pytest.approx(report.summary("cloudy", "raw", "all").scores.psnr)


def test_models_of_the_package_beat_the_input():
    report = evaluate([DEFAULT], DATA)
    assert report.models == (*ALWAYS, DEFAULT)
    ratios = [report.summary(model, "raw", "cloud").scores.psnr for model in report.models]
    assert ratios[0] + 3 < min(ratios[1:])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: run(protocol="best"), "protocol 'best' is unknown"),
        (lambda: run(data="nothing"), "kind 'nothing' is unknown"),
        (lambda: run(regions=("water",)), "region 'water' is unknown"),
        (lambda: run(buffer=-1), "buffer -1"),
        (lambda: run(bands=("nir",)), "band group 'nir' is unknown; choose from all, rgb, no-b10"),
        (lambda: run(bands=()), "no band group is given"),
        (lambda: run(by=("season",)), "group 'season' is unknown; choose from coverage, region"),
        (lambda: run(by=("region", "region")), "group 'region' is given twice"),
        (lambda: run(protocol=["sunbreak", "best"]), "protocol 'best' is unknown"),
        (lambda: evaluate(["no-such-model"], DATA), "no-such-model"),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(OptionError) as caught:
        call()
    assert words in str(caught.value)


def test_real_triplets(collection):
    report = evaluate([], f"collection:{collection},min_cloud=0.5,max_cloud=0.7", protocol="sunbreak")
    assert report.summary("cloudy", "matched", "cloud").scores.images == len(report.patches)
    ratios = [report.summary(model, "raw", "cloud").scores.psnr for model in ALWAYS]
    assert ratios[0] + 3 < min(ratios[1:])
    assert ratios[2] > 22
    assert re.search(r"scene-prior +matched +\d", report.text())


def test_real_triplets_without_clear_pixels_have_no_matched_score(collection):
    options = EvaluationOptions(restorer=stand_in())
    report = evaluate([], f"collection:{collection},min_cloud=0.99", options=options)
    assert "matched: too few pixels clear in both dates in S12CR_T2_2266" in report.text()
    assert {row.target for row in report.rows if row.patch == "S12CR_T2_2266"} == {"raw"}
