"""The paper's network with random weights, as a bundle: nothing here can score, everything can be timed.

Weights of CaffeNet cannot be had where nothing is downloaded, and time does not depend on them. Layers follow
Caffe's models/bvlc_reference_caffenet/deploy.prototxt up to fc7, whose 4,096 values are the paper's features. fc6
and fc7 are convolutions, so the same graph takes crops and, for plan `dense`, whole pictures of 227 + 32 k pixels a
side.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from deepbiq.bundle import write_bundle
from deepbiq.regression import LinearRegressor, regressors_to_npz

SIZE = 227
STRIDE = 32
FEATURES = 4096
MEAN_BGR = (104.0, 117.0, 123.0)
"""The rounded mean of ImageNet's training pictures in blue, green, red, as Caffe's examples subtract it."""
OPSET = 18
SEED = 0
_CONVOLUTIONS = (
    # name, kernels, their depth, their side, stride, padding, groups
    ("conv1", 96, 3, 11, 4, 0, 1),
    ("conv2", 256, 48, 5, 1, 2, 2),
    ("conv3", 384, 256, 3, 1, 1, 1),
    ("conv4", 384, 192, 3, 1, 1, 2),
    ("conv5", 256, 192, 3, 1, 1, 2),
    ("fc6", FEATURES, 256, 6, 1, 0, 1),
    ("fc7", FEATURES, FEATURES, 1, 1, 0, 1),
)
_POOLED = ("conv1", "conv2", "conv5")
_NORMALISED = ("conv1", "conv2")


def caffenet_graph() -> bytes:
    """Builds the graph: pixels (N, H, W, 3) uint8 BGR to features (N, 4096, rows, columns) float32, from 0.

    Weights are drawn from He's normal distribution (arXiv 1502.01852: variance 2 / fan-in), so that values neither
    grow nor vanish with depth; a processor is slow on numbers next to zero. Biases are zero.
    """
    rng = np.random.default_rng(SEED)
    graph = _Growing()
    maps = graph.add("Cast", "image", to=onnx.TensorProto.FLOAT)
    maps = graph.add("Transpose", maps, perm=[0, 3, 1, 2])
    maps = graph.add("Sub", maps, graph.hold("mean", np.array(MEAN_BGR, np.float32).reshape(1, 3, 1, 1)))
    for name, kernels, depth, side, stride, padding, groups in _CONVOLUTIONS:
        weight = rng.standard_normal((kernels, depth, side, side), dtype=np.float32)
        weight *= np.float32(np.sqrt(2 / (depth * side * side)))
        parameters = graph.hold(f"{name}.weight", weight), graph.hold(f"{name}.bias", np.zeros(kernels, np.float32))
        maps = graph.add("Conv", maps, *parameters, strides=[stride] * 2, pads=[padding] * 4, group=groups)
        maps = graph.add("Relu", maps)
        if name in _POOLED:
            maps = graph.add("MaxPool", maps, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
        if name in _NORMALISED:
            maps = graph.add("LRN", maps, alpha=1e-4, beta=0.75, bias=1.0, size=5)
    return graph.finish(maps)


def write_caffenet(folder: Path) -> None:
    """Writes a bundle of the graph, with a random regressor, for the plans `dense`, `random:N` and `grid:N`.

    Args:
        folder: The bundle's folder; its parent must exist.
    """
    weights = np.random.default_rng(SEED).standard_normal(FEATURES) / FEATURES
    head = {"prediction": LinearRegressor(weights, 50.0)}
    plan = {"regressors": "regressors/random.npz", "pooling": "prediction-avg"}
    manifest = {
        "schema": 1,
        "name": "caffenet-random",
        "description": "CaffeNet with random weights, to be timed",
        "backbone": "caffenet",
        "feature": {"layer": "fc7 after ReLU", "size": FEATURES, "stride": STRIDE, "outer_windows": 0},
        "input": {"name": "image", "size": SIZE, "layout": "NHWC", "dtype": "uint8", "colour_order": "BGR"},
        "training_scale": {"short_side": 512},
        "score": {"min": 0, "max": 100, "direction": "higher is better"},
        "graphs": {"fp32": {"file": "caffenet.onnx", "output": "features"}},
        "plans": {"dense": plan, "random": plan, "grid": plan},
        "default": {"plan": "dense"},
        "metrics": [],
        "golden": [],
    }
    files = {"caffenet.onnx": caffenet_graph(), "regressors/random.npz": regressors_to_npz(head)}
    write_bundle(folder, manifest, files)


class _Growing:
    """A graph to which nodes are added one after the other."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def hold(self, name: str, values: npt.NDArray[np.float32]) -> str:
        """Adds an initialiser and returns its name."""
        self._weights.append(numpy_helper.from_array(values, name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node and returns the name of its output."""
        name = f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def finish(self, output: str) -> bytes:
        """Names the output `features` and returns the ONNX file."""
        self._nodes[-1].output[0] = "features"
        assert self._nodes[-1].name == output
        image = helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["batch", "height", "width", 3])
        features = helper.make_tensor_value_info(
            "features", onnx.TensorProto.FLOAT, ["batch", FEATURES, "rows", "columns"]
        )
        graph = helper.make_graph(self._nodes, "caffenet", [image], [features], self._weights)
        # An IR version that every ONNX Runtime of the last years reads; onnx itself would write its newest.
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        helper.set_model_props(model, {"name": "caffenet-random", "backbone": "caffenet"})
        return bytes(model.SerializeToString())
