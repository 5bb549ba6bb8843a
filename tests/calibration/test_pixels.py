"""Pixels as the first layer's integers: only where that is exact, and then bit for bit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from deepbiq.bundle import default_bundle_path, open_bundle
from deepbiq_calibration.flavours import quantise, tensors_to_range
from deepbiq_calibration.network import copy_of, read_network
from deepbiq_calibration.pixels import mean_of_pixels, take_pixels_as_they_are
from deepbiq_calibration.ranges import collect_ranges
from tests.calibration.conftest import run

PICTURE = np.random.default_rng(0).integers(0, 256, (1, 256, 288, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def default_network():
    bundle = open_bundle(default_bundle_path())
    return read_network(bundle.read("model.fp32.onnx"), "features", where="default")


def with_mean(network, mean):
    changed = copy_of(network)
    for item in changed.graph.initializer:
        if item.name == "mean":
            item.CopyFrom(numpy_helper.from_array(np.asarray(mean, np.float32).reshape(3, 1, 1), "mean"))
    return changed


@pytest.mark.parametrize("mean", [0, 127, 255])
def test_one_whole_number_is_found(default_network, mean):
    tensor, found = mean_of_pixels(with_mean(default_network, [mean] * 3))
    assert found == mean
    assert any(node.op_type == "Sub" and node.output[0] == tensor for node in default_network.graph.node)


@pytest.mark.parametrize("mean", [[127, 127, 126], [127.5] * 3, [-1] * 3, [256] * 3, [104.0, 117.0, 123.0]])
def test_anything_else_is_computed_in_float(default_network, mean):
    assert mean_of_pixels(with_mean(default_network, mean)) is None


def test_a_network_without_a_subtraction_is_left_alone(default_network):
    changed = copy_of(default_network)
    (node,) = (node for node in changed.graph.node if node.op_type == "Sub")
    node.op_type = "Div"
    assert mean_of_pixels(changed) is None


def test_bytes_in_place_of_floats_change_no_bit(default_network):
    _, mean = mean_of_pixels(default_network)
    ranges = collect_ranges(
        default_network, tensors_to_range(default_network, "features"), [PICTURE], "minmax", symmetric=False
    )
    direct = quantise(default_network, "features", "cpu", ranges)
    assert not any(node.op_type in ("Sub", "Cast") for node in direct.graph.node)
    onnx.checker.check_model(direct, full_check=True)

    # The same network with the subtraction in float, put back by hand.
    roundabout = copy_of(direct)
    (transpose,) = (node for node in roundabout.graph.node if node.op_type == "Transpose")
    quantised, transpose.output[0] = transpose.output[0], "bytes"
    made = onnx.helper.make_node
    roundabout.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(mean, np.float32), "by hand/mean"),
            numpy_helper.from_array(np.array(1, np.float32), "by hand/step"),
            numpy_helper.from_array(np.array(mean, np.uint8), "by hand/zero"),
        ]
    )
    index = list(roundabout.graph.node).index(transpose) + 1
    for offset, node in enumerate(
        [
            made("Cast", ["bytes"], ["by hand/float"], to=onnx.TensorProto.FLOAT),
            made("Sub", ["by hand/float", "by hand/mean"], ["by hand/less"]),
            made("QuantizeLinear", ["by hand/less", "by hand/step", "by hand/zero"], [quantised]),
        ]
    ):
        roundabout.graph.node.insert(index + offset, node)
    np.testing.assert_array_equal(run(direct, PICTURE)[0], run(roundabout, PICTURE)[0])


def test_a_first_layer_in_float_keeps_its_subtraction(default_network):
    ranges = collect_ranges(
        default_network, tensors_to_range(default_network, "features"), [PICTURE], "minmax", symmetric=False
    )
    first = next(node.name for node in default_network.graph.node if node.op_type == "Conv")
    model = quantise(default_network, "features", "cpu", ranges, [first])
    assert [node.op_type for node in model.graph.node if node.op_type in ("Cast", "Sub")] == ["Cast", "Sub"]
    assert np.isfinite(run(model, PICTURE)[0]).all()


def test_without_a_quantiser_nothing_changes(default_network):
    changed = copy_of(default_network)
    take_pixels_as_they_are(changed, mean_of_pixels(default_network)[0])
    assert [node.op_type for node in changed.graph.node] == [node.op_type for node in default_network.graph.node]
