"""Rounding weights so that a layer's output, rather than each weight, stays nearest to FP32's.

Weights are rounded one input after the other, and what one rounds away is made up for by those that are not rounded
yet, as far as their inputs go together: in flat parts of a picture all inputs of a depthwise filter are alike, so
it is the sum of its weights that matters. This is the method of Frantar et al., "GPTQ: Accurate Post-Training
Quantization for Generative Pre-trained Transformers" (2022), with the second moments of a layer's inputs on
calibration pictures. It costs nothing when the network runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx

from deepbiq_calibration.inference import Images, run_on
from deepbiq_calibration.network import (
    attributes_of,
    copy_of,
    groups_of,
    initialisers,
    producers,
    set_initialisers,
)
from deepbiq_calibration.saturation import LARGEST_PAIR

Matrix = npt.NDArray[np.float64]
MOST_INPUTS = 2400
"""Inputs of an output: second moments of more (fully connected layers) take gigabytes and minutes, so that those
layers' weights are rounded to the nearest."""
_PLACES = 512
"""Of each input at which a layer's own inputs are looked at."""
_DAMPING = 0.01
"""Share of the mean second moment that is added to all: inputs that hardly vary shall not take up everything."""
_LARGEST = 127


def second_moments(
    model: onnx.ModelProto, layers: Sequence[onnx.NodeProto], inputs: Sequence[Images], threads: int | None
) -> dict[str, Matrix]:
    """Sums the products of a layer's inputs over places of calibration pictures.

    Args:
        model: The FP32 network.
        layers: Its convolutions.
        inputs: Calibration inputs, at least one.
        threads: Threads of one inference.

    Returns:
        (G, K, K) by layer: for each of its G groups, of the K inputs of an output. Layers with more than
        `MOST_INPUTS` are missing.
    """
    weights = initialisers(model)
    taken = [node for node in layers if weights[node.input[1]][0].size <= MOST_INPUTS]
    tensors = sorted({node.input[0] for node in taken})
    rng = np.random.default_rng(0)
    moments: dict[str, Matrix] = {}
    for values in run_on(model, tensors, inputs, threads):
        found = dict(zip(tensors, values, strict=True))
        for node in taken:
            patches = _patches(found[node.input[0]], node, rng)
            product = patches.transpose(0, 2, 1) @ patches
            moments[node.name] = moments[node.name] + product if node.name in moments else product
    return moments


def _patches(values: npt.NDArray[np.float32], node: onnx.NodeProto, rng: np.random.Generator) -> Matrix:
    """Takes what a convolution sees at random places: (G, places, K) of (N, C, H, W)."""
    settings = attributes_of(node)
    side_y, side_x = settings["kernel_shape"]
    step_y, step_x = settings.get("strides", [1, 1])
    top, left, bottom, right = settings.get("pads", [0, 0, 0, 0])
    padded = np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side_y, side_x), axis=(2, 3))
    windows = windows[:, :, ::step_y, ::step_x]
    count, channels, height, width = windows.shape[:4]
    places = rng.integers(count * height * width, size=min(_PLACES, count * height * width))
    image, y, x = np.unravel_index(places, (count, height, width))
    patches = windows[image, :, y, x].astype(np.float64)
    groups = groups_of(node)
    by_group: Matrix = patches.reshape(len(places), groups, channels // groups * side_y * side_x).transpose(1, 0, 2)
    return by_group


def round_weights(
    quantised: onnx.ModelProto,
    weights: Mapping[str, npt.NDArray[np.float32]],
    moments: Mapping[str, Matrix],
    *,
    pairs_fit: bool,
) -> dict[str, npt.NDArray[np.int8]]:
    """Rounds the weights of quantised layers anew, to the steps that they have.

    Args:
        quantised: A network with Q/DQ nodes.
        weights: The FP32 weights by layer.
        moments: From `second_moments`; layers that are missing keep what they have.
        pairs_fit: Whether no two weights of an output channel may exceed `LARGEST_PAIR` together.

    Returns:
        Stored weights by layer.
    """
    values, made = initialisers(quantised), producers(quantised)
    found = {}
    for node in quantised.graph.node:
        source = made.get(node.input[1]) if node.name in moments else None
        if source is None:
            continue
        steps = np.asarray(values[source.input[1]], np.float64)
        rows = np.asarray(weights[node.name], np.float64).reshape(len(steps), -1)
        nearest = np.asarray(values[source.input[0]], np.int64).reshape(rows.shape)
        limits = pair_limits(nearest) if pairs_fit else np.full_like(nearest, _LARGEST)
        groups = len(moments[node.name])
        stored = round_rows(
            rows.reshape(groups, -1, rows.shape[1]),
            steps.reshape(groups, -1),
            moments[node.name],
            limits.reshape(groups, -1, rows.shape[1]),
        )
        found[node.name] = stored.reshape(weights[node.name].shape).astype(np.int8)
    return found


def store_weights(quantised: onnx.ModelProto, stored: Mapping[str, npt.NDArray[np.int8]]) -> onnx.ModelProto:
    """Puts rounded weights into those layers of a network that are quantised."""
    changed = copy_of(quantised)
    made = producers(changed)
    replaced = {
        made[node.input[1]].input[0]: stored[node.name]
        for node in changed.graph.node
        if node.name in stored and node.input[1] in made
    }
    set_initialisers(changed, replaced)
    return changed


def pair_limits(nearest: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bounds every weight so that whatever is rounded within the bounds, pairs fit `LARGEST_PAIR`.

    Args:
        nearest: (O, K) weights rounded to the nearest, whose pairs fit.

    Returns:
        (O, K), at least the sizes of `nearest`: the largest weight of a channel may keep its size, and no other may
        be larger than what that leaves, or than half of it all.
    """
    sizes = np.abs(nearest)
    rows = np.arange(len(sizes))
    largest = sizes.argmax(axis=1)
    others = np.minimum(LARGEST_PAIR - sizes[rows, largest], LARGEST_PAIR // 2)
    limits = np.repeat(others[:, None], sizes.shape[1], axis=1)
    limits[rows, largest] = sizes[rows, largest]
    return limits


def round_rows(
    rows: Matrix, steps: Matrix, moments: Matrix, limits: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Rounds rows of weights with feedback, the rows of each group for the inputs that the group sees.

    Args:
        rows: (G, O, K) weights.
        steps: (G, O) the step of each row.
        moments: (G, K, K) second moments of the inputs.
        limits: (G, O, K) largest sizes after rounding.

    Returns:
        (G, O, K) integers.
    """
    count = rows.shape[2]
    level = np.trace(moments, axis1=1, axis2=2)[:, None, None] / count
    damped = moments / np.maximum(level, np.finfo(np.float32).tiny) + _DAMPING * np.eye(count)
    factor = np.linalg.cholesky(np.linalg.inv(damped)).transpose(0, 2, 1)
    left = rows / steps[:, :, None]
    stored = np.zeros_like(limits)
    for place in range(count):
        limit = limits[:, :, place]
        stored[:, :, place] = np.clip(np.round(left[:, :, place]), -limit, limit)
        lost = (left[:, :, place] - stored[:, :, place]) / factor[:, None, place, place]
        left[:, :, place + 1 :] -= lost[:, :, None] * factor[:, None, place, place + 1 :]
    return stored
