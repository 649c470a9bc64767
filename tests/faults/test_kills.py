"""Processes killed at random moments: a product is whole or not there, and the same command completes it."""

import shutil
import subprocess

import numpy as np
import pytest

from catalogues import BBOX, DATES, write_archive, write_catalogue
from killing import ENVIRONMENT, kill_at_random, seconds_of, sunbreak
from sunbreak.scale.table import read_plan

TRAIN = ("--steps=8", "--semantic_steps=4", "--batch=2", "--crop=64", "--final_crop=64", "--scene_size=64", "--reuse=2",
         "--checkpoint=1", "--warmup=1", '--network-options={"widths": [8, 8, 16, 16]}')  # fmt: skip
WHOLE = "whole or absent after every kill; the same command completes it, with the same bytes"
few_and_many = lambda few, many: [few, pytest.param(many, marks=pytest.mark.long)]  # noqa: E731 - a short name for it


def contents(folder):
    """Every file below a folder but items, which hold the time, and indices."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if path.suffix not in (".json", ".parquet")
    }


@pytest.mark.outcome("Faults", "`restore` killed at random moments", WHOLE)
@pytest.mark.parametrize("kills", few_and_many(14, 240))
def test_restoring(restore, tmp_path, kills, record_property):
    out, rng, count, tries = tmp_path / "out", np.random.default_rng(0), 0, 0
    command = restore(out)
    longest = seconds_of(command, lambda: any(out.glob(".partial-*")))
    reference = contents(out)
    shutil.rmtree(out)
    while count < kills:
        tries += 1
        # every fourth in the moment in which files get their names
        renaming = tries % 4 == 0
        begun = (out / ".publishing").exists if renaming else lambda: any(out.glob(".partial-*"))
        count += kill_at_random(command, begun, 0.002 if renaming else 1.05 * longest, rng)
        if (out / "item.json").exists():
            subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False)  # refuses, and tidies up
            assert contents(out) == reference
            shutil.rmtree(out)
        assert tries < 4 * kills
    if not (out / "item.json").exists():
        subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
    assert contents(out) == reference
    assert not list(out.glob(".*"))
    record_property("measured", f"{kills} kills")


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    catalogue = write_catalogue(folder, write_archive(folder, days=(3, 8)))
    done = sunbreak("plan", "--stac", catalogue, *BBOX, *DATES, "-o", folder / "plan.csv")
    subprocess.run(done, check=True, capture_output=True, env=ENVIRONMENT)
    return folder / "plan.csv"


@pytest.mark.outcome("Faults", "`run` with two workers killed at random moments", WHOLE)
@pytest.mark.parametrize("kills", few_and_many(6, 60))
def test_running_a_plan(plan, tmp_path, kills, record_property):
    out, rng, count, tries = tmp_path / "out", np.random.default_rng(1), 0, 0
    command = sunbreak("run", plan, "-o", out, "--model", "scene-prior", "--workers", 2)
    begun = lambda: any(out.glob("*/*/.partial-*"))  # noqa: E731
    longest = seconds_of(command, begun)
    reference = contents(out)
    folders = [out / row.folder for row in read_plan(plan)]
    shutil.rmtree(out)
    while count < kills:
        tries += 1
        count += kill_at_random(command, begun, 0.8 * longest, rng)
        for folder in folders:
            if (folder / "item.json").exists():
                within = folder.relative_to(out).as_posix()
                there = {f"{within}/{name}" for name in contents(folder)}
                assert {name for name in reference if name.startswith(f"{within}/")} <= there
        if all((folder / "item.json").exists() for folder in folders):
            shutil.rmtree(out)
        assert tries < 4 * kills
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
    assert contents(out) == reference
    record_property("measured", f"{kills} kills")


@pytest.mark.outcome("Faults", "`train` killed at random moments", "goes on to the very weights of a run left alone")
@pytest.mark.long  # tests/train kills one in `make test`
def test_training(tmp_path, record_property):
    kills = 20
    rng, count, rounds, longest = np.random.default_rng(2), 0, 0, None
    reference = None
    while count < kills or reference is None:
        run = tmp_path / f"run-{rounds}"
        command = sunbreak("train", "tdp-cr-prior", "--data", "simulated:", "-o", run, *TRAIN)
        begun = lambda run=run: run.exists()  # noqa: E731
        if reference is None:
            longest = seconds_of(command, begun)
            reference = (run / "model.safetensors").read_bytes()
        for _ in range(8 if rounds else 0):
            if count == kills or (run / "model.json").exists():
                break
            count += kill_at_random(command, begun, longest, rng)
            assert not (run / "model.json").exists() or (run / "model.onnx").exists()
        subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
        assert (run / "model.safetensors").read_bytes() == reference
        rounds += 1
        assert rounds < 4 * kills
    record_property("measured", f"{kills} kills in {rounds - 1} trainings")
