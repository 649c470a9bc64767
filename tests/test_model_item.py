"""A model as a STAC item: valid, read by pystac, saying of the model what its files and its card say."""

import base64
import copy
import hashlib
import json

import jsonschema
import numpy as np
import onnx
import pystac
import pytest
from numpy.testing import assert_allclose
from pystac.extensions.mlm import AssetGeneralMLMExtension, MLMExtension

from classifier_files import CLASSES, RGB, linear, ours, sidecar
from model_files import CODES, mapper, node, save
from stac_schemas import SCHEMAS, broken, validate
from sunbreak import weights
from sunbreak.model_item import EXTENSIONS, foreign_item, model_item
from sunbreak.sidecar import read_sidecar
from sunbreak.weights import read_card

SHIPPED = sorted(name for name, card in weights.shipped().items() if card.kind == "restoration")


def described(path):
    """The item of a model file with a card."""
    content = json.loads(model_item(read_card(path.with_suffix(".json"))))
    validate(content)
    return content


def outputs(content):
    return {one["name"]: one for one in content["properties"]["mlm:output"]}


def inputs(content):
    return {one["name"]: one for one in content["properties"]["mlm:input"]}


@pytest.fixture(scope="module")
def network():
    """The item of the network that restores by default."""
    return described(weights.find("tdp-cr-prior"))


def test_every_extension_has_its_schema():
    assert set(EXTENSIONS) <= SCHEMAS.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_it_holds_the_card_and_says_what_the_card_says(name):
    card, content = weights.shipped()[name], described(weights.find(name))
    told = content["properties"]
    assert told["sunbreak:card"] == json.loads(card.path.read_text())
    assert (told["mlm:name"], told["mlm:architecture"]) == (card.name, card.architecture.network)
    assert (told["license"], told["mlm:total_parameters"]) == (card.licence, card.parameters)
    assert (told["description"], told["mlm:framework"]) == (card.summary, "PyTorch")
    for asset, file in (("model", card.onnx), ("weights", card.safetensors)):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert content["assets"][asset]["file:checksum"] == f"1220{digest}"
        scheme, _, hashed = content["assets"][asset]["href"].partition(":///sha-256;")
        assert (scheme, base64.urlsafe_b64decode(hashed + "=").hex()) == ("ni", digest)
    assert content["id"] == f"{name}-{card.sha256['onnx'][:12]}"


def test_inputs_and_outputs_are_those_of_the_file(network):
    graph = onnx.load(weights.find("tdp-cr-prior")).graph
    for ports, told, what in ((graph.input, inputs, "input"), (graph.output, outputs, "result")):
        assert list(told(network)) == [port.name for port in ports]
        for port in ports:
            shape = [dim.dim_value or -1 for dim in port.type.tensor_type.shape.dim]
            assert told(network)[port.name][what]["shape"] == shape
    card = weights.shipped()["tdp-cr-prior"]
    assert inputs(network)["optical"]["bands"] == list(card.bands)
    assert inputs(network)["radar"]["bands"] == ["VV", "VH"]
    assert inputs(network)["quality"]["bands"] == []
    assert [band["name"] for band in network["properties"]["bands"]] == [*card.bands, "VV", "VH"]
    assert network["properties"]["mlm:tasks"] == ["regression", "semantic-segmentation"]
    classes = outputs(network)["land_cover"]["classification:classes"]
    assert [one["value"] for one in classes] == list(card.land_cover)
    assert "classification:classes" not in outputs(network)["reflectance"]


def test_pystac_reads_it(network):
    item = pystac.Item.from_dict(copy.deepcopy(network))
    read = MLMExtension.ext(item)
    assert (read.mlm_name, read.architecture, read.framework) == ("tdp-cr-prior", "tdp-cr-prior", "PyTorch")
    assert read.accelerator is None
    assert [one.name for one in read.output] == ["reflectance", "log_variance", "land_cover"]
    assert len(read.output[2].classes) == len(CODES)
    assert read.input[0].input.dim_order == ["batch", "channel", "height", "width"]
    assert AssetGeneralMLMExtension.ext(item.assets["model"]).artifact_type == "onnx"


def test_the_order_of_land_cover_is_that_of_its_planes(tmp_path):
    path = mapper(tmp_path / "a.onnx", card={"land_cover": CODES[::-1]})
    classes = outputs(described(path))["land_cover"]["classification:classes"]
    assert [one["value"] for one in classes] == CODES[::-1]


def test_a_card_that_says_little_has_an_item_that_says_little(tmp_path):
    path = save(
        tmp_path / "a.onnx", [node("Identity", ["prior"], ["reflectance"])], [("prior", 13)],
        card={"licence": "ask me", "summary": "", "parameters": -1},
    )  # fmt: skip
    told = described(path)["properties"]
    assert (told["license"], told["mlm:architecture"], told["mlm:framework"]) == ("other", "unknown", "ONNX")
    assert not {"description", "mlm:total_parameters"} & told.keys()
    assert told["mlm:output"][0]["result"]["shape"] == [-1, -1, -1, -1]  # the file does not say


def test_a_network_that_sees_no_band_and_does_not_tell_its_classes_has_a_valid_item(tmp_path):
    nodes = [node("Identity", ["quality"], ["reflectance"]), node("Identity", ["quality"], ["land_cover"])]
    path = save(tmp_path / "a.onnx", nodes, [("quality", 5)], outputs=("reflectance", "land_cover"))
    content = described(path)
    assert "bands" not in content["properties"]
    assert "classification:classes" not in outputs(content)["land_cover"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tdp-cr-prior", "tdp-cr-prior"), ("my net, second try", "my net- second try"), ("x", "model-x"),
        ("3rd", "model-3rd"), ("Wolke\u2601", "Wolke"), ("\u4e91", "model"), ("../../etc", "etc"),
    ],
)  # fmt: skip
def test_names_that_the_extension_does_not_take_are_mended(tmp_path, name, told):
    content = described(mapper(tmp_path / "a.onnx", card={"name": name}))
    assert (content["properties"]["title"], content["properties"]["mlm:name"]) == (name, told)


def test_checksums_that_are_none_name_no_file(tmp_path):
    path = mapper(tmp_path / "a.onnx")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    content = json.loads(path.with_suffix(".json").read_text())
    stated = {"onnx": digest.upper(), "safetensors": "lost", "other": digest}
    path.with_suffix(".json").write_text(json.dumps(content | {"sha256": stated}))
    assert described(path)["assets"].keys() == {"model"}
    assert described(path)["assets"]["model"]["file:checksum"] == f"1220{digest}"


def test_a_classifier_tells_its_classes(tmp_path):
    asked = [("optical", 3), ("radar", 2), ("clear", 1)]
    content = described(ours(tmp_path / "a.onnx", np.eye(6, 3), asked, branches=("logits_radar",)))
    assert content["properties"]["mlm:tasks"] == ["scene-classification"]
    assert list(outputs(content)) == ["logits", "logits_radar"]
    assert [(one["value"], one["description"]) for one in outputs(content)["logits"]["classification:classes"]] == [
        (1, CLASSES[0]), (2, CLASSES[1]), (3, CLASSES[2]),
    ]  # fmt: skip
    assert outputs(content)["logits"]["result"]["dim_order"] == ["batch", "class"]
    assert {name: one["bands"] for name, one in inputs(content).items()} == {
        "optical": list(RGB), "radar": ["VV", "VH"], "clear": [],
    }  # fmt: skip


def test_a_classifier_from_outside_tells_how_its_input_is_scaled(tmp_path):
    path = linear(tmp_path / "a.onnx", np.eye(3), inputs=("radar",))  # a name that means nothing here
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    sidecar(path, sha256={"onnx": digest, "safetensors": 7})
    given = read_sidecar(path.with_suffix(".json"))
    content = json.loads(foreign_item("anybody's", given))
    validate(content)
    told = content["properties"]
    assert told["sunbreak:card"] == json.loads(path.with_suffix(".json").read_text())
    (image,) = told["mlm:input"]
    assert (image["name"], image["bands"]) == ("radar", list(RGB))
    assert {name: one["file:checksum"] for name, one in content["assets"].items()} == {"model": f"1220{digest}"}
    optical = np.random.default_rng(0).random((1, 3, 4, 4), np.float32)
    scaled = [(optical[0, at] - one["mean"]) / one["stddev"] for at, one in enumerate(image["value_scaling"])]
    assert_allclose(scaled, given.scaled(optical)[0], rtol=1e-4, atol=1e-5)
    assert [one["description"] for one in told["mlm:output"][0]["classification:classes"]] == list(CLASSES)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["properties", "mlm:name"], "-"),
        (["properties", "mlm:tasks"], ["restoration"]),
        (["properties", "mlm:accelerator"], "gpu"),
        (["properties", "mlm:licence"], "MIT"),
        (["properties", "mlm:total_parameters"], 1.5),
        (["properties", "mlm:artifact_type"], "onnx"),
        (["properties", "mlm:input", 0, "input", "shape"], [0]),
        (["properties", "mlm:input", 0, "input", "data_type"], "float"),
        (["properties", "mlm:input", 0, "value_scaling"], [{"type": "z-score", "mean": 0}]),
        (["properties", "mlm:output", 2, "classification:classes", 0, "name"], "tree cover"),
        (["properties", "bands"], []),
        (["properties", "license"], "all rights"),
        (["assets", "model", "roles"], ["data"]),
        (["assets", "model", "mlm:name"], "tdp-cr-prior"),
        (["assets", "weights", "file:checksum"], "none"),
    ],
)
def test_what_is_broken_is_refused(network, where, value):
    with pytest.raises(jsonschema.ValidationError):
        validate(broken(network, where, value))


@pytest.mark.parametrize("field", ["name", "architecture", "tasks", "input", "output"])
def test_what_lacks_a_field_is_refused(network, field):
    told = {key: value for key, value in network["properties"].items() if key != f"mlm:{field}"}
    with pytest.raises(jsonschema.ValidationError):
        validate(network | {"properties": told})
