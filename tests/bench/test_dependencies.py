"""Dependencies: pinned, of compatible licences, listed in a bill of materials; and the wheel is the same every time."""

import hashlib
import importlib
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
GROUP = "Supply chain"
shows = pytest.mark.outcome


@pytest.fixture
def dependencies(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    return importlib.import_module("dependencies")


@pytest.fixture
def everything(dependencies):
    try:
        return dependencies.installed(dependencies.EXTRAS)
    except metadata.PackageNotFoundError as error:
        pytest.skip(f"not every extra is installed ({error})")


@shows(GROUP, "licences of all dependencies, from what is installed", "all compatible with Apache-2.0")
def test_licences_are_compatible(dependencies, everything, record_property):
    assert [name for name in everything if not dependencies.compatible(dependencies.licence(name))] == []
    record_property("measured", f"{len(everything) - 1} packages")


@pytest.mark.parametrize(
    ("expression", "fits"),
    [("MIT", True), ("GPL-3.0-only", False), ("MIT AND GPL-2.0", False), ("GPL-2.0 OR MIT", True), ("", False),
     ("Apache-2.0 WITH LLVM-exception", True), ("(MIT AND BSD-3-Clause)", True), ("not stated", False)],
)  # fmt: skip
def test_what_compatible_means(dependencies, expression, fits):
    assert dependencies.compatible(expression) is fits


@shows(GROUP, "versions of all dependencies", "pinned in constraints.txt, those that the tests run with")
def test_every_dependency_is_pinned(everything):
    lines = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] != "#"]
    pins = {canonicalize_name(one.name): str(one.specifier) for one in lines}
    here = {name: f"=={metadata.version(name).partition('+')[0]}" for name in everything if name != "sunbreak"}
    assert {name: pins.get(name) for name in here} == here


def test_the_default_install_is_the_smaller_one(dependencies, everything):
    default = dependencies.installed(())
    assert default.keys() < everything.keys()
    assert not {"torch", "onnxruntime", "fastapi", "distributed", "pytest"} & default.keys()
    assert dependencies.size("numpy") > 10e6


@shows(GROUP, "bill of materials (CycloneDX 1.6)", "complete, and the same bytes every time")
def test_the_bill_of_materials_is_whole(dependencies, everything, tmp_path):
    files = [tmp_path / name for name in ("a.json", "b.json")]
    for file in files:
        assert dependencies.main(["--sbom", str(file)]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    content = json.loads(files[0].read_text())
    assert (content["bomFormat"], content["specVersion"]) == ("CycloneDX", "1.6")
    known = {part["bom-ref"] for part in [*content["components"], content["metadata"]["component"]]}
    assert len(known) == len(everything)
    assert {edge["ref"] for edge in content["dependencies"]} == known
    assert {one for edge in content["dependencies"] for one in edge["dependsOn"]} <= known
    assert all(part["licenses"] for part in content["components"])


@pytest.mark.long
@shows(GROUP, "the wheel, built twice on different days", "the same bytes")
def test_the_wheel_is_reproducible(tmp_path, record_property):
    digests = set()
    for day in (1, 2):
        out = tmp_path / str(day)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(ROOT)]
        subprocess.run(command, check=True, env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000", "TZ": f"UTC-{day}"})
        (wheel,) = out.glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
        size = wheel.stat().st_size
        os.utime(ROOT / "src" / "sunbreak" / "errors.py")
    assert len(digests) == 1
    record_property("measured", f"{size / 1e6:.1f} MB")
