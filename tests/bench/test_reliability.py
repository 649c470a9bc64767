"""The table of outcomes is made of what the tests have noted, failures included."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = """
import pytest

@pytest.mark.outcome("Faults", "one", "survived")
def test_one(record_property):
    record_property("measured", "7 kills")

@pytest.mark.outcome("Faults", "two", "survived")
def test_two():
    assert False

@pytest.mark.outcome("Hostile input", "three", "refused")
def test_three():
    pytest.skip("not here")

@pytest.mark.parametrize("one", [pytest.param(1, marks=pytest.mark.outcome("Load", "four", "bounded")), 2])
def test_four(one):
    pass

@pytest.fixture
def broken():
    raise OSError

@pytest.mark.outcome("Load", "five", "bounded")
def test_five(broken):
    pass
"""


@pytest.fixture
def reliability(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    return importlib.import_module("reliability")


def test_what_tests_state_becomes_a_table_and_failures_stand_out(tmp_path, capsys, reliability):
    (tmp_path / "test_cases.py").write_text(CASES)
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["outcomes"]')
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}/tests\n")
    notes = tmp_path / "notes.jsonl"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--strict-markers",
        f"--outcomes={notes}",
    ]
    done = subprocess.run([*command, tmp_path], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert "1 failed, 3 passed, 1 skipped, 1 error" in done.stdout, done.stdout
    assert reliability.main(str(notes)) == 1
    printed = capsys.readouterr().out
    assert "4 cases, 2 failed" in printed
    assert "| one | survived (7 kills) | `test_cases.py::test_one` |" in printed
    assert "| two | **FAILED** |" in printed
    assert "three" not in printed
    assert "| four | bounded | `test_cases.py::test_four` |" in printed
    assert "| five | **FAILED** |" in printed


def test_of_a_case_noted_twice_the_failure_stays(tmp_path, reliability):
    notes = tmp_path / "notes.jsonl"
    row = '{"group": "Load", "case": "one", "outcome": "%s", "measured": "", "test": "t"}\n'
    notes.write_text(row % "bounded" + row % "FAILED" + row % "bounded")
    assert [one["outcome"] for one in reliability.rows_of(notes)] == ["FAILED"]
