"""Disks that are full, files that may not grow: one line, and nothing half-written."""

import resource
import subprocess
import sys

import pytest

from killing import ENVIRONMENT, sunbreak

NOTHING = "one line, exit code 1, nothing half-written; the rerun completes"


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(
            20_000, marks=pytest.mark.outcome("Faults", "files may not grow (`RLIMIT_FSIZE`), at once", NOTHING)
        ),
        pytest.param(1_500_000, marks=pytest.mark.outcome("Faults", "the same, in the midst of writing", NOTHING)),
    ],
)
def test_a_file_that_may_not_grow(failed, tmp_path, limit):
    limited = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # noqa: E731
    failed(tmp_path / "out", "writing failed", code=(1,), then=tmp_path / "again", preexec_fn=limited)


@pytest.mark.long
@pytest.mark.outcome("Faults", "a disk that fills up (small mount)", NOTHING)
def test_a_disk_that_fills_up(failed, tmp_path):
    for size in ("60k", "400k", "1m", "3m", "6m"):
        disk = tmp_path / size
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("mounting a small disk is not permitted here")
        try:
            failed(disk / "out", "no space left on device", code=(1,))
            assert not list(disk.iterdir())
        finally:
            subprocess.run(["umount", disk], check=True)


@pytest.mark.outcome("Faults", "output on a full device (`/dev/full`)", "one line, exit code 1")
@pytest.mark.parametrize("what", [("models",), ("models", "tdp-cr-prior")])
def test_what_is_printed_on_a_full_device(what):
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            sunbreak(*what), stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=ENVIRONMENT
        )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "No space left on device" in done.stderr


@pytest.mark.outcome("Faults", "memory runs out (`RLIMIT_AS`)", "whole or nothing at all, with whatever limit")
def test_memory_that_is_not_there(restore, tmp_path, record_property):
    ends = []
    for megabytes in (400, 700, 900, 1100, 1300, 1600):
        out = tmp_path / f"out-{megabytes}"
        limit = megabytes << 20
        limited = lambda limit=limit: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # noqa: E731
        done = subprocess.run(
            restore(out), check=False, capture_output=True, text=True, timeout=300, env=ENVIRONMENT, preexec_fn=limited
        )
        whole = (out / "item.json").exists()
        assert whole == (done.returncode == 0)
        if not whole and done.returncode > 0 and "sunbreak: " in done.stderr:
            assert not out.exists()
        if not whole:
            subprocess.run(restore(out), check=True, capture_output=True, env=ENVIRONMENT)
        assert not list(out.glob(".*"))
        ends.append("whole" if whole else f"exit {done.returncode}")
    record_property("measured", ", ".join(ends))
    assert "whole" in ends[-1] or sys.maxsize < 2**32
