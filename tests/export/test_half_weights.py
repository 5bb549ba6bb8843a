"""FP32 graphs with weights stored in half precision."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra deepbiq[export]")

import onnxruntime  # noqa: E402  # after the skip

from deepbiq_export.graph import operator_counts  # noqa: E402
from deepbiq_export.half_weights import SMALLEST_HALVED, halve_weights, restore_weights  # noqa: E402

PICTURE = np.random.default_rng(0).integers(0, 256, (1, 256, 224, 3), dtype=np.uint8)


def constants(graph):
    return {
        item.name: onnx.numpy_helper.to_array(item) for item in onnx.load_model_from_string(graph).graph.initializer
    }


def run(graph):
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(["features", "score"], {"image": PICTURE})


def test_the_file_is_nearly_half_as_large_and_valid(graph):
    halved = halve_weights(graph)
    assert 0.5 < len(halved) / len(graph) < 0.53
    onnx.checker.check_model(onnx.load_model_from_string(halved), full_check=True)


def test_every_large_weight_is_rounded_to_the_nearest_half(graph):
    before, after = constants(graph), constants(restore_weights(halve_weights(graph)))
    assert set(before) == set(after)
    for name, value in before.items():
        large = name.endswith("conv.weight") and value.size >= SMALLEST_HALVED
        expected = value.astype(np.float16).astype(value.dtype) if large else value
        np.testing.assert_array_equal(after[name], expected, err_msg=name)


def test_it_computes_in_fp32_what_the_restored_graph_does(graph):
    halved = halve_weights(graph)
    for found, expected in zip(run(halved), run(restore_weights(halved)), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_restoring_removes_the_casts_and_leaves_other_graphs_alone(graph):
    loaded = onnx.load_model_from_string
    assert operator_counts(loaded(restore_weights(halve_weights(graph)))) == operator_counts(loaded(graph))
    assert constants(restore_weights(graph)).keys() == constants(graph).keys()
    assert restore_weights(restore_weights(graph)) == restore_weights(graph)
