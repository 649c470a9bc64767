"""What an ONNX file may not do: keep its weights in other files, or leave out what every node has.

A tensor of an ONNX file may name a file beside it, or anywhere, that is read in its place. The libraries that run such
files differ in what they let it name, and the checksum of a card does not cover it. So the graph is walked before any
of them sees it, by the few rules of protocol buffers that this needs: the default install has no package `onnx`. Nodes
without an input, which OpenVINO follows into nowhere and the process ends, are refused here, too.

Source: onnx.proto3 of ONNX 1.17 (numbers of fields), and the encoding of protocol buffers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sunbreak.errors import OptionError

PARTS: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 11: "attribute"},
}
"""Fields of a message that hold messages in which tensors may lie."""
EXTERNAL_DATA: Final = 13
"""Field of a tensor: entries that say where its values lie."""
DATA_LOCATION: Final = 14
"""Field of a tensor: whether they lie elsewhere."""
INPUT, OUTPUT, OPERATOR = 1, 2, 4
"""Fields of a node."""
WITHOUT_INPUT: Final = {b"Constant", b"RandomNormal", b"RandomUniform", b"Optional", b"SequenceEmpty", b"Loop"}
"""Operators that need no first input."""
MAX_BYTES: Final = 2 << 30
"""No message of protocol buffers is longer."""
MAX_PARTS: Final = 2_000_000
"""Messages in one file; a large network has some ten thousand."""
MAX_DEPTH: Final = 60
"""Graphs within graphs, counted in messages."""

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


def check_graph(path: Path) -> None:
    """Refuse an ONNX file that keeps weights in other files, or whose nodes are not whole.

    Args:
        path: The file.

    Raises:
        OptionError: It does, is too large, or is no ONNX file.
    """
    with reading(path) as content:
        elsewhere = _elsewhere(content)
    if elsewhere is not None:
        raise OptionError(f"{path}: keeps its weights in another file ({elsewhere}); export it again as one file")


@contextmanager
def reading(path: Path) -> Iterator[memoryview]:
    """Read an ONNX file, and whatever cannot be understood of it as such.

    Args:
        path: The file.

    Yields:
        Its content, for `fields`.

    Raises:
        OptionError: It cannot be read, is too large, or what is done with its content meets something strange.
    """
    try:
        size = path.stat().st_size
        content = memoryview(path.read_bytes()) if size <= MAX_BYTES else None
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if content is None:
        raise OptionError(f"{path}: is {size >> 20} MiB long, which no ONNX file can be; check the path")
    try:
        yield content
    except ValueError as error:
        raise OptionError(f"{path}: not a model that can be run ({error}); export or copy it again") from error


def _elsewhere(content: memoryview) -> str | None:
    """The name of the first file that a tensor points to."""
    todo = [("model", content, 0)]
    seen = 0
    while todo:
        kind, message, depth = todo.pop()
        seen += 1
        if seen > MAX_PARTS or depth > MAX_DEPTH:
            raise ValueError("its graph has more parts than any network")
        if kind == "node":
            _check_node(message)
        for field, value in fields(message):
            if kind == "tensor":
                if field == EXTERNAL_DATA or (field == DATA_LOCATION and value != 0):
                    return _named(value)
            elif field in PARTS[kind] and isinstance(value, memoryview):
                todo.append((PARTS[kind][field], value, depth + 1))
    return None


def _check_node(message: memoryview) -> None:
    """Every node has an operator, an output and, but for few operators, a first input."""
    first: dict[int, bytes] = {}
    for field, value in fields(message):
        if field in (INPUT, OUTPUT, OPERATOR) and isinstance(value, memoryview):
            first.setdefault(field, bytes(value[:100]))
    name, output, operand = (first.get(field, b"") for field in (OPERATOR, OUTPUT, INPUT))
    if not name or not output or not (operand or name in WITHOUT_INPUT):
        operator = name.decode(errors="replace") or "without a name"
        raise ValueError(f"its node {operator} has no input or no output")


def _named(entry: memoryview | int) -> str:
    """The value of an entry, as far as it is one."""
    parts = dict(fields(entry)) if isinstance(entry, memoryview) else {}
    value = parts.get(2)
    return bytes(value[:200]).decode(errors="replace") if isinstance(value, memoryview) else "not named"


def fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Take a message of protocol buffers apart.

    Args:
        message: The message.

    Yields:
        Number and value of every field; what is no integer or message is left out.

    Raises:
        ValueError: It is cut off, or no such message.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key >> 32:  # parsers differ in what they make of such a field: some leave its upper bits out
            raise ValueError("it is no ONNX file")
        kind = key & 7
        if kind == _VARINT:
            number, at = _varint(message, at)
            yield key >> 3, number
        elif kind == _BYTES:
            length, at = _varint(message, at)
            if length > len(message) - at:
                raise ValueError("it is cut off")
            yield key >> 3, message[at : at + length]
            at += length
        elif kind in (_EIGHT, _FOUR):
            at += 8 if kind == _EIGHT else 4
        else:
            raise ValueError("it is no ONNX file")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """An integer of variable length, and where it ends."""
    value = 0
    for place in range(10):
        if at + place >= len(message):
            raise ValueError("it is cut off")
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("it is no ONNX file")
