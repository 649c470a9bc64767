"""What goes into an ONNX file and what comes out of it: names and shapes, read without a library that runs it.

Source: onnx.proto3 of ONNX 1.17 (numbers of fields).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from sunbreak.weights.graph import fields, reading

GRAPH: Final = 7
"""Field of a model."""
INITIALIZER, INPUT, OUTPUT = 5, 11, 12
"""Fields of a graph."""
NAME, TYPE, TENSOR_NAME = 1, 2, 8
"""Fields of an input or output, and of an initializer."""
TENSOR, SHAPE, DIMENSION, SIZE = 1, 2, 1, 1
"""Fields of a type, of a tensor's type, of its shape and of a dimension."""


class Port(NamedTuple):
    """An input or an output."""

    name: str
    """Its name."""
    shape: tuple[int, ...] | None
    """Its sizes, -1 where the file leaves them open; None where it does not even say how many there are."""


def read_ports(path: Path) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Read what a network takes and returns.

    Args:
        path: The ONNX file.

    Returns:
        Inputs and outputs, in the order of the file.

    Raises:
        OptionError: It cannot be read, or is no ONNX file.
    """
    with reading(path) as content:
        graph = _one(content, GRAPH)
        # old files list their weights among the inputs
        known = {_text(_one(tensor, TENSOR_NAME)) for tensor in _all(graph, INITIALIZER)}
        inputs = [port for port in map(_port, _all(graph, INPUT)) if port.name not in known]
        return tuple(inputs), tuple(map(_port, _all(graph, OUTPUT)))


def _port(message: memoryview) -> Port:
    tensor = _one(_one(message, TYPE), TENSOR)
    shapes = _all(tensor, SHAPE)
    return Port(_text(_one(message, NAME)), tuple(map(_size, _all(shapes[0], DIMENSION))) if shapes else None)


def _size(dimension: memoryview) -> int:
    # negative numbers are written as those above
    sizes = (value for field, value in fields(dimension) if field == SIZE and isinstance(value, int))
    return next((size for size in sizes if 0 < size < 1 << 63), -1)


def _all(message: memoryview, wanted: int) -> list[memoryview]:
    return [value for field, value in fields(message) if field == wanted and isinstance(value, memoryview)]


def _one(message: memoryview, wanted: int) -> memoryview:
    """A field that holds one message; an empty one where it is missing, as protocol buffers have it."""
    return next(iter(_all(message, wanted)), memoryview(b""))


def _text(message: memoryview) -> str:
    return bytes(message).decode(errors="replace")
