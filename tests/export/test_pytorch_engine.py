"""The engine that runs a bundle's weights in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[export]")
onnx = pytest.importorskip("onnx", reason="needs the extra deepbiq[export]")

import deepbiq  # noqa: E402  # after the skips
from deepbiq.errors import EngineError  # noqa: E402
from deepbiq.graphs import Graph  # noqa: E402
from deepbiq_export.export_error import ExportError  # noqa: E402
from deepbiq_export.graph import seal_graph  # noqa: E402
from deepbiq_export.half_weights import halve_weights  # noqa: E402
from deepbiq_export.pytorch_engine import PyTorchEngine  # noqa: E402

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 224, 256, 3), dtype=np.uint8)
SHAPE = {"input_size": 224, "stride": 32, "outer_windows": 3, "feature_size": 1280}


def graph_object(model, key="fp32"):
    return Graph(key=key, precision=key, model=model, input_name="image", output_name="features", **SHAPE)


def engine_of(graph, backbone="efficientnet_lite0"):
    return PyTorchEngine(graph_object(seal_graph(graph, {"backbone": backbone})), threads=None)


def test_it_gives_the_trained_networks_values(graph, model):
    found, expected = engine_of(graph).features(PICTURES), model.reference(PICTURES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_halved_weights_are_taken_as_they_are(graph, model):
    found, exact = engine_of(halve_weights(graph)).features(PICTURES), model.reference(PICTURES)
    difference = np.abs(found - exact).max() / np.abs(exact).max()
    assert 1e-5 < difference < 0.05


def test_another_networks_graph_is_refused(graph):
    with pytest.raises(ExportError, match="weights of caffenet"):
        engine_of(graph, "caffenet")


def test_a_graph_of_an_unnamed_network_is_refused(graph):
    with pytest.raises(EngineError, match="export the bundle again"):
        PyTorchEngine(graph_object(graph), threads=None)


def test_other_precisions_are_refused(graph):
    with pytest.raises(EngineError, match="fp32 only, got fp16"):
        PyTorchEngine(graph_object(graph, "fp16"), threads=None)


@pytest.mark.parametrize("model_bytes", [b"nonsense", b""])
def test_what_is_no_graph_is_refused(model_bytes):
    with pytest.raises(EngineError):
        PyTorchEngine(graph_object(model_bytes), threads=None)


def test_a_closed_engine_refuses(graph):
    engine = engine_of(graph)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.features(PICTURES)


def test_torch_has_its_threads_back_after_closing(graph):
    before = torch.get_num_threads()
    named = seal_graph(graph, {"backbone": "efficientnet_lite0"})
    engine = PyTorchEngine(graph_object(named), threads=before + 1)
    assert torch.get_num_threads() == before + 1
    engine.close()
    engine.close()
    assert torch.get_num_threads() == before


def test_an_engine_that_is_refused_leaves_torchs_threads_alone(graph):
    before = torch.get_num_threads()
    with pytest.raises(EngineError):
        PyTorchEngine(graph_object(graph, "fp16"), threads=before + 1)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("plan", ["dense", "random:3"])
def test_the_default_bundle_scores_alike_in_pytorch_and_onnx_runtime(samples, plan):
    with (
        deepbiq.load(engine="pytorch", plan=plan) as torch_scorer,
        deepbiq.load(engine="onnxruntime", precision="fp32", plan=plan) as onnx_scorer,
    ):
        assert torch_scorer(samples[0]).engine == "pytorch"
        assert torch_scorer(samples[0]).score == pytest.approx(onnx_scorer(samples[0]).score, abs=1e-3)
