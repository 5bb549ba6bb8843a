"""The TensorRT flavour's float part in FP16."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from deepbiq_calibration.flavours import quantise
from deepbiq_calibration.half_precision import overflowing_nodes, to_half_precision
from tests.calibration.conftest import run
from tests.calibration.networks import weights_of, with_rectifiers


@pytest.fixture(scope="module")
def quantised(network, ranges_of):
    return quantise(network, "features", "tensorrt", ranges_of("tensorrt"))


def types_of(model):
    known = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    types = {item.name: item.data_type for item in model.graph.initializer}
    for value in (*known.graph.value_info, *known.graph.input, *known.graph.output):
        types[value.name] = value.type.tensor_type.elem_type
    return types


def test_convolutions_compute_in_fp16_and_qdq_stays_fp32(quantised):
    model = to_half_precision(quantised, "features", [])
    onnx.checker.check_model(model, full_check=True)
    types = types_of(model)
    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            assert [types[name] for name in node.input[:2]] == [single] * 2
        if node.op_type == "DequantizeLinear":
            assert types[node.input[1]] == types[node.output[0]] == single
        if node.op_type == "Conv":
            expected = single if node.name.startswith("score") else half
            assert {types[name] for name in (*node.input, *node.output)} == {expected}


def test_the_file_shrinks_and_values_hardly_move(quantised, inputs):
    model = to_half_precision(quantised, "features", [])
    assert weights_of(model)["head.weight"].dtype == np.float16
    (before,), (after,) = run(quantised, inputs[0]), run(model, inputs[0])
    assert after.dtype == np.float32
    # ONNX Runtime computes FP16 in FP32; what moves is what a rounded weight sends over a rounding border.
    assert np.abs(after - before).mean() < 0.02 * np.abs(before).mean()


def test_lrn_and_the_mean_stay_in_fp32(inputs, ranges_of):
    network = with_rectifiers()
    model = to_half_precision(
        quantise(network, "features", "tensorrt", ranges_of("tensorrt", network)), "features", []
    )
    types = types_of(model)
    kept = [node for node in model.graph.node if node.op_type in ("LRN", "Sub")]
    assert len(kept) == 2
    assert {types[name] for node in kept for name in node.output} == {onnx.TensorProto.FLOAT}
    assert run(model, inputs[0])[0].shape == run(network, inputs[0])[0].shape


def test_nodes_near_the_end_of_the_range_are_kept(quantised, network):
    largest = {"project1.out": 20_000.0, "stem.out": 100.0}
    kept = overflowing_nodes(network, largest)
    assert set(kept) == {"project1", "add1"}
    model = to_half_precision(quantised, "features", kept)
    types = types_of(model)

    def computed_in(name):
        # The converter casts what a node in FP32 gives afterwards, under the old name.
        return types[next(node for node in model.graph.node if node.name == name).output[0]]

    assert computed_in("project1") == onnx.TensorProto.FLOAT
    assert computed_in("stem") == onnx.TensorProto.FLOAT16
