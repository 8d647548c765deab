"""Reads the graph of an .onnx file: its nodes, weights and input size. No other package is needed.

An .onnx file is one protocol buffer message; field numbers are those of onnx.proto (ONNX, Apache-2.0). On the wire a
field is a number (field << 3 | kind) and a value: kind 0 a variable-length integer, 1 eight bytes, 2 a length and that
many bytes, 5 four bytes. Lists of numbers may come packed into one such field or one by one.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

MOST_BYTES = 2**31
"""A protocol buffer message cannot be larger."""
_TYPES = {
    1: torch.float32, 2: torch.uint8, 3: torch.int8, 5: torch.int16, 6: torch.int32, 7: torch.int64, 9: torch.bool,
    10: torch.float16, 11: torch.float64, 16: torch.bfloat16,
}  # fmt: skip


class OnnxError(ValueError):
    """What is wrong with an .onnx file, as the end of a sentence that begins with the file's name."""


@dataclass(frozen=True)
class Node:
    """One operation: its type (Conv, Add, ...), the names of its inputs ("" = left out) and outputs, its attributes
    (numbers, texts, lists of numbers, tensors)."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """nodes: in the order in which they can run. constants: weights by name. input: name of the picture's input and
    its shape, 0 for a free side. output: name of the first result."""

    nodes: tuple[Node, ...]
    constants: dict[str, Tensor]
    input: str
    input_shape: tuple[int, ...]
    output: str


def read_onnx(path: Path) -> Graph:
    """The graph in a file. Raises OnnxError for what is no such file or keeps its weights in another one."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise OnnxError("is larger than an .onnx file can be")
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise OnnxError(f"cannot be read ({error.strerror})") from error
    try:
        graphs = [value for number, value in _fields(data) if number == 7 and isinstance(value, memoryview)]
        if len(graphs) != 1:
            raise OnnxError("is no .onnx file")
        return _graph(graphs[0])
    except (struct.error, IndexError, UnicodeDecodeError, RecursionError) as error:
        raise OnnxError("is no .onnx file, or is damaged") from error


def _graph(data: memoryview) -> Graph:
    nodes, constants, inputs, outputs = [], {}, [], []
    for number, value in _fields(data):
        if number == 1:
            nodes.append(_node(value))
        elif number == 5:
            name, tensor = _tensor(value)
            constants[name] = tensor
        elif number == 11:
            inputs.append(_value_info(value))
        elif number == 12:
            outputs.append(_value_info(value)[0])
    inputs = [one for one in inputs if one[0] not in constants]  # older files list the weights among the inputs
    if not nodes or not inputs or not outputs:
        raise OnnxError("holds no network")
    return Graph(tuple(nodes), constants, *inputs[0], outputs[0])


def _node(data: memoryview) -> Node:
    kind, inputs, outputs, attributes = "", [], [], {}
    for number, value in _fields(data):
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            outputs.append(_text(value))
        elif number == 4:
            kind = _text(value)
        elif number == 5:
            name, content = _attribute(value)
            attributes[name] = content
    return Node(kind, tuple(inputs), tuple(outputs), attributes)


def _attribute(data: memoryview):
    """Name and value; the kinds that a network for faces has (no nested graphs)."""
    name, value, numbers = "", None, []
    for number, content in _fields(data):
        if number == 1:
            name = _text(content)
        elif number == 2:
            value = _float(content)
        elif number == 3:
            value = _signed(content)
        elif number == 4:
            value = bytes(content).decode(errors="replace")
        elif number == 5:
            value = _tensor(content)[1]
        elif number == 7:
            numbers += _floats(content)
        elif number == 8:
            numbers += _integers(content)
    return name, numbers if value is None else value


def _tensor(data: memoryview) -> tuple[str, Tensor]:
    shape, kind, name, raw, numbers = [], 0, "", None, []
    for number, value in _fields(data):
        if number == 1:
            shape += _integers(value)
        elif number == 2:
            kind = value
        elif number == 4:
            numbers += _floats(value)
        elif number in (5, 7):
            numbers += _integers(value)
        elif number == 8:
            name = _text(value)
        elif number == 9:
            raw = value
        elif number == 10:
            numbers += struct.unpack(f"<{len(value) // 8}d", value)
        elif number == 14 and value == 1:
            raise OnnxError("keeps its weights in another file; choose a model of one file")
    if kind not in _TYPES or any(side < 0 for side in shape):
        raise OnnxError(f"holds weights of a kind ({kind}) that is not used for faces")
    dtype, count = _TYPES[kind], math.prod(shape)
    have = len(numbers) if raw is None else len(raw) / dtype.itemsize
    if have != count:
        raise OnnxError(f"is damaged: its part {name[:40]!r} has {have:g} values where {count} belong")
    if raw is None or not count:
        return name, torch.tensor(numbers, dtype=dtype).reshape(shape)
    return name, torch.frombuffer(bytearray(raw), dtype=dtype).reshape(shape)


def _value_info(data: memoryview) -> tuple[str, tuple[int, ...]]:
    """Name and shape of an input or output: ValueInfo.type.tensor_type.shape.dim.dim_value."""
    name, shape = "", ()
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            dims = [dim for tensor in _parts(value, 1) for found in _parts(tensor, 2) for dim in _parts(found, 1)]
            shape = tuple(next((size for key, size in _fields(dim) if key == 1), 0) for dim in dims)
    return name, shape


def _parts(data: memoryview, wanted: int) -> list[memoryview]:
    return [value for number, value in _fields(data) if number == wanted and isinstance(value, memoryview)]


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers with their values: integers of kind 0, bytes of the others."""
    if not isinstance(data, memoryview):
        raise OnnxError("is no .onnx file, or is damaged")
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
        else:
            if kind == 2:
                length, at = _varint(data, at)
            elif kind in (1, 5):
                length = 8 if kind == 1 else 4
            else:
                raise OnnxError("is no .onnx file, or is damaged")
            if at + length > end:
                raise OnnxError("is cut short")
            value, at = data[at : at + length], at + length
        yield key >> 3, value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise OnnxError("is no .onnx file, or is damaged")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _integers(value: int | memoryview) -> list[int]:
    if isinstance(value, int):
        return [_signed(value)]
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(_signed(number))
    return found


def _float(value: memoryview) -> float:
    return struct.unpack("<f", value)[0]


def _floats(value: memoryview) -> tuple[float, ...]:
    return struct.unpack(f"<{len(value) // 4}f", value)


def _text(value: memoryview) -> str:
    return bytes(value).decode()
