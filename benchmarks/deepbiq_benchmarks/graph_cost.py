"""What a graph asks of a machine: its multiply-adds, in floating point and in INT8, and the bytes it must read.

Counted from the ONNX file by shape inference, never taken from a paper, so that it is the cost of what is run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import onnx
from onnx import shape_inference

from deepbiq.errors import OptionError


@dataclass(frozen=True)
class Cost:
    """What one or several runs of a network cost at least.

    Attributes:
        fp32_macs: Multiply-adds in floating point.
        int8_macs: Multiply-adds of layers whose input and weight are both dequantised from 8 bits.
        traffic_bytes: Weights, input and output, each moved once: no schedule moves less.
    """

    fp32_macs: int = 0
    int8_macs: int = 0
    traffic_bytes: int = 0

    @property
    def macs(self) -> int:
        """All multiply-adds."""
        return self.fp32_macs + self.int8_macs


def graph_cost(model: bytes, input_shape: tuple[int, ...], output: str) -> Cost:
    """Counts one run of a graph.

    A convolution makes, per value of its output, as many multiply-adds as its kernel has values for one output
    channel; Gemm and MatMul as many as the axis is long that they sum over. Nothing else is counted: additions,
    clips and poolings are less than a hundredth in the networks at hand.

    Args:
        model: The ONNX file, with one input that is no initialiser.
        input_shape: Its shape for this run.
        output: The output that is asked for; nodes that do not lead to it are not counted.

    Raises:
        OptionError: When the input does not take that shape or the shape of a layer cannot be inferred.
    """
    parsed = onnx.load_model_from_string(model)
    shapes = _shapes(parsed, input_shape)
    nodes = nodes_before(parsed.graph, output)
    dequantised = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.output}
    fp32 = int8 = 0
    for node in nodes:
        macs = _node_macs(node, shapes)
        if set(node.input[:2]) <= dequantised:
            int8 += macs
        else:
            fp32 += macs
    used = {name for node in nodes for name in node.input}
    weights = sum(_size(item) for item in parsed.graph.initializer if item.name in used)
    moved = math.prod(input_shape) + 4 * math.prod(_shape(shapes, output))  # uint8 in, float32 out
    return Cost(fp32, int8, weights + moved)


def nodes_before(graph: onnx.GraphProto, output: str) -> list[onnx.NodeProto]:
    """Returns the nodes that an output needs, in the graph's order."""
    makers = {name: node for node in graph.node for name in node.output}
    open_names, needed = [output], set()
    while open_names:
        node = makers.get(open_names.pop())
        if node is not None and node.output[0] not in needed:
            needed.add(node.output[0])
            open_names += node.input
    return [node for node in graph.node if node.output[0] in needed]


def _shapes(model: onnx.ModelProto, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Infers every shape with the input's axes fixed; initialisers keep their own."""
    weights = {item.name for item in model.graph.initializer}
    (entry,) = (item for item in model.graph.input if item.name not in weights)
    axes = entry.type.tensor_type.shape.dim
    if len(axes) != len(input_shape) or any(
        a.dim_value not in (0, n) for a, n in zip(axes, input_shape, strict=True)
    ):
        raise OptionError(f"the graph's input {entry.name} does not take the shape {input_shape}")
    for axis, length in zip(axes, input_shape, strict=True):
        axis.dim_value = length
    for item in model.graph.output:
        item.type.tensor_type.ClearField("shape")
    inferred = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    known = {
        item.name: tuple(axis.dim_value for axis in item.type.tensor_type.shape.dim)
        for item in (*inferred.value_info, *inferred.input, *inferred.output)
    }
    return known | {item.name: tuple(item.dims) for item in model.graph.initializer}


def _node_macs(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    if node.op_type == "Conv":
        return math.prod(_shape(shapes, node.output[0])) * math.prod(_shape(shapes, node.input[1])[1:])
    if node.op_type == "MatMul":
        return math.prod(_shape(shapes, node.output[0])) * _shape(shapes, node.input[0])[-1]
    if node.op_type == "Gemm":
        transposed = any(item.name == "transA" and item.i for item in node.attribute)
        return math.prod(_shape(shapes, node.output[0])) * _shape(shapes, node.input[0])[0 if transposed else 1]
    return 0


def _shape(shapes: dict[str, tuple[int, ...]], name: str) -> tuple[int, ...]:
    shape = shapes.get(name, ())
    if not shape or 0 in shape:
        raise OptionError(f"the shape of {name} cannot be inferred")
    return shape


def _size(item: onnx.TensorProto) -> int:
    return int(math.prod(item.dims) * onnx.helper.tensor_dtype_to_np_dtype(item.data_type).itemsize)
