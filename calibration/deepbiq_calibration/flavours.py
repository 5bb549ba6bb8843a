"""The two flavours of INT8, as nodes that quantise and dequantise (Q/DQ) in the FP32 graph, set by ONNX Runtime.

`cpu`: unsigned activations with a zero point of their own at the inputs and outputs of convolutions, additions and
poolings, so that ONNX Runtime joins DQ, convolution, activation and Q into one integer operation; weights per
output channel that cannot saturate 16 bits (`saturation`).

`tensorrt`: symmetric (zero points 0), activations per tensor, weights per output channel; pairs at the inputs of
convolutions and at the skip inputs of additions only, so that convolution, bias, addition and activation fuse;
biases in float. Depthwise convolutions (which TensorRT-RTX expands to dense ones), LRN, and the last convolution,
whose output goes to the regression, stay in float.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper, shape_inference
from onnxruntime.quantization import QDQQuantizer, QuantType, TensorsData

from deepbiq_calibration.network import (
    copy_of,
    feeding,
    initialisers,
    is_depthwise,
    keep_nodes,
    layers_of,
    producers,
    tensors_of,
)
from deepbiq_calibration.pixels import mean_of_pixels, pixel_steps, take_pixels_as_they_are
from deepbiq_calibration.saturation import safe_scales

Flavour = Literal["cpu", "tensorrt"]
FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)
_CPU_OPERATORS = ("Conv", "Add", "Clip", "Relu", "MaxPool")


def is_symmetric(flavour: Flavour) -> bool:
    """Says whether activations are symmetric around nought."""
    return flavour == "tensorrt"


def candidates_of(model: onnx.ModelProto, features: str, flavour: Flavour) -> list[str]:
    """Names the layers that the flavour quantises unless they are left in float, in the graph's order."""
    layers = layers_of(model, features)
    if flavour == "tensorrt":
        layers = [node for node in layers[:-1] if not is_depthwise(model, node)]
    return [node.name for node in layers]


def all_but(model: onnx.ModelProto, features: str, layer: str) -> list[str]:
    """Names every node but one layer that a flavour may quantise on its own account."""
    nodes = feeding(model, features)
    return [node.name for node in nodes if node.op_type in ("Conv", "Add", "MaxPool") and node.name != layer]


def tensors_to_range(model: onnx.ModelProto, features: str) -> set[str]:
    """Names the tensors whose ranges a flavour may ask for."""
    constants = {item.name for item in model.graph.initializer}
    nodes = [node for node in feeding(model, features) if node.op_type in _CPU_OPERATORS]
    return set(tensors_of(nodes, constants))


def quantise(
    model: onnx.ModelProto,
    features: str,
    flavour: Flavour,
    ranges: TensorsData,
    left_in_float: Collection[str] = (),
) -> onnx.ModelProto:
    """Puts Q/DQ nodes into a network.

    Args:
        model: The FP32 network.
        features: Its output; what only feeds other outputs is left as it is.
        flavour: Where the nodes go.
        ranges: Of the tensors that `tensors_to_range` names.
        left_in_float: Names of layers, and of additions and poolings where those matter, that are not quantised.

    Returns:
        The quantised network. Its layers keep their names.
    """
    quantised = _to_cpu if flavour == "cpu" else _to_tensorrt
    with _quiet():
        return quantised(model, features, ranges, left_in_float)


def _to_cpu(
    model: onnx.ModelProto, features: str, ranges: TensorsData, left_in_float: Collection[str]
) -> onnx.ModelProto:
    mine = feeding(model, features)
    outside = [node.name for node in model.graph.node if node.name not in {node.name for node in mine}]
    values = initialisers(model)
    steps: dict[str, Any] = {
        node.input[1]: [
            {"quant_type": QuantType.QInt8, "axis": 0, "scale": scale, "zero_point": np.int8(0)}
            for scale in safe_scales(np.asarray(values[node.input[1]], np.float32))
        ]
        for node in layers_of(model, features)
        if node.name not in left_in_float
    }
    pixels = mean_of_pixels(model)
    if pixels is not None:
        steps |= pixel_steps(*pixels)
    found = _run(
        model,
        ranges,
        activations=QuantType.QUInt8,
        excluded=[*outside, *left_in_float],
        operators=_CPU_OPERATORS,
        options={"ActivationSymmetric": False, "WeightSymmetric": True, "TensorQuantOverrides": steps},
    )
    if pixels is not None:
        take_pixels_as_they_are(found, pixels[0])
    return _keep_in_float(found, left_in_float)


def _to_tensorrt(
    model: onnx.ModelProto, features: str, ranges: TensorsData, left_in_float: Collection[str]
) -> onnx.ModelProto:
    chosen = set(candidates_of(model, features, "tensorrt")) - set(left_in_float)
    found = _run(
        model,
        ranges,
        activations=QuantType.QInt8,
        excluded=[node.name for node in model.graph.node if node.name not in chosen],
        operators=("Conv",),
        options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,
            "OpTypesToExcludeOutputQuantization": ["Conv"],
        },
    )
    _give_floats_their_own_inputs(found, chosen)
    return found


def _run(
    model: onnx.ModelProto,
    ranges: TensorsData,
    *,
    activations: Any,
    excluded: list[str],
    operators: tuple[str, ...],
    options: dict[str, Any],
) -> onnx.ModelProto:
    quantizer = QDQQuantizer(
        shape_inference.infer_shapes(model),
        True,
        False,
        QuantType.QInt8,
        activations,
        ranges,
        [],
        excluded,
        list(operators),
        options,
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    found: onnx.ModelProto = quantizer.model.model
    del found.graph.value_info[:]
    return found


def _give_floats_their_own_inputs(model: onnx.ModelProto, chosen: set[str]) -> None:
    """Lets only the chosen layers and additions read dequantised tensors, in place.

    ONNX Runtime sends every reader of a tensor through its pair. A skip connection is read by an addition, which is
    to have it; a layer in float is to see what was there before.
    """
    made = producers(model)
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear", "Add") or node.name in chosen:
            continue
        for index, name in enumerate(node.input):
            source = made.get(name)
            if source is not None and source.op_type == "DequantizeLinear" and source.input[0] in made:
                node.input[index] = made[source.input[0]].input[0]


def _keep_in_float(model: onnx.ModelProto, left_in_float: Collection[str]) -> onnx.ModelProto:
    """Makes sure that a layer in float between quantised ones stays so when ONNX Runtime loads the graph.

    ONNX Runtime quantises such a layer on its own (its transformer WeightBiasQuantization), with one scale for all
    output channels, which costs several score points in the first layers. It passes over layers whose bias is no
    constant of the graph: 32-bit integers behind a DequantizeLinear are none, and hold the bias to nine digits.
    """
    values = initialisers(model)
    kept = copy_of(model)
    made = producers(kept)
    nodes = []
    for node in kept.graph.node:
        source = made.get(node.input[0]) if node.op_type == "Conv" and node.name in left_in_float else None
        if source is not None and source.op_type == "DequantizeLinear":
            channels = len(values[node.input[1]])
            bias = np.asarray(values[node.input[2]], np.float64) if len(node.input) > 2 else np.zeros(channels)
            nodes.append(_integer_bias(kept, bias, f"{node.name}/bias"))
            node.input[2:] = [f"{node.name}/bias"]
        nodes.append(node)
    keep_nodes(kept, nodes)
    return kept


def _integer_bias(model: onnx.ModelProto, bias: npt.NDArray[np.float64], name: str) -> onnx.NodeProto:
    """Stores a bias as 32-bit integers and returns the node that makes `name` of them."""
    step = np.float32(max(float(np.abs(bias).max()), 1.0) / 2**30)
    stored = np.round(bias / float(step)).astype(np.int32)
    parts = {f"{name}/stored": stored, f"{name}/step": np.asarray(step)}
    model.graph.initializer.extend(numpy_helper.from_array(value, part) for part, value in parts.items())
    return helper.make_node("DequantizeLinear", list(parts), [name], name=name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps ONNX Runtime's quantiser from logging advice that is followed already."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
