"""Weights and what lies beside them: ONNX, safetensors, cards, sidecars."""

import hashlib
import json

import numpy as np
from hypothesis import strategies as st
from safetensors.numpy import save

import classifier_files
import model_files
from fuzz_mutations import spoilt_bytes, spoilt_json
from fuzz_targets.target import Target, whole
from sunbreak.engine import open_model
from sunbreak.models import describe
from sunbreak.sidecar import read_sidecar


def plain(folder):
    """A model that gives the prior back."""
    nodes = [model_files.node("Identity", ["prior"], ["reflectance"])]
    return model_files.save(folder / "net.onnx", nodes, [("prior", 13)])


def onnx(folder):
    nodes = [model_files.node("Conv", ["prior", "weight"], ["reflectance"])]
    constants = {"weight": np.ones((13, 13, 1, 1))}
    path = model_files.save(folder / "net.onnx", nodes, [("prior", 13)], constants=constants)
    content = path.read_bytes()

    def run(case):
        spoilt, runtime = case
        model_files.write_trusted(path, spoilt)
        return open_model(path, runtime=runtime)

    return Target(st.tuples(spoilt_bytes(content), st.sampled_from(("openvino", "onnx"))), run)


def safetensors(folder):
    from sunbreak.train.start import read_start

    content = save({"a.weight": np.ones((4, 4), np.float32), "a.bias": np.ones(4, np.float16)})
    path = plain(folder)

    def run(spoilt):
        path.with_suffix(".safetensors").write_bytes(spoilt)
        model_files.state(path, sha256={"safetensors": hashlib.sha256(spoilt).hexdigest()})
        return read_start(path)

    return Target(spoilt_bytes(content), run)


def card(folder):
    path = plain(folder)
    beside = path.with_suffix(".json")
    content = json.loads(beside.read_text())
    content |= {"sigma_scale": [1.0] * 13, "land_cover": [10, 20], "architecture": {"network": "tdp-cr", "config": {}},
                "training": {"regions_seen": ["a"]}}  # fmt: skip
    return Target(
        spoilt_json(content), lambda spoilt: whole(beside, spoilt, lambda _: (describe(path), open_model(path)))
    )


def sidecar(folder):
    path = classifier_files.sidecar(classifier_files.linear(folder / "any.onnx", np.eye(3)))
    beside = path.with_suffix(".json")
    return Target(spoilt_json(json.loads(beside.read_text())), lambda spoilt: whole(beside, spoilt, read_sidecar))
