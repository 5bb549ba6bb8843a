"""Where the two flavours put Q/DQ nodes, node by node."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from deepbiq_calibration.flavours import FLAVOURS, candidates_of, quantise
from deepbiq_calibration.inference import open_session
from deepbiq_calibration.saturation import LARGEST_PAIR, safe_scales
from tests.calibration.conftest import run
from tests.calibration.networks import weights_of, with_rectifiers, worst_pair

Q, DQ = "QuantizeLinear", "DequantizeLinear"
DEPTHWISE = {"depthwise0", "depthwise1", "depthwise2"}


@pytest.fixture(scope="module")
def quantised(network, ranges_of):
    return {flavour: quantise(network, "features", flavour, ranges_of(flavour)) for flavour in FLAVOURS}


def nodes_of(model):
    return {node.name: node for node in model.graph.node}


def made_by(model):
    return {name: node for node in model.graph.node for name in node.output}


def kind(model, tensor):
    node = made_by(model).get(tensor)
    return None if node is None else node.op_type


def quantised_layers(model):
    """Names of the convolutions whose weights are integers."""
    return {node.name for node in model.graph.node if node.op_type == "Conv" and kind(model, node.input[1]) == DQ}


def activation_pairs(model):
    return [node for node in model.graph.node if node.op_type == Q]


def test_tensorrt_quantises_all_but_depthwise_and_the_last_layer(quantised):
    assert quantised_layers(quantised["tensorrt"]) == {
        "stem",
        "project0",
        "expand1",
        "project1",
        "expand2",
        "project2",
    }


def test_tensorrt_leaves_depthwise_inputs_weights_and_biases_alone(quantised, network):
    model = quantised["tensorrt"]
    for name in DEPTHWISE | {"head"}:
        assert list(nodes_of(model)[name].input) == list(nodes_of(network)[name].input)


def test_tensorrt_zero_points_are_nought_and_signed(quantised):
    model = quantised["tensorrt"]
    values = weights_of(model)
    pairs = [node for node in model.graph.node if node.op_type in (Q, DQ)]
    assert len(pairs) > 12
    for node in pairs:
        zero_point = values[node.input[2]]
        assert zero_point.dtype == np.int8
        assert not zero_point.any()


def test_tensorrt_activations_have_one_scale_and_weights_one_per_output_channel(quantised):
    model = quantised["tensorrt"]
    values, made = weights_of(model), made_by(model)
    for node in activation_pairs(model):
        assert values[node.input[1]].size == 1
    for name in quantised_layers(model):
        source = made[nodes_of(model)[name].input[1]]
        stored = values[source.input[0]]
        assert stored.dtype == np.int8
        assert values[source.input[1]].shape == (stored.shape[0],)
        assert next(item.i for item in source.attribute if item.name == "axis") == 0


def test_tensorrt_biases_stay_float(quantised):
    model = quantised["tensorrt"]
    values = weights_of(model)
    for name in quantised_layers(model):
        assert values[nodes_of(model)[name].input[2]].dtype == np.float32


def test_tensorrt_pairs_stand_only_before_layers_and_skip_inputs(quantised):
    model = quantised["tensorrt"]
    layers = quantised_layers(model)
    for node in activation_pairs(model):
        (dequantise,) = [user for user in model.graph.node if node.output[0] in user.input]
        assert dequantise.op_type == DQ
        users = [user for user in model.graph.node if dequantise.output[0] in user.input]
        assert {user.op_type for user in users} <= {"Conv", "Add"}
        assert {user.name for user in users if user.op_type == "Conv"} <= layers
        assert any(user.op_type == "Conv" for user in users)


def test_tensorrt_has_nothing_between_a_convolution_and_its_activation(quantised):
    model = quantised["tensorrt"]
    for node in model.graph.node:
        if node.op_type == "Clip" and not node.name.startswith("score"):
            assert kind(model, node.input[0]) == "Conv"


def test_tensorrt_quantises_the_skip_but_not_the_sum_or_the_branch(quantised):
    model = quantised["tensorrt"]
    skip, branch = nodes_of(model)["add1"].input
    assert kind(model, skip) == DQ
    assert kind(model, branch) == "Conv"


def test_a_layer_in_float_reads_what_was_there_before_rounding(network, ranges_of):
    """Not what is rounded for another reader."""
    model = quantise(network, "features", "tensorrt", ranges_of("tensorrt"), ["expand1"])
    assert list(nodes_of(model)["expand1"].input) == list(nodes_of(network)["expand1"].input)


def test_cpu_quantises_every_layer_and_addition_of_the_features(quantised, network):
    model = quantised["cpu"]
    assert quantised_layers(model) == set(candidates_of(network, "features", "cpu"))
    assert len(quantised_layers(model)) == 10
    for name in nodes_of(model)["add1"].input:
        assert kind(model, name) == DQ


def test_cpu_activations_are_unsigned_and_biases_integers(quantised):
    model = quantised["cpu"]
    values, made = weights_of(model), made_by(model)
    assert {values[node.input[2]].dtype for node in activation_pairs(model)} == {np.dtype(np.uint8)}
    for name in quantised_layers(model):
        assert values[made[nodes_of(model)[name].input[2]].input[0]].dtype == np.int32


def test_cpu_activations_vanish_into_the_rounding(quantised):
    """ReLU6 is where unsigned integers of its range end, so that it needs no node."""
    assert "Clip" not in {node.op_type for node in quantised["cpu"].graph.node}


def test_cpu_weights_cannot_saturate_sixteen_bits(quantised):
    model = quantised["cpu"]
    values, made = weights_of(model), made_by(model)
    for name in quantised_layers(model):
        stored = values[made[nodes_of(model)[name].input[1]].input[0]]
        assert worst_pair(stored) <= LARGEST_PAIR
        assert 255 * worst_pair(stored) <= np.iinfo(np.int16).max


def test_safe_steps_are_finer_than_seven_bits():
    weights = np.random.default_rng(0).normal(size=(64, 3, 3, 3)).astype(np.float32)
    seven_bits = np.abs(weights).reshape(64, -1).max(axis=1) / 64
    assert (safe_scales(weights) <= 1.01 * seven_bits).all()
    assert safe_scales(weights).mean() < 0.95 * seven_bits.mean()


def test_safe_steps_of_extreme_channels():
    two_alike = np.float32([[1.0, -1.0], [0.0, 0.0], [3.0, 0.0]])
    scales = safe_scales(two_alike)
    stored = np.round(two_alike / scales[:, None]).astype(np.int8)
    assert stored.tolist() == [[63, -63], [0, 0], [127, 0]]
    assert worst_pair(stored) <= LARGEST_PAIR
    assert scales[1] == 1.0


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_score_branch_is_untouched(quantised, network, flavour):
    def branch(model):
        return [node.SerializeToString() for node in model.graph.node if node.name.startswith("score")]

    assert branch(quantised[flavour]) == branch(network)
    assert weights_of(quantised[flavour])["score/weight"].dtype == np.float32


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_graph_is_valid_and_near_to_float(quantised, network, inputs, flavour):
    onnx.checker.check_model(quantised[flavour], full_check=True)
    exact, near = (
        run(network, inputs[0], ("features", "score")),
        run(quantised[flavour], inputs[0], ("features", "score")),
    )
    assert np.abs(near[0] - exact[0]).max() < 0.1 * exact[0].max()
    assert np.abs(near[1] - exact[1]).max() < 5


def joined_operators(model):
    """Counts the operators that ONNX Runtime makes of a graph."""
    import collections
    import tempfile
    from pathlib import Path

    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(Path(folder) / "joined.onnx")
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        joined = onnx.load(options.optimized_model_filepath)
    return collections.Counter(node.op_type for node in joined.graph.node)


def test_onnx_runtime_computes_the_cpu_flavour_with_integers(quantised):
    found = joined_operators(quantised["cpu"])
    assert found["QLinearConv"] == 10
    assert found["QLinearAdd"] == 1


@pytest.mark.parametrize("layer", ["depthwise1", "project1", "project2"])
def test_a_layer_in_float_between_integers_stays_in_float(network, ranges_of, inputs, layer):
    """ONNX Runtime would quantise it on its own, with one scale for all its channels."""
    model = quantise(network, "features", "cpu", ranges_of("cpu"), [layer])
    assert joined_operators(model)["QLinearConv"] == 9
    (joined,), (plain,) = run(model, inputs[0]), run(model, inputs[0], fused=False)
    # A value next to a rounding border may go to the other side with another order of additions.
    assert np.abs(joined - plain).mean() < 0.01 * np.abs(plain).mean()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_lrn_stays_in_float_and_pooling_goes_with_its_layer(inputs, ranges_of, flavour):
    network = with_rectifiers()
    model = quantise(network, "features", flavour, ranges_of(flavour, network))
    onnx.checker.check_model(model, full_check=True)
    nodes = nodes_of(model)
    assert list(nodes["norm1"].output) == ["norm1.out"]
    expected = {"conv1", "conv2", "conv3"} | ({"full"} if flavour == "cpu" else set())
    assert quantised_layers(model) == expected
    (exact,), (near,) = run(network, inputs[0]), run(model, inputs[0])
    assert near.shape == exact.shape
    assert np.abs(near - exact).max() < 0.1 * exact.max()


def test_sessions_of_unusable_graphs_are_refused(network):
    from deepbiq_calibration.calibration_error import CalibrationError

    broken = onnx.ModelProto()
    broken.CopyFrom(network)
    broken.graph.node[4].input[0] = "nowhere"
    with pytest.raises(CalibrationError, match="cannot load the graph"):
        open_session(broken, 1)
