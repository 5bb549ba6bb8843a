"""The first layer on four pixels at a time: the same products and sums, which CPUs compute faster.

ONNX Runtime has fast integer convolutions for multiples of four channels alone, and a picture has three. But four
neighbours of a row are twelve channels that lie beside each other in memory, and a layer of stride two makes two
outputs of them; where an output does not see a pixel its weight is nought. Integers are not rounded, so every value
stays the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from deepbiq_calibration.network import (
    attributes_of,
    chain_from,
    copy_of,
    groups_of,
    initialisers,
    keep_nodes,
    producers,
    set_initialisers,
)

PIXELS = 4
"""Pixels of a row that are taken together."""
_STRIDE = 2
_OUTPUTS = PIXELS // _STRIDE
_CHANNELS = 3


@dataclass(frozen=True)
class _First:
    """The first layer of a quantised network, with what reads the picture and what stores the outputs."""

    transpose: onnx.NodeProto
    layer: onnx.NodeProto
    quantiser: onnx.NodeProto


def take_four_pixels(model: onnx.ModelProto, sides: int) -> onnx.ModelProto:
    """Lets the first layer take four pixels at a time, where it reads the picture's own bytes with stride two.

    Args:
        model: A network of the flavour `cpu`, complete: layers lose the shape that other steps know them by.
        sides: What every side of a picture is a multiple of.

    Returns:
        The network; a copy of the same where its first layer is of another kind.
    """
    changed = copy_of(model)
    first = _first_of(changed) if sides % PIXELS == 0 else None
    if first is None:
        return changed
    values = initialisers(changed)
    made = producers(changed)
    weights, bias = (made[name] for name in first.layer.input[1:3])
    narrow = np.asarray(values[weights.input[0]], np.int8)
    _, left, _, _ = _pads_of(first.layer)
    around = _groups_around(narrow.shape[3], left)
    wide = _widen(narrow, left, around)
    twice = {
        name: np.tile(values[name], _OUTPUTS)
        for node in (weights, bias)
        for name in node.input
        if values[name].ndim == 1
    }
    set_initialisers(changed, {**twice, weights.input[0]: wide})
    _rewire(changed, first, wide, around)
    return changed


def _first_of(model: onnx.ModelProto) -> _First | None:
    """Finds the layer, if it is of the kind that this is for."""
    (picture,) = (item.name for item in model.graph.input)
    chain = chain_from(model, picture, "Transpose", "DequantizeLinear", "Conv", "QuantizeLinear")
    if chain is None:
        return None
    transpose, _, layer, quantiser = chain
    made = producers(model)
    stored = [made.get(name) for name in layer.input[1:3]]
    if len(stored) != 2 or any(node is None or node.op_type != "DequantizeLinear" for node in stored):
        return None
    return _First(transpose, layer, quantiser) if _suits(model, layer) else None


def _suits(model: onnx.ModelProto, layer: onnx.NodeProto) -> bool:
    """Says whether a layer has one output for every two pixels of a row, and sees three channels."""
    weights = initialisers(model)[producers(model)[layer.input[1]].input[0]]
    told = attributes_of(layer)
    _, left, _, right = _pads_of(layer)
    return (
        weights.shape[1] == _CHANNELS
        and groups_of(layer) == 1
        and told.get("strides") == [_STRIDE, _STRIDE]
        and told.get("dilations", [1, 1]) == [1, 1]
        and told.get("auto_pad", b"NOTSET") in (b"", b"NOTSET")
        and (left + right - weights.shape[3]) // _STRIDE + 1 == 0
    )


def _widen(weights: npt.NDArray[np.int8], left: int, around: tuple[int, int]) -> npt.NDArray[np.int8]:
    """Writes the weights of (O, C, H, W) for groups of pixels: (outputs * O, pixels * C, H, groups)."""
    outputs, channels, height, width = weights.shape
    before, after = around
    wide = np.zeros((_OUTPUTS, outputs, PIXELS, channels, height, before + 1 + after), np.int8)
    for output in range(_OUTPUTS):
        for column in range(width):
            group, pixel = divmod(_STRIDE * output + column - left, PIXELS)
            wide[output, :, pixel, :, :, before + group] = weights[:, :, :, column]
    return wide.reshape(_OUTPUTS * outputs, PIXELS * channels, height, -1)


def _groups_around(width: int, left: int) -> tuple[int, int]:
    """Counts the groups before and after its own of which a pair of outputs sees a pixel."""
    first, last = -left, _STRIDE * (_OUTPUTS - 1) + width - 1 - left
    return -(first // PIXELS), last // PIXELS


def _rewire(model: onnx.ModelProto, first: _First, wide: npt.NDArray[np.int8], around: tuple[int, int]) -> None:
    """Puts the reshaping around the layer, in place; in memory nothing moves."""
    name = first.layer.name
    channels = len(wide) // _OUTPUTS
    top, _, bottom, _ = _pads_of(first.layer)
    before, after = around
    for attribute, value in (
        ("kernel_shape", list(wide.shape[2:])),
        ("strides", [_STRIDE, 1]),
        ("pads", [top, before, bottom, after]),
    ):
        _set_ints(first.layer, attribute, value)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([0, 0, -1, PIXELS * _CHANNELS], np.int64), f"{name}/groups"),
            numpy_helper.from_array(np.array([0, 0, -1, channels], np.int64), f"{name}/pixels"),
        ]
    )
    (picture,) = (item.name for item in model.graph.input)
    stored = first.quantiser.output[0]
    grouped = helper.make_node("Reshape", [picture, f"{name}/groups"], [f"{name}/grouped"], name=f"{name}/grouped")
    first.transpose.input[0] = f"{name}/grouped"
    first.quantiser.output[0] = f"{name}/pairs"
    apart = [
        helper.make_node("Transpose", [f"{name}/pairs"], [f"{name}/rows"], name=f"{name}/rows", perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", [f"{name}/rows", f"{name}/pixels"], [f"{name}/apart"], name=f"{name}/apart"),
        helper.make_node("Transpose", [f"{name}/apart"], [stored], name=f"{name}/channels", perm=[0, 3, 1, 2]),
    ]
    nodes = []
    for node in model.graph.node:
        nodes += [grouped, node] if node == first.transpose else [node]
        nodes += apart if node == first.quantiser else []
    keep_nodes(model, nodes)


def _pads_of(layer: onnx.NodeProto) -> list[int]:
    """Returns the pads at the top, on the left, at the bottom, and on the right."""
    return list(attributes_of(layer).get("pads", [0, 0, 0, 0]))


def _set_ints(node: onnx.NodeProto, name: str, value: list[int]) -> None:
    kept = [item for item in node.attribute if item.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
