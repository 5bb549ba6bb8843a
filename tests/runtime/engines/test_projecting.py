"""Projections are the features' products with the regressors' weights, whatever was computed first."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import deepbiq
from deepbiq.bundle import default_bundle_path, open_bundle, write_bundle
from deepbiq.configuration import Configuration
from deepbiq.engines import Projecting, create_engine
from deepbiq.engines.onnxruntime import OnnxRuntimeEngine
from deepbiq.engines.prepared import prepared_graph
from deepbiq.engines.projecting import project
from deepbiq.errors import EngineError
from deepbiq.graphs import Graph, graph_of
from deepbiq.plans import parse_plan
from deepbiq.projection import Projection
from deepbiq.regression import LinearRegressor, regressors_to_npz
from deepbiq.scorer import score_with
from deepbiq.setting import settle
from deepbiq.tuning.tune import tune_bundle
from tests.conftest import tiny_files, tiny_manifest
from tests.tiny_model import SIZE, STRIDE, mean_colour_graph

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3), dtype=np.uint8)
WEIGHTS = np.array([[1, 0, 0], [0.5, -2, 3]], np.float32)
HEADS = {
    "feature-avg": LinearRegressor(np.array([1.0, 0.0]), 0.0),
    "prediction": LinearRegressor(np.array([0.0, 1.0]), 7.0),
}


def tiny_graph(model):
    shape = {"input_size": SIZE, "stride": STRIDE, "outer_windows": 1, "feature_size": 3}
    return Graph("fp32", "fp32", model, input_name="image", output_name="features", **shape)


@pytest.fixture
def engine():
    return OnnxRuntimeEngine(tiny_graph(mean_colour_graph()), threads=2, projection=Projection(WEIGHTS, HEADS))


def test_projections_are_products_of_features_and_weights(engine):
    expected = np.einsum("kd,ndhw->nkhw", WEIGHTS, engine.features(IMAGES))
    np.testing.assert_allclose(engine.projections(IMAGES), expected, rtol=1e-5)
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(engine.projections_in_worker, [IMAGES] * 6):
            np.testing.assert_array_equal(found, engine.projections(IMAGES))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("plan", ["dense", "whole", "random:3"])
def test_a_call_judges_by_projections_what_it_would_by_features(precision, plan, monkeypatch):
    picture = np.random.default_rng(1).integers(0, 256, (300, 333, 3), dtype=np.uint8)
    with deepbiq.load(plan=plan, precision=precision) as scorer:
        sampled = scorer.sample(picture)
        judged = scorer.judge(sampled, scorer.features(sampled))
        monkeypatch.setattr(scorer.engine._features, "_session", lambda _: pytest.fail("features were computed"))
        found = scorer(picture)
        np.testing.assert_allclose(found.crop_scores, judged.crop_scores, atol=1e-3)
        np.testing.assert_allclose(found.quality_map, judged.quality_map, atol=1e-3)
        assert found.score == pytest.approx(judged.raw_score, abs=1e-3)
        assert scorer.judge_sample(sampled).raw_score == pytest.approx(found.score, abs=1e-6)
        assert scorer.score_in_worker(picture).score == pytest.approx(found.score, abs=1e-3)


@pytest.mark.parametrize("pool", ["feature-min", "feature-max", "concat"])
def test_poolings_that_compare_features_take_them(tiny_bundle, pool):
    with deepbiq.load(tiny_bundle, pool=pool, plan="grid:25") as scorer:
        assert isinstance(scorer.engine, Projecting)
        assert scorer.engine.projection is None
        assert scorer(np.full((100, 130, 3), 51, np.uint8)).score == pytest.approx(20, abs=1e-4)


def test_an_engine_with_projections_of_other_regressors_still_gives_its_features(tiny_bundle, tmp_path):
    green = LinearRegressor(np.array([0, 100 / 255, 0]), 0.0)
    files = {**tiny_files(), "regressors/many.npz": regressors_to_npz({"prediction": green, "feature-avg": green})}
    write_bundle(tmp_path / "green", tiny_manifest(), files)
    blue, of_green = open_bundle(tiny_bundle), open_bundle(tmp_path / "green")
    setting = settle(blue, parse_plan("dense"), None, "auto")
    engine = create_engine(blue, setting, Configuration("onnxruntime", "fp32", 1))
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[..., 0], picture[..., 1] = 255, 102
    assert score_with(blue, engine, "dense", picture) == pytest.approx(100, abs=1e-4)
    assert score_with(of_green, engine, "dense", picture) == pytest.approx(40, abs=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_graph_is_a_valid_one_that_makes_no_features(precision):
    onnx = pytest.importorskip("onnx", reason="graphs are checked with onnx: install deepbiq[export]")
    bundle = open_bundle(default_bundle_path())
    graph = graph_of(bundle, precision, "onnxruntime")
    projecting = project(graph, settle(bundle, None, None, "auto").projection)
    model = onnx.load_from_string(projecting.model)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model).graph
    (output,) = inferred.output
    assert (output.name, output.type.tensor_type.shape.dim[1].dim_value) == ("features", projecting.feature_size)
    shapes = {item.name: item.type.tensor_type.shape.dim for item in inferred.value_info}
    pools = [node for node in model.graph.node if node.op_type == "AveragePool"]
    assert {shapes[pool.input[0]][1].dim_value for pool in pools} == {projecting.feature_size}


def test_features_that_are_no_averages_stay_as_they_are():
    onnx = pytest.importorskip("onnx", reason="the graph is changed with onnx: install deepbiq[export]")
    model = onnx.load_from_string(mean_colour_graph())
    model.graph.node[-1].output[0] = "averages"
    model.graph.node.append(onnx.helper.make_node("Relu", ["averages"], ["features"]))
    graph = tiny_graph(model.SerializeToString())
    assert project(graph, Projection(WEIGHTS, HEADS)) is None
    engine = OnnxRuntimeEngine(graph, threads=1, projection=Projection(WEIGHTS, HEADS))
    assert engine.projection is None
    assert engine.features(IMAGES).shape == (2, 3, 3, 4)


@pytest.mark.parametrize("model", [b"", b"nonsense", mean_colour_graph()[:-40]])
def test_what_is_no_graph_is_refused(model):
    with pytest.raises(EngineError, match="cannot load"):
        OnnxRuntimeEngine(tiny_graph(model), threads=1, projection=Projection(WEIGHTS, HEADS))


def test_regressors_of_another_depth_are_refused():
    with pytest.raises(EngineError, match="cannot load"):
        OnnxRuntimeEngine(
            tiny_graph(mean_colour_graph()), threads=1, projection=Projection(np.ones((1, 4), np.float32), HEADS)
        )


def test_projections_that_are_no_numbers_never_become_a_score():
    poisoned = Projection(np.full((1, 3), np.float32(np.nan)), HEADS)
    engine = OnnxRuntimeEngine(tiny_graph(mean_colour_graph()), threads=1, projection=poisoned)
    with pytest.raises(EngineError, match="NaN or infinite"):
        engine.projections(IMAGES)


def test_a_closed_engine_projects_nothing(engine):
    engine.close()
    for run in (engine.projections, engine.projections_in_worker, engine.features):
        with pytest.raises(EngineError, match="closed"):
            run(IMAGES)


def test_tuning_keeps_the_graph_that_calls_run(monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path))
    bundle = open_bundle(default_bundle_path())
    setting = settle(bundle, None, None, "auto")
    trials, _ = tune_bundle(bundle, setting, seconds=0, advance=lambda: None)
    fastest = min((trial for trial in trials if trial.fault is None), key=lambda trial: trial.ms)
    graph = graph_of(bundle, fastest.configuration.precision, "onnxruntime")
    assert prepared_graph(project(graph, setting.projection)) is not None
    assert prepared_graph(graph) is None
