"""Compiled networks are kept for later runs: taken when whole and one's own, never needed."""

import os
import shutil

import numpy as np
import pytest

from model_files import node, save
from sunbreak import cache
from sunbreak.runtimes import OpenVino

SHA = "0" * 64


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches" / "sunbreak" / "compiled"


@pytest.fixture
def model(tmp_path):
    return save(tmp_path / "m.onnx", [node("Mul", ["optical", "optical"], ["reflectance"])], [("optical", 13)])


def run(network):
    optical = np.random.default_rng(0).random((1, 13, 64, 64)).astype(np.float32)
    return network.run({"optical": optical})["reflectance"].tobytes()


def test_a_compiled_network_is_kept_and_gives_the_same_bytes(folder, model):
    before = OpenVino(model, "fp32", 64, SHA)
    assert len(list(folder.iterdir())) == 1
    model.unlink()  # what follows has only what was kept
    after = OpenVino(model, "fp32", 64, SHA)
    assert run(after) == run(before)
    assert any(run(after))  # not zeros
    assert (after.sizes, after.inputs) == (before.sizes, before.inputs)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_ports_of_several_names_keep_the_name_of_the_file(folder, tmp_path):
    path = save(
        tmp_path / "m.onnx",
        [node("Identity", ["optical"], ["same"]), node("Relu", ["same"], ["reflectance"])],
        [("optical", 13)],
    )
    for _ in range(2):
        network = OpenVino(path, "fp32", 64, SHA)
        assert network.inputs == ("optical",)
        assert list(network.run({"optical": np.ones((1, 13, 64, 64), np.float32)})) == ["reflectance"]


def test_another_file_or_arithmetic_or_patch_is_compiled_anew(folder, model):
    for precision, patch, sha256 in (("fp32", 64, SHA), ("bf16", 64, SHA), ("fp32", 32, SHA), ("fp32", 64, "1" * 64)):
        OpenVino(model, precision, patch, sha256)
    assert len(list(folder.iterdir())) == 4
    OpenVino(model, "fp32", 64)
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("fault", ["cut", "bytes", "others", "another form", "none of OpenVINO's"])
def test_what_is_not_whole_or_not_ones_own_is_made_anew(folder, model, fault):
    expected = run(OpenVino(model, "fp32", 64, SHA))
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    if fault == "cut":
        kept.write_bytes(whole[:-10])
    elif fault == "bytes":
        kept.write_bytes(whole[:500] + b"?" + whole[501:])
    elif fault == "others":
        kept.chmod(0o666)
    elif fault == "another form":
        cache.keep(kept.name, b"{}\n" + whole.partition(b"\n")[2])
    else:
        cache.keep(kept.name, whole[64:].partition(b"\n")[0] + b"\nnothing")
    assert run(OpenVino(model, "fp32", 64, SHA)) == expected
    assert len(cache.load(kept.name)) > 100  # a whole one lies there again
    assert kept.stat().st_mode & 0o777 == 0o600


def test_where_nothing_can_be_kept_networks_run_all_the_same(tmp_path, model, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    without = run(OpenVino(model, "fp32", 64, SHA))
    assert without == run(OpenVino(model, "fp32", 64))


def test_only_the_latest_are_kept_and_leftovers_go(folder):
    cache.keep("first", b"first")
    (folder / ".killed.123").write_bytes(b"half")
    for number, path in enumerate(folder.iterdir()):
        os.utime(path, (number, number))
    for number in range(cache.KEPT):
        cache.keep(str(number), b"content")
    assert sorted(path.name for path in folder.iterdir()) == [str(number) for number in range(cache.KEPT)]
    shutil.rmtree(folder)
    assert cache.load("0") is None
