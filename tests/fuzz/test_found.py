"""What fuzzing has found, made anew: every input here once ended in another error than ours, or in a crash."""

import contextlib
import json

import numpy as np
import pytest

import classifier_files
import model_files
import products
import stac_layouts
from sunbreak.cli import main
from sunbreak.data import open_data
from sunbreak.errors import InputError, OptionError
from sunbreak.inputs.opened import open_optical
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.sidecar import read_sidecar
from sunbreak.steps.quality_file import parse_map
from sunbreak.steps.read_product import read_product
from sunbreak.weights import read_card


@pytest.mark.parametrize("number", [10**31, 10**400, -(10**400)])
@pytest.mark.parametrize("entry", ["scale", "mean", "std"])
def test_numbers_beyond_floats_in_sidecars(tmp_path, entry, number):
    changes = {entry: number if entry == "scale" else [number] * 3}
    path = classifier_files.sidecar(classifier_files.linear(tmp_path / "a.onnx", np.eye(3)), **changes)
    with pytest.raises(OptionError, match=entry):
        read_sidecar(path.with_suffix(".json"))


@pytest.mark.parametrize("change", [{"sigma_scale": [10**400] * 13}, {"gmacs": 10**400}])
def test_numbers_beyond_floats_in_cards(tmp_path, change):
    path = model_files.save(
        tmp_path / "a.onnx", [model_files.node("Identity", ["prior"], ["reflectance"])], [("prior", 13)], card=change
    )
    with pytest.raises(OptionError, match=r"a\.json"):
        read_card(path.with_suffix(".json"))


@pytest.mark.parametrize("roles", [[[]], {}, "data", 7, [None]])
def test_roles_of_any_type(tmp_path, roles):
    path = stac_layouts.write_item(tmp_path, "planetary-computer", offset=-1000, bands=("B02", "B03"), told=True)
    item = json.loads(path.read_text())
    item["properties"]["s2:processing_baseline"] = "05.10"
    item["assets"]["B02"]["roles"] = roles
    path.write_text(json.dumps(item))
    assert open_optical(path, ReadOptions()).understood(ReadOptions()).bands == ("B02", "B03")


@pytest.mark.parametrize("links", [None, {}, 7, [None, 7, {"rel": "derived_from"}]])
def test_links_of_any_type(tmp_path, links):
    _, folder = products.make_product(tmp_path, "scene", bare=True)
    item = json.loads((folder / "item.json").read_text())
    (folder / "item.json").write_text(json.dumps(item | {"links": links}))
    assert read_product(folder).optical is None
    assert main(["report", str(folder), "-o", str(tmp_path / "report.html")]) == 0


@pytest.mark.parametrize("content", [b"steps:\n", b"\x80", b"steps: [\n", b"a: " + b"[" * 3000, b"- a\n", b"seed: x\n"])
def test_settings_that_are_none(tmp_path, content, capsys):
    path = tmp_path / "run.yaml"
    path.write_bytes(content)
    command = ["train", "tdp-cr", "--config", str(path), "--data", "collection:nowhere", "-o", str(tmp_path / "run")]
    with contextlib.suppress(SystemExit):
        assert main(command) == 2
    told = capsys.readouterr().err
    assert told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "line",
    ["seed: 99999999999999999999", "seed: -1", "learning_rate: -1", "learning_rate: .nan", "clip: -1", "warmup: -1",
     "semantic_steps: -1", "network_options: {widths: []}", "network_options: {widths: [-1, 2, 3, 4, 5]}"],
)  # fmt: skip
def test_settings_that_torch_would_refuse(tmp_path, line, capsys):
    pytest.importorskip("torch", reason="PyTorch is an extra")
    path = tmp_path / "run.yaml"
    path.write_text(f"{line}\n")
    run = tmp_path / "run"
    assert main(["train", "cloud-mask", "--config", str(path), "--data", "simulated:", "-o", str(run)]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert ("cloud-mask" if "network" in line else line.partition(":")[0]) in told
    assert not run.exists()


@pytest.mark.parametrize("code", ["9" * 5000, "\u00b2", "\u0663", "-1", ""])
def test_codes_of_quality_maps_that_are_no_numbers(code):
    with pytest.raises(OptionError, match="is not CODE=CLASS"):
        parse_map(f"0=clear,{code}=thick")


@pytest.mark.parametrize("path", ["a\0b", "a" * 3000])
@pytest.mark.parametrize("kind", ["collection", "archive", "sen12ms-cr"])
def test_data_under_names_that_no_file_can_have(kind, path):
    with pytest.raises(OptionError, match="no file or folder can have such a name"):
        open_data(f"{kind}:{path}")


def test_an_item_without_any_link(tmp_path):
    path = stac_layouts.write_item(tmp_path, bands=("B02",))
    item = json.loads(path.read_text())
    del item["links"]
    with pytest.raises(InputError, match="B02"):  # in memory, it has no place of its own
        open_optical(item, ReadOptions())
