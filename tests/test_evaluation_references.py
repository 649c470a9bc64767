"""Rows of models that are given the other dates of a series."""

import dataclasses

import numpy as np
import pytest

from restorers import stand_in
from sunbreak.baselines import COMPOSITES
from sunbreak.data import Entry, SampleSet, Series, open_data
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError
from sunbreak.evaluation import ALWAYS, EvaluationOptions, evaluate, restoration
from sunbreak.simulate import CloudSpec, SceneSpec, simulate

DATA = "simulated:n=2,size=128,cover=0.4"


def in_other_seasons(sample):
    """The same land on two other days, the first of them under clouds of its own."""
    seed = int(sample.name.rsplit("-", 1)[1])
    dates = [
        simulate(SceneSpec(size=128, seed=seed, season=day, clouds=CloudSpec(seed=7, cover=cover)))
        for day, cover in ((180, 0.3), (215, 0.0))
    ]
    # in light of their own
    optical = np.stack(
        [gain * one.optical + haze for one, gain, haze in zip(dates, (0.9, 1.2), (0.02, 0.01), strict=True)]
    )
    quality = np.stack([one.quality for one in dates])
    return dataclasses.replace(sample, series=Series(optical, quality, (-16.0, 19.0)))


def given(samples):
    entries = tuple(Entry(sample.name, sample.region, lambda sample=sample: sample) for sample in samples)
    return lambda spec, detector=None: SampleSet(Spec(spec, "simulated", "", {}, frozenset()), "simulated", entries)


@pytest.fixture
def dated(monkeypatch):
    samples = [in_other_seasons(sample) for sample in open_data(DATA)]
    monkeypatch.setattr(restoration, "open_data", given(samples))
    return samples


def run(models=(), **options):
    return evaluate(models, DATA, options=EvaluationOptions(references=True, **options))


def test_everything_that_restores_has_a_second_row(dated):
    seen = {}

    def restorer(scene, model):
        seen.setdefault(model, []).append("look" in scene)
        return stand_in()(scene, model)

    report = run(["mine"], restorer=restorer)
    rows = ("cloudy", "smooth-fill", "scene-prior", "scene-prior+reference", *COMPOSITES, "mine", "mine+reference")
    assert report.models == rows
    assert seen == {name: [False, True] * len(dated) for name in ("scene-prior", "mine")}
    assert "mine+reference" in report.text()


def test_references_are_worth_more_than_any_composite_or_radar_alone(dated):
    report = run()
    scores = {name: report.summary(name, "raw", "cloud").scores.psnr for name in report.models}
    with_reference = scores.pop("scene-prior+reference")
    assert with_reference > max(scores.values()) + 1


def test_without_the_option_nothing_changes(dated):
    report = evaluate([], DATA, options=EvaluationOptions(restorer=stand_in()))
    assert report.models == (*ALWAYS, *COMPOSITES)


def test_samples_without_other_dates_are_left_out_and_noted(monkeypatch, dated):
    monkeypatch.setattr(restoration, "open_data", given([dated[0], *list(open_data(DATA))[1:]]))
    report = run(restorer=stand_in())
    assert [patch.name for patch in report.patches] == ["scene-0"]
    assert "data: left out (no other dates): scene-1" in report.notes


def test_data_without_other_dates_are_refused():
    with pytest.raises(OptionError, match=r"--references: no sample of simulated.* has other dates"):
        run(restorer=stand_in())


def test_models_that_have_seen_the_data_are_stamped_in_both_rows(dated, monkeypatch):
    monkeypatch.setattr(restoration, "seen_regions", lambda *given, **options: {"mine": ("scene-0",)})
    monkeypatch.setattr(restoration, "unknown", lambda models: ())
    monkeypatch.setattr(restoration, "_restore", stand_in())
    assert run(["mine"]).seen == {"mine": ("scene-0",), "mine+reference": ("scene-0",)}
