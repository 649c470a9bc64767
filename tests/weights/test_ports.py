"""What goes into an ONNX file and comes out of it, as the library of the format reads it."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from model_files import OPSET, mapper, node
from sunbreak import weights
from sunbreak.errors import OptionError
from sunbreak.weights.ports import read_ports


def by_onnx(path):
    """The same, by the library."""
    graph = onnx.load(path).graph
    known = {tensor.name for tensor in graph.initializer}
    return tuple(
        tuple((port.name, shape_of(port.type.tensor_type)) for port in ports if port.name not in known)
        for ports in (graph.input, graph.output)
    )


def shape_of(tensor):
    if not tensor.HasField("shape"):
        return None
    return tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim)


@pytest.mark.parametrize("name", sorted(weights.shipped()))
def test_shipped_files_have_the_ports_that_onnx_sees(name):
    inputs, outputs = read_ports(weights.find(name))
    assert (inputs, outputs) == by_onnx(weights.find(name))
    assert inputs[0] == ("optical", (1, 13, -1, -1))


def test_open_sizes_missing_shapes_and_weights_among_the_inputs(tmp_path):
    assert read_ports(mapper(tmp_path / "a.onnx")) == by_onnx(tmp_path / "a.onnx")
    assert [port.shape for port in read_ports(tmp_path / "a.onnx")[1]] == [None, None]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", -1, None, 8])
    known = numpy_helper.from_array(np.ones(1, np.float32), "weights")
    listed = helper.make_tensor_value_info("weights", TensorProto.FLOAT, [1])
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, [])
    graph = helper.make_graph(
        [node("Mul", ["image", "weights"], ["result"])], "old", [listed, image], [result], [known]
    )
    onnx.save(helper.make_model(graph, opset_imports=OPSET, ir_version=3), tmp_path / "old.onnx")
    assert read_ports(tmp_path / "old.onnx") == by_onnx(tmp_path / "old.onnx")
    assert read_ports(tmp_path / "old.onnx") == ((("image", (-1, -1, -1, 8)),), (("result", ()),))


def test_what_is_no_onnx_file_is_refused_in_one_line(tmp_path):
    whole = mapper(tmp_path / "a.onnx").read_bytes()
    (tmp_path / "a.onnx").write_bytes(whole[: len(whole) // 2])
    for path in (tmp_path / "a.onnx", tmp_path / "none.onnx"):
        with pytest.raises(OptionError, match=path.name):
            read_ports(path)
