"""Graphs to build: those of the default bundle, quantised ones, and small ones that are wrong in one way."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from deepbiq.bundle import default_bundle_path, open_bundle
from deepbiq.engines.tensorrt.request import BuildRequest, ShapeRange
from deepbiq.graphs import Graph, graph_of
from tests.tiny_model import SIZE, STRIDE, inside_windows_graph, mean_colour_graph

TARGET = "tensorrt-rtx"


def default_graph(precision: str) -> Graph:
    """A graph of the default bundle."""
    return graph_of(open_bundle(default_bundle_path()), precision, TARGET)


def quantised(graph: Graph, *, depthwise: bool = False) -> Graph:
    """The graph with its convolutions quantised as TensorRT wants them, with or without the depthwise ones."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    from deepbiq_export.half_weights import restore_weights

    class Noise(CalibrationDataReader):
        def __init__(self):
            pixels = np.random.default_rng(0).integers(0, 256, (1, graph.input_size, graph.input_size, 3), np.uint8)
            self.left = [{graph.input_name: pixels}]

        def get_next(self):
            return self.left.pop() if self.left else None

    model = onnx.load_model_from_string(restore_weights(graph.model))
    grouped = [node.name for node in model.graph.node if any(a.name == "group" and a.i > 1 for a in node.attribute)]
    scoring = [node.name for node in model.graph.node if "score" in node.name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_static(
            model,
            path,
            Noise(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=scoring if depthwise else [*scoring, *grouped],
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
                "OpTypesToExcludeOutputQuantization": ["Conv"],
            },
        )
        data = path.read_bytes()
    return dataclasses.replace(graph, key="int8-tensorrt", precision="int8", model=data)


def tiny_graph(model: bytes | None = None, **changes) -> Graph:
    """The mean-colour network, or another model with its names."""
    graph = Graph(
        key="fp32",
        precision="fp32",
        model=mean_colour_graph() if model is None else model,
        input_name="image",
        output_name="features",
        input_size=SIZE,
        stride=STRIDE,
        outer_windows=1,
        feature_size=3,
    )
    return dataclasses.replace(graph, **changes)


def windows_graph() -> Graph:
    """Mean colours of windows that must fit into the picture."""
    return tiny_graph(inside_windows_graph(SIZE), outer_windows=0)


def fixed(graph: Graph, axis: int, size: int) -> Graph:
    """The graph with one axis of its input fixed."""
    import onnx

    model = onnx.load_model_from_string(graph.model)
    dim = model.graph.input[0].type.tensor_type.shape.dim[axis]
    dim.ClearField("dim_param")
    dim.dim_value = size
    return dataclasses.replace(graph, model=model.SerializeToString())


def changed(graph: Graph, change) -> Graph:
    """The graph after a function changed its ONNX model."""
    import onnx

    model = onnx.load_model_from_string(graph.model)
    change(model)
    return dataclasses.replace(graph, model=model.SerializeToString())


def one_shape(graph: Graph, batch: int, size: int) -> BuildRequest:
    shape = (batch, size, size)
    return BuildRequest(graph, "crops", ShapeRange(shape, shape, shape))
