import numpy as np
import pytest
from deepbiq.engines.onnxruntime import OnnxRuntimeEngine
from deepbiq.errors import EngineError

from tests.tiny_model import mean_colour_graph

onnx = pytest.importorskip("onnx", reason="graphs are made with onnx: install deepbiq[export]")
NAMES = {"input_name": "image", "feature_map_name": "feature_map", "features_name": "features"}


def engine_of(model, **names):
    return OnnxRuntimeEngine(model, precision="fp32", threads=1, **{**NAMES, **names})


def test_both_outputs():
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3), dtype=np.uint8)
    engine = engine_of(mean_colour_graph())
    cells = images.reshape(2, 3, 32, 4, 32, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(engine.feature_map(images), cells, rtol=1e-5)
    np.testing.assert_allclose(engine.features(images), cells.mean(axis=(2, 3)), rtol=1e-5)


@pytest.mark.parametrize("model", [b"", b"nonsense", mean_colour_graph()[:-40]])
def test_what_is_no_graph_is_refused(model):
    with pytest.raises(EngineError, match="cannot load"):
        engine_of(model)


@pytest.mark.parametrize("name", [*NAMES])
def test_missing_names_are_refused(name):
    with pytest.raises(EngineError, match="elsewhere"):
        engine_of(mean_colour_graph(), **{name: "elsewhere"})


def test_a_wrong_shape_is_an_engine_error():
    with pytest.raises(EngineError, match=r"\(1, 96, 96, 4\)"):
        engine_of(mean_colour_graph()).features(np.zeros((1, 96, 96, 4), np.uint8))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_features_that_are_no_numbers_never_become_a_score(poison):
    model = onnx.load_from_string(mean_colour_graph())
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(poison, np.float32), "poison"))
    model.graph.node[2].output[0] = "clean"
    model.graph.node.insert(3, onnx.helper.make_node("Add", ["clean", "poison"], ["feature_map"]))
    with pytest.raises(EngineError, match="NaN or infinite"):
        engine_of(model.SerializeToString()).feature_map(np.zeros((1, 96, 96, 3), np.uint8))
