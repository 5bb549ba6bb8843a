"""FP16: the same graph computed in half precision, except where half precision would overflow or lose pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from deepbiq_export.graph import INPUT
from deepbiq_export.tensor_types import tensor_types

FP16_MAX = float(np.finfo(np.float16).max)
HEADROOM = 4.0
"""No value of a picture that was looked at may come nearer to the end of the range than this factor."""
_SMALLEST = float(np.finfo(np.float16).smallest_subnormal)
KEPT_OPERATORS = ("Sub", "LRN")
"""Computed in FP32: the mean is subtracted before pixels lose bits (its fractions are lost in half precision), and
local response normalisation adds up squares, which overflow above 256."""


def largest_values(graph: bytes, pictures: Iterable[npt.NDArray[np.uint8]]) -> dict[str, float]:
    """Measures every value that a graph computes in FP32.

    Args:
        graph: An FP32 ONNX file.
        pictures: Each (1, H, W, 3) uint8 BGR, sides that the graph takes.

    Returns:
        The largest absolute value over all pictures, by the name of the tensor.
    """
    model = onnx.load_model_from_string(graph)
    names = [node.output[0] for node in model.graph.node if node.op_type not in ("Cast", "Transpose")]
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    # Without fusing, every tensor that the converted graph may hold in FP16 exists.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    largest = dict.fromkeys(names, 0.0)
    for picture in pictures:
        for name, value in zip(names, session.run(names, {INPUT: picture}), strict=True):
            largest[name] = max(largest[name], float(np.abs(value).max()))
    return largest


def overflowing_nodes(graph: bytes, largest: Mapping[str, float]) -> list[str]:
    """Names the nodes that take or give values too near to the end of FP16's range.

    Args:
        graph: The FP32 ONNX file.
        largest: Of every tensor, from `largest_values`.
    """
    limit = FP16_MAX / HEADROOM
    return [
        node.name
        for node in onnx.load_model_from_string(graph).graph.node
        if any(largest.get(name, 0.0) > limit for name in (*node.input, *node.output))
    ]


def convert_to_fp16(graph: bytes, kept_nodes: list[str]) -> bytes:
    """Converts a graph of features to FP16; its input stays uint8 and its output float32.

    Args:
        graph: The FP32 ONNX file, weights as float32 initialisers.
        kept_nodes: Names of nodes that stay in FP32 besides those of `KEPT_OPERATORS`.

    Returns:
        The FP16 ONNX file.
    """
    converted = convert_float_to_float16(
        onnx.load_model_from_string(graph),
        min_positive_val=_SMALLEST,
        max_finite_val=FP16_MAX,
        keep_io_types=True,
        op_block_list=list(KEPT_OPERATORS),
        node_block_list=kept_nodes,
    )
    # The converter appends the casts that it needs at the end.
    ordered = OnnxModel(converted)
    ordered.topological_sort()
    _drop_round_trips(ordered.model)
    return bytes(ordered.model.SerializeToString(deterministic=True))


def _drop_round_trips(model: onnx.ModelProto) -> None:
    """Joins neighbours that both compute in FP32: the converter sends what is between them through FP16."""
    types = tensor_types(model)
    sources = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Cast"}
    # From FP32 to FP16 and back again; pixels that become FP16 lose nothing, as they are bytes.
    joined = {
        back: sources[half]
        for back, half in sources.items()
        if types[half] == TensorProto.FLOAT16
        and types[back] == types.get(sources.get(half, "")) == TensorProto.FLOAT
    }
    for node in model.graph.node:
        node.input[:] = [joined.get(name, name) for name in node.input]
    used = {name for node in model.graph.node for name in node.input} | {item.name for item in model.graph.output}
    alive = [node for node in model.graph.node if node.output[0] in used]
    del model.graph.node[:]
    model.graph.node.extend(alive)
