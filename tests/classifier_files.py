"""Tiny classifiers as files, ours with a card and foreign ones with a sidecar."""

import hashlib
import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import model_files

RGB = ("B04", "B03", "B02")
CLASSES = ("Sea/Lake", "Forest & wood", "crop")
node = helper.make_node


def ours(path, weights, inputs, *, branches=(), card=None, patch=16):
    """Logits are a linear function of the means of all inputs over the patch, in the order of the inputs."""
    pooled = [node("GlobalAveragePool", [name], [f"mean_{name}"]) for name, _ in inputs]
    nodes = [
        *pooled,
        node("Concat", [f"mean_{name}" for name, _ in inputs], ["means"], axis=1),
        node("Flatten", ["means"], ["flat"]),
        node("MatMul", ["flat", "weights"], ["logits"]),
        *(node("Mul", ["logits", f"factor_{name}"], [name]) for name in branches),
    ]
    constants = {"weights": np.asarray(weights, float)}
    constants |= {f"factor_{name}": np.array(index + 2.0) for index, name in enumerate(branches)}
    known = {
        "kind": "classifier", "bands": list(RGB), "levels": ["L1C", "L2A"], "patch": patch, "overlap": 0,
        "classes": list(CLASSES),
    }  # fmt: skip
    return model_files.save(
        path, nodes, inputs, outputs=("logits", *branches), constants=constants, card=known | (card or {})
    )


def linear(path, weights, *, last=(), shape=("n", 3, "h", "w"), results=1, inputs=("image",), external=None):
    """An ONNX file of anybody: means over the patch, a matrix, and `last` operators behind it."""
    images = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs]
    nodes = [
        node("GlobalAveragePool", [inputs[0]], ["mean"]),
        node("Flatten", ["mean"], ["flat"]),
        node("MatMul", ["flat", "weights"], ["step0"]),
    ]
    nodes += [node(kind, [f"step{at}"], [f"step{at + 1}"]) for at, kind in enumerate((*last, "Identity"))]
    names = [f"step{len(nodes) - 3 - index}" for index in range(results)]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    known = [numpy_helper.from_array(np.asarray(weights, np.float32), "weights")]
    model = helper.make_model(
        helper.make_graph(nodes, "anybody's", images, outputs, known), opset_imports=model_files.OPSET, ir_version=10
    )
    if external:
        onnx.save(model, path, save_as_external_data=True, location=external, size_threshold=0)
    else:
        onnx.save(model, path)
    return path


def sidecar(path, **changes):
    """Write the sidecar of an ONNX file; None leaves an entry out."""
    content = {
        "bands": list(RGB), "scale": 10000, "mean": [1000, 900, 800], "std": [500, 400, 300], "patch": 16,
        "classes": list(CLASSES),
    } | changes  # fmt: skip
    if path.is_file():
        content.setdefault("sha256", {"onnx": hashlib.sha256(path.read_bytes()).hexdigest()})
    kept = {name: value for name, value in content.items() if value is not None}
    path.with_suffix(".json").write_text(json.dumps(kept))
    return path
