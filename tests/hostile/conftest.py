"""What every hostile file has to meet at the command line: one clear line, exit code 2, soon, in little memory."""

import time
from pathlib import Path

import pytest

from sunbreak.cli import main

SECONDS = 20
MEMORY = 600 << 10
"""Growth of the largest memory of the process, in KiB; the libraries that are loaded meanwhile are part of it."""


def peak():
    """Largest memory of the process so far, in KiB."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])


@pytest.fixture
def refused(tmp_path, capfd):
    """A function that runs the command line, expects the refusal, and returns its line."""

    def check(*arguments, words, code=2):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew; what earlier tests took hides nothing
        before, start = peak(), time.monotonic()
        capfd.readouterr()
        assert main([str(one) for one in arguments]) == code
        assert time.monotonic() - start < SECONDS
        assert peak() - before < MEMORY
        told = capfd.readouterr().err.splitlines()
        assert len(told) == 1, told
        assert told[0].startswith("sunbreak: ")
        for word in words:
            assert word in told[0]
        return told[0]

    return check


@pytest.fixture
def restore_refused(refused, tmp_path):
    """The same for `sunbreak restore`, which leaves no output folder."""

    def check(optical, *more, words, code=2):
        told = refused("restore", optical, "-o", tmp_path / "product", *more, words=words, code=code)
        assert not (tmp_path / "product").exists()
        return told

    return check
