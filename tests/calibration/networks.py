"""A network with everything that the default one has, in miniature: made by hand, of a few thousand weights."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 32
STRIDE = 8
DEPTH = 24
OPSET = 18


class Builder:
    """Collects nodes and weights; every convolution gets a bias."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.rng = np.random.default_rng(seed)

    def node(self, kind: str, inputs: list[str], name: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}.out"], name=name, **attributes))
        return f"{name}.out"

    def constant(self, name: str, value) -> str:
        self.constants[name] = np.asarray(value)
        return name

    def conv(
        self, source: str, name: str, inputs: int, outputs: int, *, side=1, stride=1, group=1, gain=1.0
    ) -> str:
        fan_in = inputs // group * side * side
        weights = self.rng.normal(0, gain * np.sqrt(2 / fan_in), (outputs, inputs // group, side, side))
        bias = self.rng.uniform(-0.2, 0.4, outputs)
        return self.node(
            "Conv",
            [source, self.constant(f"{name}.weight", weights.astype(np.float32)),
             self.constant(f"{name}.bias", bias.astype(np.float32))],
            name,
            kernel_shape=[side, side], strides=[stride, stride], pads=[side // 2] * 4, group=group,
        )  # fmt: skip

    def relu6(self, source: str, name: str) -> str:
        for bound, value in (("low", 0.0), ("high", 6.0)):
            self.constants.setdefault(bound, np.float32(value))
        return self.node("Clip", [source, "low", "high"], name)

    def model(self, features: str, *, opset: int = OPSET) -> onnx.ModelProto:
        """Joins what was built, from pixels to `features` and `score`."""
        for node in self.nodes:
            node.input[:] = ["features" if name == features else name for name in node.input]
            node.output[:] = ["features" if name == features else name for name in node.output]
        weight = self.constant("score/weight", np.full((1, DEPTH, 1, 1), 40 / DEPTH, np.float32))
        pooled = self.node("GlobalAveragePool", ["features"], "score/pool")
        raw = self.node("Conv", [pooled, weight, self.constant("score/bias", np.float32([10]))], "score/conv")
        shape = self.constant("score/shape", np.int64([-1]))
        self.nodes.append(helper.make_node("Reshape", [raw, shape], ["score"], name="score/reshape"))
        graph = helper.make_graph(
            self.nodes,
            "miniature",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", "height", "width", 3])],
            [
                helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch"]),
                helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", DEPTH, "rows", "columns"]),
            ],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in self.constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
        helper.set_model_props(model, {"name": "miniature"})
        onnx.checker.check_model(model, full_check=True)
        return model

    def pixels(self) -> str:
        floats = self.node("Cast", ["image"], "cast", to=TensorProto.FLOAT)
        moved = self.node("Transpose", [floats], "transpose", perm=[0, 3, 1, 2])
        return self.node("Sub", [moved, self.constant("mean", np.full((1, 3, 1, 1), 127, np.float32))], "mean.sub")


def miniature(seed: int = 0) -> onnx.ModelProto:
    """Stem, depthwise, project, and a residual block; ReLU6; like EfficientNet-Lite0."""
    build = Builder(seed)
    stem = build.relu6(build.conv(build.pixels(), "stem", 3, 8, side=3, stride=2, gain=1 / 60), "stem.clip")
    first = build.relu6(build.conv(stem, "depthwise0", 8, 8, side=3, stride=2, group=8), "depthwise0.clip")
    skip = build.conv(first, "project0", 8, 12)
    wide = build.relu6(build.conv(skip, "expand1", 12, 24), "expand1.clip")
    deep = build.relu6(build.conv(wide, "depthwise1", 24, 24, side=3, group=24), "depthwise1.clip")
    added = build.node("Add", [skip, build.conv(deep, "project1", 24, 12, gain=0.5)], "add1")
    down = build.relu6(build.conv(added, "expand2", 12, 24), "expand2.clip")
    last = build.relu6(build.conv(down, "depthwise2", 24, 24, side=3, stride=2, group=24), "depthwise2.clip")
    narrow = build.conv(last, "project2", 24, 16)
    head = build.relu6(build.conv(narrow, "head", 16, DEPTH), "head.clip")
    side = SIZE // STRIDE
    pooled = build.node("AveragePool", [head], "pool", kernel_shape=[side, side], strides=[1, 1])
    return build.model(pooled)


def with_rectifiers(seed: int = 0) -> onnx.ModelProto:
    """Grouped convolutions, Relu, MaxPool and LRN; like CaffeNet. The features come straight out of a Relu."""
    build = Builder(seed)

    def relu(source: str, name: str) -> str:
        return build.node("Relu", [source], name)

    first = relu(build.conv(build.pixels(), "conv1", 3, 8, side=3, stride=2, gain=1 / 60), "relu1")
    pool1 = build.node("MaxPool", [first], "pool1", kernel_shape=[2, 2], strides=[2, 2])
    norm = build.node("LRN", [pool1], "norm1", size=5, alpha=1e-4, beta=0.75, bias=1.0)
    second = relu(build.conv(norm, "conv2", 8, 12, side=3, group=2), "relu2")
    pool2 = build.node("MaxPool", [second], "pool2", kernel_shape=[2, 2], strides=[2, 2])
    third = relu(build.conv(pool2, "conv3", 12, 16, side=3, group=2), "relu3")
    weights = build.rng.normal(0, 0.1, (DEPTH, 16, 4, 4)).astype(np.float32)
    bias = build.constant("full.bias", build.rng.uniform(0, 0.5, DEPTH).astype(np.float32))
    full = build.node(
        "Conv", [third, build.constant("full.weight", weights), bias], "full", kernel_shape=[4, 4], pads=[0] * 4
    )
    return build.model(relu(full, "full.relu"))


def weights_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}


def set_weights(model: onnx.ModelProto, name: str, value: np.ndarray) -> None:
    item = next(item for item in model.graph.initializer if item.name == name)
    item.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value.astype(np.float32)), name))


def with_one_bad_layer(layer: str = "project1", before: str = "depthwise1") -> onnx.ModelProto:
    """The same function, but eight bits cannot hold one layer's weights.

    A channel before it is always nought, and the weights that take that channel are a thousand times larger than
    all others, so that these vanish in the step.
    """
    model = miniature()
    values = weights_of(model)
    silent, bias = values[f"{before}.weight"].copy(), values[f"{before}.bias"].copy()
    silent[0], bias[0] = 0.0, 0.0
    set_weights(model, f"{before}.weight", silent)
    set_weights(model, f"{before}.bias", bias)
    loud = values[f"{layer}.weight"].copy()
    loud[:, 0] = 1000.0 * np.abs(loud).max()
    set_weights(model, f"{layer}.weight", loud)
    return model


def worst_pair(stored):
    """Returns the largest sum of the sizes of two weights of one output channel, (O, ...) int8."""
    sizes = np.abs(stored.astype(np.int64)).reshape(len(stored), -1)
    return int(np.sort(sizes, axis=1)[:, -2:].sum(axis=1).max())
