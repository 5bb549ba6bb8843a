"""The graph that goes from a picture to its score, run by bare ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra deepbiq[export]")

import onnxruntime  # noqa: E402  # after the skip

import deepbiq  # noqa: E402
from deepbiq.bundle import default_bundle_path, open_bundle  # noqa: E402
from deepbiq.graphs import graph_of  # noqa: E402
from deepbiq.imaging import Limits, decode_bytes  # noqa: E402
from deepbiq.regression import LinearRegressor, regressors_to_npz  # noqa: E402
from deepbiq_export.export_error import ExportError  # noqa: E402
from deepbiq_export.score_output import add_score, dense_regressor  # noqa: E402
from tests.tiny_model import mean_colour_graph  # noqa: E402

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3), dtype=np.uint8)


def run(graph, images):
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert [item.name for item in session.get_outputs()] == ["score", "features"]
    return session.run(None, {"image": images})


def test_the_score_is_the_prediction_of_the_average_window():
    regressor = LinearRegressor(np.array([0.1, 0.2, -0.05]), 3.0)
    score, features = run(add_score(mean_colour_graph(), "features", regressor), PICTURES)
    assert score.shape == (2,)
    assert score.dtype == np.float32
    np.testing.assert_allclose(score, regressor.predict(features.mean(axis=(2, 3))), rtol=1e-5)


@pytest.mark.parametrize(("bias", "expected"), [(1000.0, 100.0), (-1000.0, 0.0)])
def test_the_score_is_clipped(bias, expected):
    score, _ = run(add_score(mean_colour_graph(), "features", LinearRegressor(np.zeros(3), bias)), PICTURES)
    assert score.tolist() == [expected] * 2


@pytest.mark.parametrize("pooling", ["feature-avg", "prediction-avg"])
def test_the_regressor_is_that_of_the_default_pooling(pooling):
    heads = {"prediction": LinearRegressor(np.zeros(3), 1.0), "feature-avg": LinearRegressor(np.zeros(3), 2.0)}
    plans = {"dense": {"pooling": pooling, "regressors": "dense.npz"}}
    found = dense_regressor(plans, {"dense.npz": regressors_to_npz(heads)})
    assert found.bias == {"feature-avg": 2.0, "prediction-avg": 1.0}[pooling]


def test_a_pooling_that_is_no_average_is_refused():
    plans = {"dense": {"pooling": "feature-max", "regressors": "dense.npz"}}
    with pytest.raises(ExportError, match="feature-max"):
        dense_regressor(plans, {})


BUNDLE = open_bundle(default_bundle_path())


@pytest.mark.parametrize("key", BUNDLE.manifest["graphs"])
def test_every_graph_of_the_default_bundle_scores_as_the_scorer_does(key):
    session = onnxruntime.InferenceSession(graph_of(BUNDLE, key, "onnxruntime").model)
    with deepbiq.load(engine="onnxruntime", precision=key, plan="dense") as scorer:
        for golden in BUNDLE.manifest["golden"]:
            picture = BUNDLE.read(golden["file"])
            bgr = decode_bytes(picture, name=golden["file"], limits=Limits()).bgr
            (score,) = session.run(["score"], {"image": bgr[None]})
            assert score[0] == pytest.approx(scorer(picture).score, abs=0.05)
