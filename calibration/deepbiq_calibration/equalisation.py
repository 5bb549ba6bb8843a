"""Cross-layer equalisation: channels that share one scale are given alike ranges, and the function stays the same.

Channels of a tensor may be divided by any positive factors where the layers that make it can divide (rows of their
weights and biases) and the layers that take it can multiply (columns of their weights); see Nagel et al.,
"Data-Free Quantization Through Weight Equalization and Bias Correction" (2019). Between the two may stand what
commutes with a positive factor per channel: additions, Relu and MaxPool, but neither Clip (ReLU6 would need a bound
per channel) nor LRN (which mixes channels). Tensors that are added share their factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from deepbiq_calibration.inference import Images, run_on
from deepbiq_calibration.network import (
    consumers,
    copy_of,
    groups_of,
    initialisers,
    layers_of,
    producers,
    set_initialisers,
)

_COMMUTING = ("Add", "Relu", "MaxPool")
_LEAST_SHARE = 1e-3
"""Of the widest channel: channels that are nearly nought are not stretched without end."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Tensors whose channels must be scaled alike, and the layers around them.

    Attributes:
        tensors: Names.
        makers: The layers that write into it.
        takers: The layers that read from it.
    """

    tensors: tuple[str, ...]
    makers: tuple[onnx.NodeProto, ...]
    takers: tuple[onnx.NodeProto, ...]


def find_streams(model: onnx.ModelProto, features: str) -> list[Stream]:
    """Finds every stream whose channels can be scaled without a change of the function."""
    layers = layers_of(model, features)
    made, taken = producers(model), consumers(model)
    seen: set[str] = set()
    found = []
    for layer in layers:
        if layer.output[0] not in seen:
            tensors = _connected(layer.output[0], made, taken)
            seen.update(tensors)
            stream = _stream(model, sorted(tensors), {node.name for node in layers})
            found += [stream] if stream else []
    return found


def _connected(start: str, made: dict[str, onnx.NodeProto], taken: dict[str, list[onnx.NodeProto]]) -> set[str]:
    """Follows commuting nodes in both directions."""
    waiting, found = [start], set[str]()
    while waiting:
        tensor = waiting.pop()
        if tensor in found:
            continue
        found.add(tensor)
        neighbours = [made[tensor], *taken.get(tensor, [])] if tensor in made else taken.get(tensor, [])
        waiting += [
            name for node in neighbours if node.op_type in _COMMUTING for name in (*node.input, *node.output)
        ]
    return found


def _stream(model: onnx.ModelProto, tensors: Sequence[str], layers: set[str]) -> Stream | None:
    """Collects the layers around tensors; None where anything else stands next to them."""
    made, taken = producers(model), consumers(model)
    if {output.name for output in model.graph.output}.intersection(tensors) or not all(t in made for t in tensors):
        return None
    makers = [made[name] for name in tensors if made[name].op_type not in _COMMUTING]
    takers = [node for name in tensors for node in taken.get(name, []) if node.op_type not in _COMMUTING]
    reads_data = all(node.input[0] in tensors for node in takers)
    if not takers or not reads_data or not {node.name for node in (*makers, *takers)} <= layers:
        return None
    return Stream(tuple(tensors), tuple(makers), tuple(takers))


def channel_peaks(
    model: onnx.ModelProto, streams: Sequence[Stream], inputs: Iterable[Images], threads: int | None
) -> dict[str, npt.NDArray[np.float32]]:
    """Measures the largest absolute value of every channel of the streams' tensors.

    Returns:
        (C,) by the tensor's name.
    """
    names = sorted({name for stream in streams for name in stream.tensors})
    peaks: dict[str, npt.NDArray[np.float32]] = {}
    for values in run_on(model, names, inputs, threads):
        for name, value in zip(names, values, strict=True):
            peak = np.abs(value).max(axis=(0, 2, 3))
            peaks[name] = np.maximum(peaks[name], peak) if name in peaks else peak
    return peaks


def equalise(
    model: onnx.ModelProto, streams: Sequence[Stream], peaks: dict[str, npt.NDArray[np.float32]]
) -> onnx.ModelProto:
    """Scales the channels of every stream so that activations and the weights that take them share the burden.

    A channel's factor is the square root of its peak over the largest weight that takes it.

    Returns:
        A model of the same function.
    """
    scaled = copy_of(model)
    values = {name: np.asarray(value, np.float64) for name, value in initialisers(model).items() if value.ndim}
    changed = set[str]()
    for stream in streams:
        peak = np.max([peaks[name] for name in stream.tensors], axis=0)
        weight = np.max([_column_peaks(values[node.input[1]], node) for node in stream.takers], axis=0)
        factor = np.sqrt(_stretched(peak) / _stretched(weight))
        factor /= np.exp(np.log(factor).mean())
        for node in stream.makers:
            values[node.input[1]] = values[node.input[1]] / factor[:, None, None, None]
            if len(node.input) > 2:
                values[node.input[2]] = values[node.input[2]] / factor
        for node in stream.takers:
            columns = _by_group(factor, node)[:, None, :, None, None]
            grouped = values[node.input[1]].reshape(groups_of(node), -1, *values[node.input[1]].shape[1:])
            values[node.input[1]] = (grouped * columns).reshape(values[node.input[1]].shape)
        changed.update(name for node in (*stream.makers, *stream.takers) for name in node.input[1:])
    set_initialisers(scaled, {name: values[name].astype(np.float32) for name in changed})
    return scaled


def _column_peaks(weights: npt.NDArray[np.float64], node: onnx.NodeProto) -> npt.NDArray[np.float64]:
    """Returns the largest absolute weight by input channel, (C,)."""
    grouped = np.abs(weights).reshape(groups_of(node), -1, *weights.shape[1:])
    peaks: npt.NDArray[np.float64] = grouped.max(axis=(1, 3, 4)).reshape(-1)
    return peaks


def _by_group(factor: npt.NDArray[np.float64], node: onnx.NodeProto) -> npt.NDArray[np.float64]:
    return factor.reshape(groups_of(node), -1)


def _stretched(peaks: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    values = np.asarray(peaks, np.float64)
    return np.maximum(values, max(_LEAST_SHARE * float(values.max()), np.finfo(np.float32).tiny))
