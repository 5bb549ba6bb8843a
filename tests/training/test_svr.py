from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra deepbiq[train]")

from sklearn.pipeline import make_pipeline  # after the skip
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVR

from deepbiq.regression import LinearRegressor, regressors_from_npz, regressors_to_npz
from deepbiq_training.svr import FitError, Hyperparameters, TrainingSet

SKLEARN_TOLERANCE = 1e-5
"""Relative: what folding the standardisation into float64 weights may cost."""


def linear_data(rows, size, noise=0.0):
    generator = np.random.default_rng(5)
    features = generator.gamma(2.0, 0.3, (rows, size)) * generator.uniform(0.1, 3, size)
    weights = generator.normal(size=size)
    return features, features @ weights + 40 + noise * generator.normal(size=rows)


def test_a_linear_target_is_recovered():
    features, scores = linear_data(400, 20)
    regressor = TrainingSet(features, scores).fit(Hyperparameters(c=1e3, epsilon=0.0))
    np.testing.assert_allclose(regressor.predict(features), scores, atol=1e-2)


def test_ridge_closed_form():
    """With epsilon zero the problem is ridge regression: (X'X + I / 2C) w = X'y."""
    features, scores = linear_data(300, 12, noise=5.0)
    c = 1e-3
    rows = (features - features.mean(0)) / features.std(0)
    # LIBLINEAR penalises the intercept as well, which is zero here: everything is centred.
    weights = np.linalg.solve(rows.T @ rows + np.eye(12) / (2 * c), rows.T @ (scores - scores.mean()))
    regressor = TrainingSet(features, scores).fit(Hyperparameters(c=c, epsilon=0.0))
    np.testing.assert_allclose(regressor.predict(features), rows @ weights + scores.mean(), atol=0.02)


@pytest.mark.parametrize("epsilon", [0.0, 3.0])
def test_folded_standardisation_predicts_as_scikit_learn(epsilon):
    features, scores = linear_data(300, 40, noise=8.0)
    settings = {"loss": "squared_epsilon_insensitive", "dual": False, "C": 1e-2, "epsilon": epsilon}
    pipeline = make_pipeline(StandardScaler(), LinearSVR(**settings, max_iter=2000, tol=1e-4 if epsilon else 1e-10))
    centre = scores.mean()
    expected = pipeline.fit(features, scores - centre).predict(features) + centre
    found = TrainingSet(features, scores).fit(Hyperparameters(1e-2, epsilon)).predict(features)
    np.testing.assert_allclose(found, expected, rtol=SKLEARN_TOLERANCE)


def test_more_features_than_rows_gives_the_same_function():
    features, scores = linear_data(60, 200, noise=8.0)
    chosen = Hyperparameters(1e-3, 2.0)
    short = TrainingSet(features, scores).fit(chosen)
    rows = (features - features.mean(0)) / features.std(0)
    model = LinearSVR(
        loss="squared_epsilon_insensitive", dual=False, C=chosen.c, epsilon=chosen.epsilon, tol=1e-8
    ).fit(rows, scores - scores.mean())
    unseen = np.random.default_rng(6).gamma(2.0, 0.3, (50, 200))
    expected = model.predict((unseen - features.mean(0)) / features.std(0)) + scores.mean()
    np.testing.assert_allclose(short.predict(unseen), expected, atol=0.1)


def test_weights_are_penalised_for_what_they_add_to_a_start():
    features, scores = linear_data(200, 30, noise=8.0)
    start = LinearRegressor(np.linspace(0, 1, 30), -3.0)
    said = start.predict(features)
    slope, offset = np.polyfit(said, scores, 1)
    training = TrainingSet(features, scores, start)
    # With the smallest C nothing is added: the start on the scale of the scores.
    smallest = training.fit(Hyperparameters(1e-12, 0.0)).predict(features)
    np.testing.assert_allclose(smallest, slope * said + offset, atol=1e-6)
    # With the largest the start does not matter.
    with_start, without = (
        found.fit(Hyperparameters(1e6, 0.0)).predict(features)
        for found in (training, TrainingSet(features, scores))
    )
    np.testing.assert_allclose(with_start, without, atol=1e-4)


def test_a_constant_start_is_no_start():
    features, scores = linear_data(50, 4)
    constant = TrainingSet(features, scores, LinearRegressor(np.zeros(4), 7.0)).fit(Hyperparameters(1e-3, 0.0))
    nothing = TrainingSet(features, scores).fit(Hyperparameters(1e-3, 0.0))
    assert (constant.weights == nothing.weights).all()


def test_constant_features_are_ignored():
    features, scores = linear_data(50, 4)
    with_constant = np.column_stack([features, np.full(50, 3.0)])
    regressor = TrainingSet(with_constant, scores).fit(Hyperparameters(1.0, 0.0))
    assert np.isfinite(regressor.weights).all()
    assert abs(regressor.weights[-1]) < 1e-9


def test_fit_is_deterministic():
    features, scores = linear_data(80, 10, noise=8.0)
    first, second = (TrainingSet(features, scores).fit(Hyperparameters(1e-2, 1.0)) for _ in range(2))
    assert (first.weights == second.weights).all()
    assert first.bias == second.bias


def test_round_trip_through_npz():
    features, scores = linear_data(80, 10, noise=8.0)
    regressor = TrainingSet(features.astype(np.float32), scores).fit(Hyperparameters(1e-2, 1.0))
    read = regressors_from_npz(regressors_to_npz({"prediction": regressor}), name="test")["prediction"]
    assert (read.weights == regressor.weights).all()
    assert read.bias == regressor.bias


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_refused(rows):
    with pytest.raises(FitError, match="at least two rows"):
        TrainingSet(np.ones((rows, 3)), np.ones(rows))


def test_a_score_per_row_is_needed():
    with pytest.raises(FitError, match="one score each"):
        TrainingSet(np.ones((3, 3)), np.ones(2))
