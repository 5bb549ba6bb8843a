"""FP32 graphs whose large convolution weights are stored in half precision: half the file, computed in FP32.

Each weight is a float16 initialiser behind a Cast node, which every engine folds when it loads the graph. Rounding
the weights (by at most 2**-11 of each) changes the network a little, so an export checks what it does to scores.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import helper, numpy_helper

from deepbiq_export.score_output import SCORE_SCOPE

_SUFFIX = ".half"

SMALLEST_HALVED = 1 << 14
"""Values from which a weight is stored in half. Depthwise and early convolutions sum few products, so the errors of
their rounding do not average out: leaving them alone adds 3 % to the file and takes away most of the score's shift
(EfficientNet-Lite0)."""


def halve_weights(graph: bytes) -> bytes:
    """Stores convolution weights of at least `SMALLEST_HALVED` values as float16; all else stays as it is.

    Args:
        graph: An ONNX file whose convolution weights are float32 initialisers.

    Returns:
        The ONNX file, with one more Cast node per weight that is halved.
    """
    model = onnx.load_model_from_string(graph)
    weights = {node.input[1] for node in model.graph.node if _is_convolution(node)}
    casts = []
    for item in model.graph.initializer:
        if item.name in weights and math.prod(item.dims) >= SMALLEST_HALVED:
            name = item.name
            halved = numpy_helper.to_array(item).astype(np.float16)
            item.CopyFrom(numpy_helper.from_array(halved, name + _SUFFIX))
            casts.append(helper.make_node("Cast", [name + _SUFFIX], [name], name=name, to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    return bytes(model.SerializeToString(deterministic=True))


def restore_weights(graph: bytes) -> bytes:
    """Undoes `halve_weights` up to its rounding: every weight is a float32 initialiser again.

    A graph whose weights are not halved is returned with nothing changed but, perhaps, the order of its bytes.
    """
    model = onnx.load_model_from_string(graph)
    halved = {item.name: item for item in model.graph.initializer if item.name.endswith(_SUFFIX)}
    kept = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in halved:
            item = halved[node.input[0]]
            item.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(item).astype(np.float32), node.output[0]))
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return bytes(model.SerializeToString(deterministic=True))


def _is_convolution(node: onnx.NodeProto) -> bool:
    return node.op_type == "Conv" and not node.name.startswith(SCORE_SCOPE)
