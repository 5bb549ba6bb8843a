"""ONNX files taken apart and put together: nodes, outputs and constants; what tensors hold is never looked at.

The package onnx takes longer to import than a picture takes from file to score, and five times the space of this
runtime, for the few fields that are needed here. An ONNX file is a message of Protocol Buffers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq import onnx_fields as fields
from deepbiq.protobuf import Field, Value, join, split

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
        texts: dict[int, list[str]] = {fields.NODE_INPUT: [], fields.NODE_OUTPUT: [], fields.NODE_OPERATOR: []}
        for number, value in split(message):
            if number in texts:
                texts[number].append(bytes(_message(value)).decode())
        operator = next(iter(texts[fields.NODE_OPERATOR]), "")
        return cls(operator, tuple(texts[fields.NODE_INPUT]), tuple(texts[fields.NODE_OUTPUT]), message)

    def reading(self, tensor: str) -> Node:
        """Returns the same node with another tensor as its only input."""
        others = [field for field in split(self.message) if field[0] != fields.NODE_INPUT]
        return Node.of(join([(fields.NODE_INPUT, tensor.encode()), *others]))


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
        try:
            return cls._of_fields(split(memoryview(data)))
        except ValueError as error:
            raise ValueError("no ONNX file") from error

    @classmethod
    def _of_fields(cls, model: Sequence[Field]) -> OnnxFile:
        (graph_message,) = (_message(value) for number, value in model if number == fields.MODEL_GRAPH)
        graph = split(graph_message)
        return cls(
            model=tuple(field for field in model if field[0] != fields.MODEL_GRAPH),
            graph=tuple(
                field
                for field in graph
                if field[0] not in (fields.GRAPH_NODE, fields.GRAPH_OUTPUT, fields.GRAPH_SHAPE)
            ),
            nodes=tuple(Node.of(bytes(_message(value))) for number, value in graph if number == fields.GRAPH_NODE),
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
                kept.append((fields.GRAPH_NODE, node.message))
        shape = join([(fields.SHAPE_SIDE, _UNKNOWN_SIDE)] * 4)
        kind = join([(fields.TENSOR_TYPE_ELEMENT, _FLOAT), (fields.TENSOR_TYPE_SHAPE, shape)])
        output = join(
            [(fields.VALUE_NAME, tensor.encode()), (fields.VALUE_TYPE, join([(fields.TYPE_TENSOR, kind)]))]
        )
        graph = join([*reversed(kept), *self.graph, *constants, (fields.GRAPH_OUTPUT, output)])
        return join([*self.model, (fields.MODEL_GRAPH, graph)])


def new_node(operator: str, inputs: Sequence[str], output: str, **lists: Sequence[int]) -> Node:
    """Makes a node with one output, named as that is, and attributes that are lists of whole numbers."""
    attributes = [
        join(
            [
                (fields.ATTRIBUTE_NAME, name.encode()),
                *((fields.ATTRIBUTE_INTS, number) for number in numbers),
                (fields.ATTRIBUTE_TYPE, _TYPE_INTS),
            ]
        )
        for name, numbers in lists.items()
    ]
    parts = [
        *((fields.NODE_INPUT, name.encode()) for name in inputs),
        (fields.NODE_OUTPUT, output.encode()),
        (fields.NODE_NAME, output.encode()),
        (fields.NODE_OPERATOR, operator.encode()),
        *((fields.NODE_ATTRIBUTE, attribute) for attribute in attributes),
    ]
    return Node.of(join(parts))


def constant(name: str, values: npt.NDArray[np.float32]) -> Field:
    """Makes a constant float tensor of a graph."""
    tensor = [
        *((fields.TENSOR_SHAPE, side) for side in values.shape),
        (fields.TENSOR_TYPE, _FLOAT),
        (fields.TENSOR_NAME, name.encode()),
        (fields.TENSOR_BYTES, values.astype("<f4").tobytes()),
    ]
    return fields.GRAPH_CONSTANT, join(tensor)


def _message(value: Value) -> bytes | memoryview:
    if isinstance(value, int):
        raise ValueError("a number in place of a message")  # noqa: TRY004 - the file is wrong, not the caller
    return value
