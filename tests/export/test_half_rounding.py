"""Emulated FP16: exactly the rounding of NumPy's float16, after every node that computes in it."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra deepbiq[export]")

import onnxruntime  # noqa: E402  # after the skip

import deepbiq  # noqa: E402
from deepbiq.errors import EngineError  # noqa: E402
from deepbiq_export.half_precision import convert_to_fp16  # noqa: E402
from deepbiq_export.half_rounding import round_like_fp16  # noqa: E402
from tests.export.test_half_precision import PICTURE, run, tiny_graph  # noqa: E402


def half(values):
    return np.asarray(values).astype(np.float16).astype(np.float32)


def test_every_value_is_rounded_as_numpy_rounds():
    gain = 3.7
    centred = half(PICTURE.astype(np.float32).transpose(0, 3, 1, 2) - np.float32(0.3))
    large = half(np.maximum(half(centred * half(np.float32(gain))), 0))
    expected = half(large * half(np.float32(1 / gain)))
    np.testing.assert_array_equal(run(round_like_fp16(convert_to_fp16(tiny_graph(gain), []))), expected)


def test_onnx_runtime_alone_does_not_round():
    """Why the emulation exists: should this fail, ONNX Runtime has learnt it, and the emulation can go."""
    graph = convert_to_fp16(tiny_graph(3.7), [])
    assert np.abs(run(graph) - run(round_like_fp16(graph))).max() > 0


def test_a_whole_network_differs_a_little(features_graph):
    picture = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    fp16 = convert_to_fp16(features_graph, [])
    exact, rounded = run(features_graph, picture), run(round_like_fp16(fp16), picture)
    assert 1e-4 < np.abs(exact - rounded).max() / np.abs(exact).max() < 0.05


def test_names_and_types_at_the_ends_stay(features_graph):
    session = onnxruntime.InferenceSession(round_like_fp16(convert_to_fp16(features_graph, [])))
    assert [(item.name, item.type) for item in session.get_inputs()] == [("image", "tensor(uint8)")]
    assert [(item.name, item.type) for item in session.get_outputs()] == [("features", "tensor(float)")]


def test_the_engine_scores_as_the_bundle_does_within_fp16s_tolerance(samples):
    with deepbiq.load(engine="rounded-fp16", precision="fp16") as rounded, deepbiq.load(precision="fp32") as exact:
        found = rounded(samples[0])
        assert found.engine == "rounded-fp16"
        assert 0 < abs(found.score - exact(samples[0]).score) < 0.5


def test_a_graph_without_fp16_is_refused():
    with pytest.raises(EngineError, match=r"fp32 cannot be rounded.*nothing in FP16"):
        deepbiq.load(engine="rounded-fp16", precision="fp32")
