"""The roof is measured for real, small; its figures are for results files, not for tests."""

import pytest

pytest.importorskip("onnx", reason="the roof is measured with ONNX graphs: install deepbiq[peers]")

import numpy as np
import onnx

from deepbiq.bundle import default_bundle_path, open_bundle
from deepbiq.cores import usable_cores
from deepbiq.errors import OptionError
from deepbiq.graphs import graph_of
from deepbiq.scorer import load
from deepbiq_benchmarks.caffenet import caffenet_graph
from deepbiq_benchmarks.graph_cost import Cost, graph_cost
from deepbiq_benchmarks.peers_crops import crop_graph
from deepbiq_benchmarks.peers_deepbiq import scorer_cost
from deepbiq_benchmarks.roof import Roof, measure_roof, sgemm_product
from tests.tiny_model import mean_colour_graph


@pytest.fixture(scope="session")
def caffenet():
    return caffenet_graph()


def test_every_rate_is_measured():
    roof = measure_roof(1, sides=(64, 128), copied_bytes=1 << 20)
    assert roof.sgemm_gflops == max(roof.sgemm_of.values())
    assert roof.sgemm_of[roof.sgemm_by] == roof.sgemm_gflops
    assert "onnxruntime" in roof.sgemm_of
    assert min(roof.sgemm_gflops, roof.int8_gops, roof.memory_gbps) > 0


def test_the_fastest_product_of_every_library_can_be_run_again():
    roof = measure_roof(usable_cores(), sides=(64, 128), copied_bytes=1 << 20)
    assert list(roof.sgemm_sides) == list(roof.sgemm_of)
    for library, side in roof.sgemm_sides.items():
        assert side in (64, 128)
        found = np.asarray(sgemm_product(library, side, roof.threads)()).reshape(-1, side)
        assert found.shape == (side, side)
        assert np.isfinite(found).all()


def test_the_least_time_is_the_longer_of_arithmetic_and_bytes():
    roof = Roof(
        1, sgemm_gflops=100, sgemm_by="", int8_gops=400, int8_by="", memory_gbps=10, sgemm_of={}, sgemm_sides={}
    )
    assert roof.milliseconds(Cost(fp32_macs=10**9)) == pytest.approx(20)
    assert roof.milliseconds(Cost(int8_macs=10**9)) == pytest.approx(5)
    assert roof.milliseconds(Cost(10**9, 10**9, traffic_bytes=10**6)) == pytest.approx(25)
    assert roof.milliseconds(Cost(10**6, 0, traffic_bytes=10**8)) == pytest.approx(10)


def test_multiply_adds_of_caffenet_have_a_closed_form(caffenet):
    # Values of each output times kernel values of one output channel, by the layers' published sizes.
    layers = (
        55 * 55 * 96 * 11 * 11 * 3,
        27 * 27 * 256 * 5 * 5 * 48,
        13 * 13 * 384 * 3 * 3 * 256,
        13 * 13 * 384 * 3 * 3 * 192,
        13 * 13 * 256 * 3 * 3 * 192,
        4096 * 6 * 6 * 256,
        4096 * 4096,
    )
    cost = graph_cost(caffenet, (1, 227, 227, 3), "features")
    assert (cost.fp32_macs, cost.int8_macs) == (sum(layers), 0)
    assert graph_cost(caffenet, (25, 227, 227, 3), "features").macs == 25 * sum(layers)
    assert cost.traffic_bytes == pytest.approx(len(caffenet) + 227 * 227 * 3 + 4 * 4096, rel=1e-4)


def test_matrix_products_are_counted_by_the_axis_they_sum_over():
    helper, numpy_helper, floats = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
    weights = [
        numpy_helper.from_array(np.zeros((5, 7), np.float32), "a"),
        numpy_helper.from_array(np.zeros((4, 7), np.float32), "b"),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["y"]),
        helper.make_node("Gemm", ["y", "b"], ["z"], transB=1),
        helper.make_node("MatMul", ["y", "a"], ["not asked for"], name="other"),
    ]
    nodes[2].input[1] = "c"
    weights.append(numpy_helper.from_array(np.zeros((7, 9), np.float32), "c"))
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("x", floats, ["n", 5])],
        [helper.make_tensor_value_info("z", floats, ["n", 4])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    cost = graph_cost(model, (3, 5), "z")
    assert cost.fp32_macs == 3 * 7 * 5 + 3 * 4 * 7
    assert graph_cost(model, (3, 5), "not asked for").fp32_macs == 3 * 7 * 5 + 3 * 9 * 7


def test_int8_and_float_multiply_adds_of_the_default_model_add_up():
    bundle = open_bundle(default_bundle_path())
    fp32, int8 = (graph_of(bundle, precision, "onnxruntime") for precision in ("fp32", "int8"))
    floats = graph_cost(fp32.model, (1, 512, 512, 3), fp32.output_name)
    mixed = graph_cost(int8.model, (1, 512, 512, 3), int8.output_name)
    # The first layer, 32 channels of 3 x 3 x 3 pixels, is computed with 3 x 8 pixels for two outputs at once: 45 of
    # the 72 products are with noughts.
    outputs = 256 * 256 * 32
    assert floats.int8_macs == 0
    assert mixed.macs == floats.macs + outputs * (3 * 8 * 3 - 3 * 3 * 3)
    assert mixed.int8_macs > 0.9 * mixed.macs
    assert mixed.traffic_bytes < floats.traffic_bytes


@pytest.mark.parametrize("plan", ["dense", "random:2"])
def test_products_with_noughts_are_no_work_of_a_row(plan):
    picture = np.zeros((512, 512, 3), np.uint8)
    costs = {}
    for precision in ("fp32", "int8"):
        with load(plan=plan, precision=precision, engine="onnxruntime") as scorer:
            costs[precision] = scorer_cost(scorer, graph_of(scorer.bundle, precision, "onnxruntime"), picture)
    assert costs["int8"].macs == costs["fp32"].macs
    assert costs["int8"].fp32_macs == 0
    assert costs["int8"].traffic_bytes < costs["fp32"].traffic_bytes


def test_a_shape_that_the_graph_does_not_take_is_refused(caffenet):
    with pytest.raises(OptionError, match="does not take the shape"):
        graph_cost(caffenet, (1, 227, 227, 4), "features")


def test_the_graph_for_crops_gives_the_same_features_of_a_crop():
    import onnxruntime as ort

    from deepbiq.dense import crop_vectors

    images = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    model = mean_colour_graph()
    found = []
    for graph in (model, crop_graph(model, "features")):
        session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
        found.append(session.run(None, {"image": images})[0])
    assert found[1].shape == (2, 3, 1, 1)
    np.testing.assert_allclose(crop_vectors(found[1]), crop_vectors(found[0]), rtol=1e-5)
