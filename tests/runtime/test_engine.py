from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from deepbiq.cores import usable_cores
from deepbiq.engines.onnxruntime import OnnxRuntimeEngine
from deepbiq.errors import EngineError
from deepbiq.graphs import Graph
from deepbiq_benchmarks.openvino_engine import OpenVinoEngine
from tests.tiny_model import SIZE, STRIDE, mean_colour_graph

onnx = pytest.importorskip("onnx", reason="graphs are made with onnx: install deepbiq[export]")
NAMES = {"input_name": "image", "output_name": "features"}


@pytest.fixture(params=[OnnxRuntimeEngine, OpenVinoEngine])
def engine_of(request):
    """Makes each engine for CPUs of a graph; OpenVINO's is one of the benchmarks'."""
    if request.param is OpenVinoEngine:
        pytest.importorskip("openvino", reason="needs the extra deepbiq[peers]")
    return partial(make_engine, request.param)


def make_engine(kind, model, *, threads=1, **names):
    shape = {"input_size": SIZE, "stride": STRIDE, "outer_windows": 1, "feature_size": 3}
    graph = Graph(key="fp32", precision="fp32", model=model, **shape, **{**NAMES, **names})
    return kind(graph, threads=threads)


def test_features_are_averages_over_windows_cut_at_the_edges(engine_of):
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3), dtype=np.uint8)
    features = engine_of(mean_colour_graph()).features(images)
    assert features.shape == (2, 3, 3, 4)
    np.testing.assert_allclose(features[:, :, 1, 1], images[:, :, :96].mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(features[:, :, 0, 0], images[:, :64, :64].mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(features[:, :, 2, 3], images[:, 32:, 64:].mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("model", [b"", b"nonsense", mean_colour_graph()[:-40]])
def test_what_is_no_graph_is_refused(engine_of, model):
    with pytest.raises(EngineError, match="cannot load"):
        engine_of(model)


@pytest.mark.parametrize("name", [*NAMES])
def test_missing_names_are_refused(engine_of, name):
    with pytest.raises(EngineError, match="elsewhere"):
        engine_of(mean_colour_graph(), **{name: "elsewhere"})


def test_a_wrong_shape_is_an_engine_error(engine_of):
    with pytest.raises(EngineError, match=r"\(1, 96, 96, 4\)"):
        engine_of(mean_colour_graph()).features(np.zeros((1, 96, 96, 4), np.uint8))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_features_that_are_no_numbers_never_become_a_score(engine_of, poison):
    model = onnx.load_from_string(mean_colour_graph())
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(poison, np.float32), "poison"))
    model.graph.node[-1].output[0] = "clean"
    model.graph.node.append(onnx.helper.make_node("Add", ["clean", "poison"], ["features"]))
    with pytest.raises(EngineError, match="NaN or infinite"):
        engine_of(model.SerializeToString()).features(np.zeros((1, 96, 96, 3), np.uint8))


@pytest.mark.parametrize("threads", [1, 2, None])
def test_workers_compute_what_single_calls_do(engine_of, threads):
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3), dtype=np.uint8)
    engine = engine_of(mean_colour_graph(), threads=threads)
    assert engine.workers == (usable_cores() if threads is None else threads)
    with ThreadPoolExecutor(engine.workers + 1) as pool:
        found = list(pool.map(engine.features_in_worker, [images] * 8))
    for features in found:
        np.testing.assert_array_equal(features, engine.features(images))


def test_a_closed_engine_has_no_workers(engine_of):
    engine = engine_of(mean_colour_graph())
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.features_in_worker(np.zeros((1, 96, 96, 3), np.uint8))
