"""FP16: casts where they belong, and nodes whose values would overflow left in FP32."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra deepbiq[export]")

import onnxruntime  # noqa: E402  # after the skip

from deepbiq_export.half_precision import (  # noqa: E402
    FP16_MAX,
    convert_to_fp16,
    largest_values,
    overflowing_nodes,
)
from deepbiq_export.half_rounding import round_like_fp16  # noqa: E402
from deepbiq_export.tensor_types import tensor_types  # noqa: E402

helper, TensorProto = onnx.helper, onnx.TensorProto


def tiny_graph(gain, *, lrn=False):
    """A picture minus its mean, times a gain (a 1x1 convolution), ReLU, and a convolution that undoes the gain."""
    middle = ("lrn",) if lrn else ("large",)
    nodes = [
        helper.make_node("Transpose", ["image"], ["nchw"], name="transpose", perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["nchw"], ["pixels"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("Sub", ["pixels", "mean"], ["centred"], name="subtract"),
        helper.make_node("Conv", ["centred", "gain"], ["scaled"], name="enlarge"),
        helper.make_node("Relu", ["scaled"], ["large"], name="rectify"),
        *([helper.make_node("LRN", ["large"], ["lrn"], name="normalise", size=3)] if lrn else []),
        helper.make_node("Conv", [*middle, "shrink"], ["features"], name="shrink"),
    ]
    eye = np.eye(3, dtype=np.float32)[:, :, None, None]
    constants = {"mean": np.full((1, 3, 1, 1), 0.3, np.float32), "gain": eye * gain, "shrink": eye / gain}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [onnx.numpy_helper.from_array(np.float32(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


PICTURE = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
WHITE = np.full((1, 8, 8, 3), 255, np.uint8)


def run(graph, picture=PICTURE):
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(["features"], {"image": picture})[0]


def types_of(graph):
    """Element type of the first output of every node by the node's name."""
    model = onnx.load_model_from_string(graph)
    types = tensor_types(model)
    return {node.name: types[node.output[0]] for node in model.graph.node}


def test_values_are_measured_on_the_pictures():
    largest = largest_values(tiny_graph(100.0), [PICTURE, WHITE])
    assert largest["large"] == pytest.approx(100 * 254.7, rel=1e-6)
    assert largest["features"] == pytest.approx(254.7, rel=1e-6)


def test_only_nodes_near_the_end_of_the_range_are_found():
    graph = tiny_graph(100.0)
    assert overflowing_nodes(graph, largest_values(graph, [WHITE])) == ["enlarge", "rectify", "shrink"]
    calm = tiny_graph(1.0)
    assert overflowing_nodes(calm, largest_values(calm, [WHITE])) == []


@pytest.mark.filterwarnings("ignore:overflow")
def test_what_would_overflow_is_kept_in_fp32_and_keeps_its_values():
    graph = tiny_graph(1000.0)
    kept = overflowing_nodes(graph, largest_values(graph, [WHITE]))
    assert FP16_MAX < 1000 * 254.7
    assert not np.isfinite(run(round_like_fp16(convert_to_fp16(graph, [])), WHITE)).all()
    found = run(round_like_fp16(convert_to_fp16(graph, kept)), WHITE)
    np.testing.assert_allclose(found, run(graph, WHITE), rtol=1e-3)


def test_the_rest_computes_in_fp16():
    types = types_of(convert_to_fp16(tiny_graph(1.0, lrn=True), []))
    assert {types[name] for name in ("enlarge", "rectify", "shrink")} == {TensorProto.FLOAT16}
    assert types["normalise"] == TensorProto.FLOAT
    assert types["subtract"] == TensorProto.FLOAT


def test_a_mean_with_fractions_is_subtracted_before_pixels_lose_bits():
    """Half the distance of FP16's neighbours below 256 is 0.0625; nothing else may be lost."""
    graph = tiny_graph(1.0)
    difference = np.abs(run(round_like_fp16(convert_to_fp16(graph, []))) - run(graph)).max()
    assert 0.01 < difference <= 0.0625 + 1e-6


def test_inputs_and_outputs_keep_their_types(features_graph):
    model = onnx.load_model_from_string(convert_to_fp16(features_graph, []))
    (image,), (features,) = model.graph.input, model.graph.output
    assert image.type.tensor_type.elem_type == TensorProto.UINT8
    assert features.type.tensor_type.elem_type == TensorProto.FLOAT
    weights = [item for item in model.graph.initializer if item.name.endswith("conv.weight")]
    assert {item.data_type for item in weights} == {TensorProto.FLOAT16}
    assert len(weights) == 49
