"""`sunbreak adapt`, `restore --adapt-seconds` and `train --start_from` as a user meets them."""

import json
import subprocess
import sys

import pytest

from archive_layouts import write_folder
from conftest import l1c_dn, radar_db, write_raster
from narrow import write_narrow
from sunbreak.cli import main

QUICK = ("--steps=1", "--crop=64", "--window=64", "--batch=1", "--skies=1")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_narrow(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("fields"), (0.0, 0.3, 0.1), size=64)


def test_an_adaptation_stops_goes_on_and_says_what_came_of_it(base, archive, tmp_path, capsys):
    run = tmp_path / "run"
    command = ["adapt", "--archive", f"archive:{archive}", "--model", str(base), "-o", str(run), *QUICK, "--steps=2"]
    assert main([*command, "--stop_after", "0"]) == 0
    assert "1 of 2 steps; the same command goes on" in capsys.readouterr().out
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "dB before" in told
    assert f"--model {run}" in told
    assert json.loads((run / "model.json").read_text())["adaptation"]["adapted_from"]["name"] == "narrow"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("adapt", "--archive", "nowhere"), "nowhere"),
        (("adapt", "--archive", "{archive}", "--model", "scene-prior"), "no weights"),
        (("adapt", "--archive", "{archive}", "--minutes", "0"), "minutes"),
        (("train", "tdp-cr", "--data", "simulated:", "--start_from", "{base}"), "another network"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(base, archive, tmp_path, capsys, arguments, words):
    given = [part.format(archive=archive, base=base) for part in arguments]
    assert main([*given, "-o", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert words in told
    assert not (tmp_path / "run").exists()


def test_a_scene_too_small_to_learn_from_is_restored_with_a_warning(base, tmp_path, capsys):
    dn = l1c_dn(64, 64)
    dn[:, 20:40, 20:40] = 7000
    write_raster(tmp_path / "s2.tif", dn)
    write_raster(tmp_path / "s1.tif", radar_db(), descriptions=("VV", "VH"))
    out = tmp_path / "out"
    given = ["restore", str(tmp_path / "s2.tif"), "--radar", str(tmp_path / "s1.tif"), "-o", str(out)]
    given += ["--model", str(base), "--mask", "rule", "--offset", "0"]
    assert main([*given, "--adapt-seconds", "5"]) == 0
    assert "adapting needs" in capsys.readouterr().err
    properties = json.loads((out / "item.json").read_text())["properties"]
    assert not any(name.startswith("sunbreak:adapted") for name in properties)


def test_help_of_adapt_is_quick_and_needs_no_torch():
    code = "import sys; from sunbreak.cli import build_parser; build_parser(); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = "from sunbreak.cli import main; main(['adapt', '--help'])"
    told = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True).stdout
    assert "--archive" in told
    assert "no labels needed" in told
