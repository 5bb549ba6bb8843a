"""ONNX files taken apart and put together: nodes, outputs and constants; what tensors hold is never looked at.

The package onnx takes longer to import than a picture takes from file to score, and five times the space of this
runtime, for the few fields that are needed here. An ONNX file is a message of Protocol Buffers: fields, each a tag
(its number and the kind of its value) before the value. Numbers are those of onnx.proto, unchanged since ONNX 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Value = int | bytes | memoryview
Field = tuple[int, Value]
"""A field's number, and its value: a whole number, or bytes (a text, or a message in itself)."""

_NO_FILE = "no ONNX file"
_WHOLE_NUMBER, _BYTES = 0, 2
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_CONSTANT, _GRAPH_OUTPUT, _GRAPH_SHAPE = 1, 5, 12, 13
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OPERATOR, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INTS, _ATTRIBUTE_TYPE = 1, 8, 20
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_BYTES = 1, 2, 8, 9
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_TYPE_ELEMENT, _TENSOR_TYPE_SHAPE, _SHAPE_SIDE = 1, 2, 1, 1, 2, 1
_TYPE_INTS, _FLOAT = 7, 1
_UNKNOWN_SIDE = b""


@dataclass(frozen=True)
class Node:
    """One node of a graph.

    Attributes:
        operator: Its name, as `AveragePool`.
        inputs: Names of the tensors that it reads.
        outputs: Names of the tensors that it makes.
        message: The whole of it, with every attribute.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    message: bytes

    @classmethod
    def of(cls, message: bytes) -> Node:
        """Reads the message of a node."""
        texts: dict[int, list[str]] = {_NODE_INPUT: [], _NODE_OUTPUT: [], _NODE_OPERATOR: []}
        for number, value in _split(message):
            if number in texts:
                texts[number].append(_message(value).decode())
        operator = next(iter(texts[_NODE_OPERATOR]), "")
        return cls(operator, tuple(texts[_NODE_INPUT]), tuple(texts[_NODE_OUTPUT]), message)

    def reading(self, tensor: str) -> Node:
        """Returns the same node with another tensor as its only input."""
        others = [field for field in _split(self.message) if field[0] != _NODE_INPUT]
        return Node.of(_join([(_NODE_INPUT, tensor.encode()), *others]))


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX file.

    Attributes:
        model: The fields besides the graph: versions and descriptions.
        graph: The fields of the graph besides its nodes, outputs, and shapes between nodes.
        nodes: The nodes, every one after those that it reads from.
    """

    model: tuple[Field, ...]
    graph: tuple[Field, ...]
    nodes: tuple[Node, ...]

    @classmethod
    def of(cls, data: bytes) -> OnnxFile:
        """Takes a file apart.

        Raises:
            ValueError: When it is none.
        """
        # Views, so that megabytes of constants are not copied.
        model = _split(memoryview(data))
        inside = [value for number, value in model if number == _MODEL_GRAPH and not isinstance(value, int)]
        if len(inside) != 1:
            raise ValueError(_NO_FILE)
        graph = _split(inside[0])
        return cls(
            model=tuple(field for field in model if field[0] != _MODEL_GRAPH),
            graph=tuple(field for field in graph if field[0] not in (_GRAPH_NODE, _GRAPH_OUTPUT, _GRAPH_SHAPE)),
            nodes=tuple(Node.of(_message(value)) for number, value in graph if number == _GRAPH_NODE),
        )

    def makers(self) -> dict[str, Node]:
        """Returns which node makes a tensor."""
        return {name: node for node in self.nodes for name in node.outputs}

    def with_output(self, tensor: str, nodes: Iterable[Node], constants: Iterable[Field]) -> bytes:
        """Puts a file together that computes one tensor, and nothing that it does not need.

        Nodes with graphs inside (branches, loops) would need what these read, too: no graph of a bundle has any.

        Args:
            tensor: The tensor, float, of four dimensions.
            nodes: What follows the file's own nodes.
            constants: What these need besides: `constant`.
        """
        needed = {tensor}
        kept: list[Field] = []
        for node in reversed((*self.nodes, *nodes)):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                kept.append((_GRAPH_NODE, node.message))
        shape = _join([(_SHAPE_SIDE, _UNKNOWN_SIDE)] * 4)
        kind = _join([(_TENSOR_TYPE_ELEMENT, _FLOAT), (_TENSOR_TYPE_SHAPE, shape)])
        output = _join([(_VALUE_NAME, tensor.encode()), (_VALUE_TYPE, _join([(_TYPE_TENSOR, kind)]))])
        graph = _join([*reversed(kept), *self.graph, *constants, (_GRAPH_OUTPUT, output)])
        return _join([*self.model, (_MODEL_GRAPH, graph)])


def new_node(operator: str, inputs: Sequence[str], output: str, **lists: Sequence[int]) -> Node:
    """Makes a node with one output, named as that is, and attributes that are lists of whole numbers."""
    attributes = [
        _join(
            [
                (_ATTRIBUTE_NAME, name.encode()),
                *((_ATTRIBUTE_INTS, number) for number in numbers),
                (_ATTRIBUTE_TYPE, _TYPE_INTS),
            ]
        )
        for name, numbers in lists.items()
    ]
    fields = [
        *((_NODE_INPUT, name.encode()) for name in inputs),
        (_NODE_OUTPUT, output.encode()),
        (_NODE_NAME, output.encode()),
        (_NODE_OPERATOR, operator.encode()),
        *((_NODE_ATTRIBUTE, attribute) for attribute in attributes),
    ]
    return Node.of(_join(fields))


def constant(name: str, values: npt.NDArray[np.float32]) -> Field:
    """Makes a constant float tensor of a graph."""
    tensor = [
        *((_TENSOR_SHAPE, side) for side in values.shape),
        (_TENSOR_TYPE, _FLOAT),
        (_TENSOR_NAME, name.encode()),
        (_TENSOR_BYTES, values.astype("<f4").tobytes()),
    ]
    return _GRAPH_CONSTANT, _join(tensor)


def _split(message: bytes | memoryview) -> list[Field]:
    fields: list[Field] = []
    at, end = 0, len(message)
    while at < end:
        tag, at = _read_number(message, at)
        value, at = _read_number(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _BYTES and at + value <= end:
            fields.append((number, message[at : at + value]))
            at += value
        elif kind == _WHOLE_NUMBER:
            fields.append((number, value))
        else:
            raise ValueError(_NO_FILE)
    return fields


def _join(fields: Iterable[Field]) -> bytes:
    parts: list[bytes | memoryview] = []
    for number, value in fields:
        if isinstance(value, int):
            parts += (_number(number << 3 | _WHOLE_NUMBER), _number(value))
        else:
            parts += (_number(number << 3 | _BYTES), _number(len(value)), value)
    return b"".join(parts)


def _message(value: Value) -> bytes:
    if isinstance(value, int):
        raise ValueError(_NO_FILE)  # noqa: TRY004 - the file is wrong, not the caller
    return bytes(value)


def _read_number(message: bytes | memoryview, at: int) -> tuple[int, int]:
    """Reads a whole number, seven bits a byte from the lowest on; returns it and where it ends."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        if byte < 0x80:
            return value | byte << shift, at
        value |= (byte & 0x7F) << shift
        shift += 7
    raise ValueError(_NO_FILE)


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
