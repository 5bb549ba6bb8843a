"""Pixels that the first layer takes as they are.

Where a network only takes one whole number off every pixel, as EfficientNet-Lite does with 127, the 8 bits of a
picture are its first layer's 8-bit inputs already: step 1, zero point 127. Then nothing has to be computed in float
before the first layer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx

from deepbiq_calibration.network import chain_from, feeding, initialisers, keep_nodes, producers, replace

_LARGEST = 255
_QUANTISE = "QuantizeLinear"


def mean_of_pixels(model: onnx.ModelProto) -> tuple[str, int] | None:
    """Finds the whole number that is taken off every pixel.

    Args:
        model: The FP32 network: a Cast of the uint8 pictures, a Transpose to NCHW, and the subtraction.

    Returns:
        The tensor of the differences and the number, 0..255; None where a network does something else.
    """
    (picture,) = (item.name for item in model.graph.input)
    chain = chain_from(model, picture, "Cast", "Transpose", "Sub")
    return None if chain is None else _whole(initialisers(model).get(chain[-1].input[1]), chain[-1].output[0])


def _whole(mean: npt.NDArray[np.generic] | None, tensor: str) -> tuple[str, int] | None:
    if mean is None or mean.size == 0:
        return None
    first = float(np.asarray(mean, np.float64).ravel()[0])
    same = bool((np.asarray(mean, np.float64) == first).all())
    return (tensor, int(first)) if same and first.is_integer() and 0 <= first <= _LARGEST else None


def take_pixels_as_they_are(model: onnx.ModelProto, differences: str) -> None:
    """Feeds the first layer the picture's own bytes, in place; values stay the same to the last bit.

    Args:
        model: The quantised network, in which the differences are quantised with step 1 and the mean as zero point.
        differences: The tensor of the differences, as `mean_of_pixels` names it.
    """
    made = producers(model)
    (picture,) = (item.name for item in model.graph.input)
    transpose = made[made[differences].input[0]]
    quantisers = [node for node in model.graph.node if node.op_type == _QUANTISE and node.input[0] == differences]
    nodes = [node for node in model.graph.node if node not in quantisers]
    for quantiser in quantisers:
        direct = onnx.NodeProto()
        direct.CopyFrom(transpose)
        direct.name = f"{transpose.name}/bytes"
        replace(direct.input, [picture])
        replace(direct.output, [quantiser.output[0]])
        nodes.insert(0, direct)
    replace(model.graph.node, nodes)
    # What only the subtraction needed goes, unless a layer in float takes it.
    keep_nodes(model, feeding(model, *(item.name for item in model.graph.output)))


def pixel_steps(differences: str, mean: int) -> dict[str, list[dict[str, object]]]:
    """Says to ONNX Runtime's quantiser how the differences are to be stored: exactly."""
    return {differences: [{"scale": np.array(1, np.float32), "zero_point": np.array(mean, np.uint8)}]}
