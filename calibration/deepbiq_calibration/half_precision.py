"""The float part of the TensorRT flavour in FP16, with Q/DQ nodes left as they are.

Values and scales on both sides of a Q/DQ pair stay FP32 behind casts: a file with FP16 scales is refused by ONNX
Runtime below opset 19, and TensorRT makes them FP32 anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from deepbiq_calibration.network import copy_of, feeding

_KEPT_OPERATORS = ("Sub", "LRN", "QuantizeLinear", "DequantizeLinear")
"""The mean is subtracted before pixels lose bits, and local response normalisation adds up squares."""
_HEADROOM = 4.0
"""No value may come nearer to the end of FP16's range than this factor."""
_FP16 = np.finfo(np.float16)


def overflowing_nodes(model: onnx.ModelProto, largest: Mapping[str, float]) -> list[str]:
    """Names the nodes that take or give values too near to the end of FP16's range.

    Args:
        model: The FP32 network.
        largest: The largest absolute value that was seen, by tensor.
    """
    limit = float(_FP16.max) / _HEADROOM
    return [
        node.name
        for node in model.graph.node
        if any(largest.get(name, 0.0) > limit for name in (*node.input, *node.output))
    ]


def to_half_precision(quantised: onnx.ModelProto, features: str, kept: Collection[str]) -> onnx.ModelProto:
    """Converts what is float to FP16.

    Args:
        quantised: A network with Q/DQ nodes.
        features: Its output, which stays float32; what only feeds other outputs stays as it is.
        kept: Names of nodes that stay in FP32 besides Q/DQ, LRN and the subtraction of the mean.

    Returns:
        The converted network.
    """
    mine = {node.name for node in feeding(quantised, features)}
    outside = [node.name for node in quantised.graph.node if node.name not in mine]
    converted = convert_float_to_float16(
        copy_of(quantised),
        min_positive_val=float(_FP16.smallest_subnormal),
        max_finite_val=float(_FP16.max),
        keep_io_types=True,
        op_block_list=list(_KEPT_OPERATORS),
        node_block_list=[*outside, *kept],
    )
    ordered = OnnxModel(converted)
    ordered.topological_sort()
    found: onnx.ModelProto = ordered.model
    return found
