"""What a graph's FP16 costs, shown on a CPU: FP32 arithmetic with every FP16 value rounded as a GPU stores it.

ONNX Runtime has hardly any FP16 kernels for CPUs. It computes such nodes in FP32 and leaves out the casts between
them, so a graph that overflows on a GPU gives good values there. Casts between FP32 nodes it keeps.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from deepbiq_export.tensor_types import tensor_types

_UNROUNDED, _HALF = ".unrounded", ".half"


def round_like_fp16(graph: bytes) -> bytes:
    """Makes every FP16 tensor of a graph an FP32 one whose values are rounded to FP16.

    Args:
        graph: An ONNX file that computes in FP16, wholly or in part; inputs and outputs are of other types.

    Returns:
        An ONNX file of the same inputs and outputs that computes in FP32.

    Raises:
        ValueError: When nothing in the graph is FP16.
    """
    model = onnx.load_model_from_string(graph)
    halves = {name for name, kind in tensor_types(model).items() if kind == TensorProto.FLOAT16}
    if not halves:
        raise ValueError("it computes nothing in FP16")
    for item in model.graph.initializer:
        if item.data_type == TensorProto.FLOAT16:
            item.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(item).astype(np.float32), item.name))
    nodes = []
    for node in model.graph.node:
        nodes.append(node)
        for index, name in enumerate(node.output):
            if name not in halves:
                continue
            if _is_cast_to_fp16(node):
                node.output[index] = name + _HALF
            else:
                node.output[index] = name + _UNROUNDED
                nodes.append(_cast(name + _UNROUNDED, name + _HALF, TensorProto.FLOAT16))
            nodes.append(_cast(name + _HALF, name, TensorProto.FLOAT))
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _is_cast_to_fp16(node: onnx.NodeProto) -> bool:
    return node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT16


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], name=f"cast:{target}", to=kind)
