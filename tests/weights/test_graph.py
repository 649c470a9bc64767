"""The graph is walked as those parsers walk it that run it afterwards."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from sunbreak.errors import OptionError
from sunbreak.weights.graph import check_graph


def varint(number):
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number, content, above=0):
    """A field; `above` are bits of its key beyond the 32 that a key has."""
    kind = 0 if isinstance(content, int) else 2
    key = varint(number << 3 | kind | above << 32)
    return key + (varint(content) if kind == 0 else varint(len(content)) + content)


def adding(weight):
    """A model that adds a weight, which is handed over as bytes of its message."""
    node = helper.make_node("Add", ["x", "w"], ["y"]).SerializeToString()
    ends = {11: "x", 12: "y"}
    sides = {at: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for at, name in ends.items()}
    graph = field(1, node) + field(2, b"graph") + field(5, weight)
    graph += b"".join(field(at, one.SerializeToString()) for at, one in sides.items())
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 17))


def elsewhere(above):
    """A weight in the file `beside`."""
    entries = (("location", b"beside"), ("length", b"4"))
    said = b"".join(field(13, field(1, name.encode()) + field(2, text), above) for name, text in entries)
    return field(1, 1) + field(2, 1) + field(8, b"w") + said + field(14, 1, above)


def test_weights_inside_are_let_through(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(adding(helper.make_tensor("w", TensorProto.FLOAT, [1], [2.0]).SerializeToString()))
    check_graph(path)


@pytest.mark.parametrize("above", range(8))
def test_bits_beyond_a_key_hide_no_file_from_the_walk(tmp_path, above):
    path = tmp_path / "model.onnx"
    path.write_bytes(adding(elsewhere(above)))
    (tmp_path / "beside").write_bytes(np.float32(2.0).tobytes())
    # what runs the model leaves those bits out, and reads the file
    found = onnxruntime.InferenceSession(path).run(None, {"x": np.float32([1.0])})
    assert found[0] == 3.0
    with pytest.raises(OptionError, match="another file" if above == 0 else "no ONNX file"):
        check_graph(path)
