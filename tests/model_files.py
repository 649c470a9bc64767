"""Tiny model files for tests, with their cards, as `sunbreak.engine` and `sunbreak.weights` describe them."""

import hashlib
import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sunbreak.bands import L1C_BANDS, LEVELS
from sunbreak.legend import LAND_COVER_LEGEND

OPSET = [helper.make_opsetid("", 20)]
CODES = list(LAND_COVER_LEGEND)
WHOLE = {"present": 13, "level": 2}
node = helper.make_node


def save(path, nodes, inputs, *, outputs=("reflectance",), card=None, constants=None):
    """Write an ONNX file with its card; `inputs` are (name, channels), `constants` arrays by name."""
    tensors = [
        helper.make_tensor_value_info(
            name, TensorProto.FLOAT, [1, count, 1, 1] if name in WHOLE else [1, count, "h", "w"]
        )
        for name, count in inputs
    ]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    known = [numpy_helper.from_array(typed(np.asarray(array)), name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, "test", tensors, results, known)
    onnx.save(helper.make_model(graph, opset_imports=OPSET, ir_version=10), path)
    facts = {
        "name": path.stem,
        "kind": "restoration",
        "bands": list(L1C_BANDS),
        "levels": list(LEVELS),
        "patch": 64,
        "overlap": 16,
        "sha256": {"onnx": hashlib.sha256(path.read_bytes()).hexdigest()},
        "licence": "Apache-2.0",
        "summary": "A test.",
        "inputs": "nothing",
        "parameters": 1234567,
        "gmacs": 8.25,
    }
    path.with_suffix(".json").write_text(json.dumps(facts | (card or {})))
    return path


def state(path, **changes):
    """Change the card of a model; None takes an entry away."""
    card = path.with_suffix(".json")
    content = json.loads(card.read_text()) | changes
    card.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def write_trusted(path, content):
    """Give a model other bytes, for which its card vouches."""
    path.write_bytes(content)
    state(path, sha256={"onnx": hashlib.sha256(content).hexdigest()})


def typed(array):
    return array.astype(np.float32) if array.dtype.kind == "f" else array.astype(np.int64)


def mapper(path, *, card=None):
    """The prior as it is, and land cover that depends on the pixel and on the mean of its patch."""
    rng = np.random.default_rng(0)
    nodes = [
        node("Identity", ["prior"], ["reflectance"]),
        node("GlobalAveragePool", ["optical"], ["mean"]),
        node("Sub", ["optical", "mean"], ["seen"]),
        node("Conv", ["seen", "weight"], ["scores"]),
        node("Softmax", ["scores"], ["land_cover"], axis=1),
    ]
    return save(
        path, nodes, [("optical", 13), ("prior", 13)], outputs=("reflectance", "land_cover"),
        card={"land_cover": CODES} | (card or {}), constants={"weight": 60 * rng.standard_normal((11, 13, 1, 1))},
    )  # fmt: skip
