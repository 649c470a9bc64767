"""Weights from elsewhere: exchanged ones, unknown ones, those that read other files, and cards that say wild things."""

import hashlib
import struct

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import model_files
from classifier_files import linear, sidecar
from model_files import state, write_trusted
from sunbreak.cli import main
from sunbreak.weights.graph import check_graph, fields

GROUP = "Hostile input"
RUNTIMES = ["openvino", "onnx"]
shows = pytest.mark.outcome
node = helper.make_node


@pytest.fixture
def model(tmp_path):
    """A model that gives the prior back."""
    return model_files.save(tmp_path / "net.onnx", [node("Identity", ["prior"], ["reflectance"])], [("prior", 13)])


@shows(GROUP, "weights whose checksum differs from their card's", "refused, with and without --trust")
def test_exchanged_weights(model, restore_refused, refused, s2):
    model.write_bytes(model.read_bytes() + b"\0\0")
    restore_refused(s2, "--model", model, words=["net.onnx", "is not what its card was written for"])
    refused("models", model, "--trust", words=["is not what its card was written for"])


@shows(
    GROUP,
    "weights whose card or sidecar states no checksum",
    "refused until `sunbreak models FILE --trust` has noted it",
)
@pytest.mark.parametrize("kind", ["card", "sidecar"])
def test_unknown_weights_have_to_be_trusted_once(tmp_path, model, refused, s2, s1, kind, capfd):
    verb = ["restore", s2, "--model"] if kind == "card" else ["classify", s2, "--model"]
    if kind == "sidecar":
        model = sidecar(linear(tmp_path / "net.onnx", np.eye(3)))
    state(model, sha256=None)
    command = [*verb, model, "--radar", s1, "-o", tmp_path / "out"]
    refused(*command, words=["net.onnx", "nobody vouches", f"sunbreak models {model} --trust"])
    assert main(["models", str(model), "--trust"]) == 0
    assert "trusted from now on" in capfd.readouterr().out
    assert main([str(part) for part in command]) == 0
    model.write_bytes(model.read_bytes() + b"\0\0")
    refused(*command, "--overwrite", words=["is not what its card was written for"])


def outside(**entries):
    tensor = numpy_helper.from_array(np.zeros((1, 13, 1, 1), np.float32), "weights")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def initializer(tensor):
    return [node("Add", ["prior", "weights"], ["reflectance"])], [tensor]


def constant(tensor):
    return [node("Constant", [], ["weights"], value=tensor), node("Add", ["prior", "weights"], ["reflectance"])], []


def branch(tensor):
    """In a graph inside a graph."""
    result = [helper.make_tensor_value_info("weights", TensorProto.FLOAT, None)]
    inner = helper.make_graph([node("Constant", [], ["weights"], value=tensor)], "inner", [], result)
    condition = numpy_helper.from_array(np.array(True), "yes")
    nodes = [node("If", ["yes"], ["both"], then_branch=inner, else_branch=inner),
             node("Add", ["prior", "both"], ["reflectance"])]  # fmt: skip
    return nodes, [condition]


@shows(GROUP, "ONNX that reads its weights from another file", "refused before any library opens it")
@pytest.mark.parametrize("place", [initializer, constant, branch])
@pytest.mark.parametrize("location", ["/etc/passwd", "../../secret.bin", "weights.bin", "x" * 300])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_weights_lie_in_the_model_itself(model, restore_refused, s2, place, location, runtime):
    nodes, known = place(outside(location=location, length="52"))
    graph = helper.make_graph(
        nodes, "test", [helper.make_tensor_value_info("prior", TensorProto.FLOAT, [1, 13, "h", "w"])],
        [helper.make_tensor_value_info("reflectance", TensorProto.FLOAT, None)], known,
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=model_files.OPSET, ir_version=10)
    write_trusted(model, made.SerializeToString())
    restore_refused(s2, "--model", model, "--runtime", runtime, words=["another file", location[:50]])


def test_the_walk_sees_what_protocol_buffers_see(model):
    content = onnx.load(model)
    seen = dict(fields(memoryview(model.read_bytes())))
    assert seen[1] == content.ir_version
    assert bytes(seen[7]) == content.graph.SerializeToString()
    check_graph(model)


@shows(GROUP, "ONNX that hides such a tensor in lengths written otherwise", "refused all the same")
def test_lengths_written_otherwise(model, restore_refused, s2):
    def wide(number, content):
        return bytes([number << 3 | 2]) + bytes([len(content) & 127 | 128, len(content) >> 7 | 128, 0]) + content

    entry = wide(2, b"/etc/passwd") + wide(1, b"location")
    tensor = b"\x08\x01\x10\x01" + wide(8, b"weights") + wide(13, entry) + b"\xf0\x00\x81\x00"
    write_trusted(model, b"\x08\x0a" + wide(7, wide(5, tensor)))
    restore_refused(s2, "--model", model, words=["another file"])


@shows(GROUP, "ONNX with unknown operators, no graph, or random bytes", "refused")
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("kind", ["operator", "domain", "empty", "random", "cut"])
def test_strange_graphs(model, restore_refused, s2, runtime, kind):
    content = model.read_bytes()
    if kind in ("operator", "domain"):
        strange = onnx.load(model)
        strange.graph.node[0].op_type = "Evil"
        if kind == "domain":
            strange.graph.node[0].domain = "org.evil"
            strange.opset_import.add(domain="org.evil", version=1)
        content = strange.SerializeToString()
    elif kind == "random":
        content = np.random.default_rng(0).bytes(5000)
    write_trusted(model, {"empty": b"", "cut": content[: len(content) // 2]}.get(kind, content))
    restore_refused(s2, "--model", model, "--runtime", runtime, words=["net.onnx", "not a model that can be run"])


@shows(GROUP, "ONNX with nodes without inputs or outputs, which end OpenVINO's process", "refused before it is opened")
@pytest.mark.parametrize(
    ("operator", "inputs", "outputs"),
    [("Conv", ["", "prior"], ["reflectance"]), ("Conv", [], ["reflectance"]), ("Sum", [], ["reflectance"]),
     ("Clip", ["", "prior"], ["reflectance"]), ("Split", ["prior", ""], []), ("", ["prior"], ["reflectance"])],
)  # fmt: skip
def test_nodes_are_whole(tmp_path, restore_refused, s2, operator, inputs, outputs):
    path = model_files.save(tmp_path / "net.onnx", [node(operator, inputs, outputs)], [("prior", 13)])
    restore_refused(s2, "--model", path, words=["net.onnx", "has no input or no output"])


@shows(GROUP, "card or sidecar with wild values: patches of 10^9 pixels, nesting, no numbers", "refused")
@pytest.mark.parametrize(
    "change",
    [{"patch": 10**9}, {"patch": 0}, {"patch": -256}, {"overlap": 256, "patch": 256}, {"overlap": -1},
     {"sigma_scale": [1e400] * 13}, {"sigma_scale": ["x"] * 13}, {"bands": ["B02"] * 100_000}, {"bands": {}},
     {"sha256": "x"}, {"architecture": 1}, {"kind": []}, {"levels": [[]]}, {"land_cover": [10**400]}],
    ids="-".join,
)  # fmt: skip
def test_wild_cards(model, restore_refused, s2, change):
    state(model, **change)
    restore_refused(s2, "--model", model, words=["net."])


@shows(GROUP, "card of 20 MiB, nested 100,000 deep, or no object", "refused")
@pytest.mark.parametrize("text", ["[" * 100_000, " " * (20 << 20), "[]", '"x"', "\xff", '{"a":' * 50_000])
def test_cards_that_are_none(model, restore_refused, s2, text):
    model.with_suffix(".json").write_text(text, encoding="latin-1")
    restore_refused(s2, "--model", model, words=["not a readable model card"])


@shows(GROUP, "safetensors whose header declares 2^60 bytes, or a pickle under that name", "refused, never unpickled")
@pytest.mark.parametrize("kind", ["long", "pickle"])
def test_strange_safetensors(tmp_path, model, restore_refused, s2, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("torch", reason="PyTorch is an extra")
    evil = b"\x80\x04cos\nsystem\n(S'touch evil'\ntR."
    content = struct.pack("<Q", 2**60) + b"{}" if kind == "long" else evil
    model.with_suffix(".safetensors").write_bytes(content)
    digests = {
        "onnx": hashlib.sha256(model.read_bytes()).hexdigest(),
        "safetensors": hashlib.sha256(content).hexdigest(),
    }
    state(model, sha256=digests, architecture={"network": "tdp-cr", "config": {}})
    restore_refused(s2, "--model", model, "--runtime", "torch", words=["net.onnx", "not a model that can be run"])
    assert not (tmp_path / "evil").exists()


@shows(GROUP, "pickle or TorchScript as --model", "refused, never opened")
@pytest.mark.parametrize("name", ["evil.pt", "evil.pth", "evil.pkl", "evil.bin"])
def test_models_are_onnx(tmp_path, restore_refused, s2, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"\x80\x04cos\nsystem\n(S'touch evil'\ntR.")
    restore_refused(s2, "--model", tmp_path / name, words=[name, "unknown"])
    assert not (tmp_path / "evil").exists()
