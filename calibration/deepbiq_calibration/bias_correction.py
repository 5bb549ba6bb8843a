"""Bias correction: what rounding adds to a channel's mean is taken off its bias again.

In two steps:

1. Every quantised layer is fed what the FP32 network would feed it, and the mean error of each output channel goes
   into its bias. So each layer answers for its own rounding. Corrected all at once on the quantised network's own
   inputs, every layer would take off what the layers before it take off as well, and the means run away; corrected
   one after the other, which takes a pass for each layer, scores stay no nearer. The errors do not depend on which
   other layers are quantised, so they are measured once.
2. Rounding also widens what an activation cuts off, which shifts means anew. The last layer's bias is set so that
   the channels' means after its activation, the features, are those of FP32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from deepbiq_calibration.inference import Images, run_on
from deepbiq_calibration.network import (
    bounds_after,
    copy_of,
    initialisers,
    layers_of,
    producers,
    replace,
    set_initialisers,
)

Vector = npt.NDArray[np.float64]
_TWIN = "twin:"
_NEWTON_STEPS = 5
_LEAST_ALIVE = 0.02
"""Share of values that an activation lets through, below which a channel's step is damped."""
_DEQUANTISE = "DequantizeLinear"


def layer_errors(
    model: onnx.ModelProto,
    quantised: onnx.ModelProto,
    layers: Sequence[str],
    inputs: Sequence[Images],
    threads: int | None,
) -> dict[str, Vector]:
    """Measures what each layer's rounding takes from its output, fed as in FP32.

    Returns:
        By layer, (C,): the mean over pictures and places of FP32's output less the quantised layer's.
    """
    both = _with_twins(model, quantised, layers)
    outputs = [f"{_TWIN}{name}/error" for name in layers]
    passes = [[value.mean(axis=0).ravel() for value in values] for values in run_on(both, outputs, inputs, threads)]
    return {
        name: np.mean([values[index] for values in passes], axis=0, dtype=np.float64)
        for index, name in enumerate(layers)
    }


def _with_twins(model: onnx.ModelProto, quantised: onnx.ModelProto, layers: Sequence[str]) -> onnx.ModelProto:
    """Adds a quantised twin of each layer to the FP32 network, and the mean difference of the two."""
    both = copy_of(model)
    made = producers(quantised)
    constants = {item.name: item for item in quantised.graph.initializer}
    copied: set[str] = set()
    known = producers(model).keys()

    def twin_of(tensor: str) -> str:
        """Copies the nodes before a twin, Q/DQ and bytes, down to the tensor of the FP32 network that they read."""
        node = made.get(tensor)
        if tensor in constants:
            if tensor not in copied:
                renamed = onnx.TensorProto()
                renamed.CopyFrom(constants[tensor])
                renamed.name = _TWIN + tensor
                both.graph.initializer.append(renamed)
                copied.add(tensor)
            return _TWIN + tensor
        if node is None or (node.op_type not in ("QuantizeLinear", _DEQUANTISE) and tensor in known):
            return tensor
        if tensor not in copied:
            copied.add(tensor)
            _append(both, node, [twin_of(name) for name in node.input], _TWIN + tensor)
        return _TWIN + tensor

    outputs = {node.name: node.output[0] for node in model.graph.node}
    for node in quantised.graph.node:
        if node.name in layers:
            name = _TWIN + node.name
            _append(both, node, [twin_of(tensor) for tensor in node.input], name)
            both.graph.node.append(
                helper.make_node(
                    "Sub", [outputs[node.name], name], [f"{name}/difference"], name=f"{name}/difference"
                )
            )
            both.graph.node.append(
                helper.make_node(
                    "GlobalAveragePool", [f"{name}/difference"], [f"{name}/error"], name=f"{name}/error"
                )
            )
    return both


def _append(model: onnx.ModelProto, node: onnx.NodeProto, inputs: list[str], output: str) -> None:
    twin = onnx.NodeProto()
    twin.CopyFrom(node)
    twin.name = output
    replace(twin.input, inputs)
    replace(twin.output, [output])
    model.graph.node.append(twin)


def correct_features(
    model: onnx.ModelProto,
    quantised: onnx.ModelProto,
    features: str,
    inputs: Sequence[Images],
    threads: int | None,
) -> onnx.ModelProto:
    """Sets the last layer's bias so that the means of its channels, after its activation, are FP32's.

    Args:
        model: The FP32 network.
        quantised: The quantised one.
        features: The network's output.
        inputs: Calibration inputs, at least one.
        threads: Threads of one inference.

    Returns:
        The corrected network.
    """
    last = layers_of(model, features)[-1]
    bounds = bounds_after(model, last)
    output = next(node.output[0] for node in quantised.graph.node if node.name == last.name)
    wanted = np.mean(
        [_means(np.clip(value, *bounds)) for (value,) in run_on(model, [last.output[0]], inputs, threads)], axis=0
    )
    values = [value for (value,) in run_on(quantised, [output], inputs, threads)]
    corrected = copy_of(quantised)
    add_to_bias(corrected, last.name, offset_for(values, wanted, bounds))
    return corrected


def offset_for(values: Sequence[npt.NDArray[np.float32]], wanted: Vector, bounds: tuple[float, float]) -> Vector:
    """Finds what must be added to every channel so that its mean, cut off at bounds, is the wanted one.

    Args:
        values: Each (N, C, H, W).
        wanted: (C,) means after the cut.
        bounds: Least and largest value that the cut lets through.

    Returns:
        (C,) offsets, by Newton's method: a mean moves by the share of values that lie within the bounds.
    """
    offset = np.zeros(len(wanted))
    for _ in range(_NEWTON_STEPS):
        shifted = [value + offset[:, None, None].astype(np.float32) for value in values]
        means = np.mean([_means(np.clip(value, *bounds)) for value in shifted], axis=0)
        alive = np.mean([_means((value > bounds[0]) & (value < bounds[1])) for value in shifted], axis=0)
        offset += np.where(alive > 0, (wanted - means) / np.maximum(alive, _LEAST_ALIVE), 0.0)
    return offset


def _means(value: npt.NDArray[np.generic]) -> Vector:
    """Means of channels, (C,) of (N, C, H, W)."""
    return np.asarray(value.mean(axis=(0, 2, 3), dtype=np.float64))


def add_to_bias(model: onnx.ModelProto, layer: str, offset: Vector) -> None:
    """Adds to the bias of a layer, in place, whether it is stored as floats or as integers behind their scale.

    Args:
        model: The quantised network.
        layer: Name of a convolution with a bias.
        offset: (C,) in units of its output.
    """
    node = next(node for node in model.graph.node if node.name == layer)
    values = initialisers(model)
    source = producers(model).get(node.input[2])
    if source is None:
        changed = (np.asarray(values[node.input[2]], np.float64) + offset).astype(np.float32)
        set_initialisers(model, {node.input[2]: changed})
        return
    step = np.asarray(values[source.input[1]], np.float64)
    stored = np.asarray(values[source.input[0]], np.float64) + np.round(offset / step)
    limits = np.iinfo(np.int32)
    set_initialisers(model, {source.input[0]: np.clip(stored, limits.min, limits.max).astype(np.int32)})
