"""The solver: exact against closed forms, optimality conditions and LIBLINEAR."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.refitting.refusal import RefusalError
from deepbiq.refitting.svr import LinearProblem, MarginLoss, TubeLoss

SHAPES = [(40, 6), (12, 50), (25, 25), (1, 3), (3, 1)]


def problem(rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((rows, columns))
    return features, features @ rng.standard_normal(columns) + 3 * rng.standard_normal(rows)


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
@pytest.mark.parametrize("c", [1e-4, 0.1, 100.0])
def test_without_a_tube_it_is_ridge_regression(rows, columns, c):
    features, targets = problem(rows, columns)
    expected = np.linalg.solve(features.T @ features + np.eye(columns) / (2 * c), features.T @ targets)
    found = LinearProblem(features).solve(TubeLoss(targets, 0.0), c)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


def objective(features, targets, epsilon, c, weights):
    return weights @ weights / 2 + c * (np.maximum(np.abs(features @ weights - targets) - epsilon, 0) ** 2).sum()


@pytest.mark.parametrize(("rows", "columns"), [(60, 8), (20, 90)])
@pytest.mark.parametrize("epsilon", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("c", [1e-3, 0.3, 20.0])
def test_it_is_as_good_as_liblinear(rows, columns, epsilon, c):
    svm = pytest.importorskip("sklearn.svm", reason="scikit-learn is the oracle: install deepbiq[train]")
    features, targets = problem(rows, columns)
    ours = LinearProblem(features).solve(TubeLoss(targets, epsilon), c)
    reached = objective(features, targets, epsilon, c, ours)
    for dual in (False, True):
        model = svm.LinearSVR(
            loss="squared_epsilon_insensitive", dual=dual, C=c, epsilon=epsilon, fit_intercept=False,
            tol=1e-8, max_iter=1000, random_state=0,
        )  # fmt: skip
        with warnings.catch_warnings():
            # Its dual solver takes very many iterations to become as exact.
            warnings.simplefilter("ignore")
            model.fit(features, targets)
        theirs = objective(features, targets, epsilon, c, model.coef_)
        assert reached <= theirs * (1 + 1e-8)
        # The primal solver ends at the same place.
        assert dual or theirs <= reached * (1 + 1e-6)


sizes = st.integers(1, 12)
numbers = st.floats(-100, 100)


@given(st.data(), sizes, sizes, st.floats(1e-4, 1e3), st.floats(0, 20))
def test_no_step_in_any_direction_makes_it_better(data, rows, columns, c, epsilon):
    features = np.array(data.draw(st.lists(numbers, min_size=rows * columns, max_size=rows * columns)))
    features = features.reshape(rows, columns) / 100
    targets = np.array(data.draw(st.lists(numbers, min_size=rows, max_size=rows)))
    for loss, lack in (
        (TubeLoss(targets, epsilon), lambda v: np.sign(v - targets) * np.maximum(np.abs(v - targets) - epsilon, 0)),
        (MarginLoss(targets), lambda v: np.minimum(v - targets, 0)),
    ):
        weights = LinearProblem(features).solve(loss, c)
        lacking = lack(features @ weights)
        gradient = weights + 2 * c * features.T @ lacking
        value = weights @ weights / 2 + c * (lacking @ lacking)
        # The objective is strongly convex: half the squared gradient bounds what could still be gained.
        assert gradient @ gradient / 2 <= 1e-8 * value + 1e-18


def test_pairs_that_lead_enough_cost_nothing():
    assert (LinearProblem(np.eye(3)).solve(MarginLoss(np.array([-1.0, 0.0, -5.0])), 1.0) == 0).all()


def test_numbers_beyond_float64_are_refused():
    with pytest.raises(RefusalError, match="does not converge"), np.errstate(all="ignore"):
        LinearProblem(np.full((2, 2), 1e200)).solve(TubeLoss(np.array([1.0, 2.0]), 0.0), 1.0)
