"""The study's bookkeeping: what is planned, what is gone on with, and what becomes of a run that fails."""

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sunbreak.networks import build
from sunbreak.registry import NETWORKS

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    spec = importlib.util.spec_from_file_location("study", BENCH / "study.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "study", module)
    spec.loader.exec_module(module)
    return module


def given(runs, plan="smoke", seeds=1):
    return argparse.Namespace(data="DATA", runs=runs, plan=plan, steps=8, seeds=seeds, only=None, minutes=None)


@pytest.fixture
def trainer(study, monkeypatch):
    """Stands in for the command: finishes a run, or fails it; keeps what it was asked."""
    asked, broken = [], set()

    def run(parts, **_):
        folder = Path(parts[parts.index("-o") + 1])
        asked.append(folder.name)
        (folder / "phase1").mkdir(parents=True, exist_ok=True)
        if folder.name in broken:
            return subprocess.CompletedProcess(parts, 1)
        if "--minutes" not in parts:
            weights = folder / "phase1" / "weights.safetensors"
            weights.write_text(weights.read_text() if weights.exists() else f"phase 1 of {folder.name}")
            (folder / "model.json").write_text("{}")
        return subprocess.CompletedProcess(parts, 0)

    monkeypatch.setattr(study.subprocess, "run", run)
    return asked, broken


@pytest.mark.parametrize("plan", ["smoke", "full"])
def test_every_run_has_a_name_of_its_own_and_settings_that_its_network_knows(study, plan, tmp_path):
    runs = list(study.planned(given(tmp_path, plan, seeds=3)))
    assert len({run.name for run in runs}) == len(runs)
    assert {run.network for run in runs} <= NETWORKS.keys()
    for config in {json.dumps([run.network, run.config]) for run in runs if run.seed == 0}:
        if "large" not in config and config != '["dsen2-cr", {}]':
            build(*json.loads(config))


def test_what_is_costly_comes_after_all_that_is_not(study, tmp_path):
    names = [run.name.rpartition("-s")[0] for run in study.planned(given(tmp_path, "full", seeds=3))]
    first = min(names.index(name) for name in study.HEAVY)
    assert not set(names[first:]) & set(study.LIGHT)
    assert all(names.count(name) == 3 for name in study.HEAVY)


def test_all_runs_see_the_same_number_of_samples_but_for_the_learning_curves(study, tmp_path):
    plan = given(tmp_path, "full")
    curves = {run.name for run in study.curves({}, plan.steps)}
    for run in study.planned(plan):
        flags = dict(part[2:].split("=") for part in study.command(run, tmp_path, plan) if "=" in part)
        assert (flags["steps"] == "8" and "reuse" not in flags) or run.name in curves
        assert flags["seed"] == str(run.seed)


def test_the_learning_curves_are_over_time_and_over_scenes(study, tmp_path):
    plan = argparse.Namespace(**{**vars(given(tmp_path, "full")), "steps": 1000})
    found = []
    for run in study.curves({}, plan.steps):
        flags = dict(part[2:].split("=") for part in study.command(run, tmp_path, plan) if "=" in part)
        found.append((int(flags["steps"]), int(flags.get("reuse", 32))))
    assert found == [(100, 32), (250, 32), (500, 32), (500, 8), (500, 256), (500, 2048)]


def test_finished_runs_are_left_alone_and_a_failing_one_stops_no_other(study, trainer, tmp_path):
    asked, broken = trainer
    runs = list(study.planned(given(tmp_path)))
    broken.add("naf-unet-s0")
    assert study.train(given(tmp_path), runs) == ["naf-unet-s0"]
    assert {run.name for run in runs} == set(asked)
    asked.clear()
    broken.clear()
    assert study.train(given(tmp_path), runs) == []
    assert asked == ["naf-unet-s0"]


def test_phase_2_goes_on_from_the_phase_1_of_another_run_also_after_a_kill(study, trainer, tmp_path):
    asked, broken = trainer
    runs = list(study.planned(given(tmp_path)))
    broken.add("tdp-cr-s0")
    assert study.train(given(tmp_path), runs) == ["tdp-cr-s0"]
    assert not [name for name in asked if "phase-2" in name]  # they wait
    broken.clear()
    # killed after its folder was made and before phase 1 was copied
    (tmp_path / "tdp-cr--phase-2-head" / "phase1").mkdir(parents=True)
    study.train(given(tmp_path), runs)
    for trained in study.FREEZING:
        weights = tmp_path / f"tdp-cr--phase-2-{trained}" / "phase1" / "weights.safetensors"
        assert weights.read_text() == "phase 1 of tdp-cr-s0"
