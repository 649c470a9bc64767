"""Small scenes on disk that the faults of this folder are tried on."""

import shutil
import subprocess

import pytest

from killing import ENVIRONMENT, sunbreak

QUICK = ("--model", "scene-prior", "--mask", "rule")
"""Without networks, which take most of the time that a small scene needs."""


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    """A simulated scene of 512 x 512 pixels."""
    folder = tmp_path_factory.mktemp("faults") / "scene"
    subprocess.run(sunbreak("simulate", "-o", folder, "--size", 512, "--seed", 3), check=True, capture_output=True)
    return folder


@pytest.fixture
def restore(scene):
    """The command that restores the scene to a folder."""

    def command(out, *more, optical=None):
        given = ["--radar", scene / "radar.tif", *QUICK, *more]
        return sunbreak("restore", optical or scene / "optical.tif", *given, "-o", out)

    return command


@pytest.fixture
def failed(restore, tmp_path):
    """A function that restores, expects one clear line and no product, then restores again without the fault."""

    def check(out, *words, optical=None, code=(1, 2), then=None, **popen):
        done = subprocess.run(
            restore(out, optical=optical), check=False, capture_output=True, text=True, timeout=300, env=ENVIRONMENT,
            **popen,
        )  # fmt: skip
        assert done.returncode in code, (done.returncode, done.stderr)
        told = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
        assert len(told) == 1, done.stderr
        assert told[0].startswith("sunbreak: ")
        for word in words:
            assert word in told[0]
        assert not out.exists() or not list(out.iterdir())
        if then is not None:
            subprocess.run(restore(then), check=True, capture_output=True, env=ENVIRONMENT)
            assert (then / "item.json").is_file()
            shutil.rmtree(then)
        return told[0]

    return check
