"""The linear SVR: scikit-learn's LinearSVR (LIBLINEAR) on standardised features, folded into one affine map.

The squared loss is used: on these features the absolute one was worse and more sensitive to C. LIBLINEAR solves it
in the primal form, by a trust region Newton method: no random numbers, and it really converges. The target is
centred, because LIBLINEAR penalises the intercept like any other weight. Where epsilon is zero the problem is a
system of linear equations, which is solved as such: the same weights in a fraction of the time.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.errors import DeepBIQError
from deepbiq.regression import LinearRegressor

_MAX_ITERATIONS = 2000
_RIDGE = 1e-9
"""Share of the mean squared length of a row that is added to the Gram matrix, so that its Cholesky factor exists:
centred rows are always linearly dependent."""


class FitError(DeepBIQError, RuntimeError):
    """The regressor cannot be fitted: too few pictures, or the solver did not converge."""


@dataclass(frozen=True)
class Hyperparameters:
    """What the SVR leaves to choose.

    Attributes:
        c: Weight of the loss against the squared length of the weights.
        epsilon: Errors up to this many score points cost nothing.
    """

    c: float
    epsilon: float


class TrainingSet:
    """Features and scores, prepared once for fits with many hyper-parameters.

    With more features than rows (concatenation) the fit runs in the space that the rows span: the best weights are
    a combination of rows, so with the Gram matrix's Cholesky factor in place of the features the problem is the
    same, six times smaller for 32,000 features.

    Args:
        features: (N, D) floating point.
        scores: (N,) in score points.
        start: An affine function of features that rises with the score. It is brought to the scale of the scores,
            and the weights are penalised for what they add to it: a network that was fine-tuned on the same
            pictures knows them by heart, and its features of them mislead a regressor that starts from nothing.

    Raises:
        FitError: When there are fewer than two rows.
    """

    def __init__(
        self,
        features: npt.NDArray[np.floating[Any]],
        scores: npt.NDArray[np.float64],
        start: LinearRegressor | None = None,
    ) -> None:
        if len(features) < 2 or len(features) != len(scores):
            raise FitError(f"need at least two rows, one score each: got {len(features)} and {len(scores)}")
        self._mean = features.mean(axis=0, dtype=np.float64)
        std = features.std(axis=0, dtype=np.float64)
        self._std = np.where(std > 0, std, 1.0)
        self._start = _to_scale(start, features, scores)
        left_over = scores - self._start.predict(features)
        self._score_mean = float(left_over.mean())
        self._centred_scores = left_over - self._score_mean
        self._rows = (features - self._mean) / self._std
        self._factor = _gram_factor(self._rows) if self._rows.shape[1] > len(features) else None
        self._inputs = self._rows if self._factor is None else self._factor

    @cached_property
    def _normal_equations(self) -> _NormalEquations:
        return _NormalEquations(self._inputs, self._centred_scores)

    def fit(self, chosen: Hyperparameters) -> LinearRegressor:
        """Fits a regressor that takes raw features.

        Raises:
            FitError: When the solver does not converge.
        """
        from scipy.linalg import solve_triangular

        if chosen.epsilon == 0:
            coefficients, intercept = self._normal_equations.solve(chosen.c)
        else:
            coefficients, intercept = _solve(self._inputs, self._centred_scores, chosen)
        if self._factor is not None:
            coefficients = solve_triangular(self._factor, coefficients, lower=True, trans="T") @ self._rows
        weights = coefficients / self._std
        bias = float(intercept + self._score_mean - weights @ self._mean)
        return LinearRegressor(self._start.weights + weights, self._start.bias + bias)


def _to_scale(
    start: LinearRegressor | None, features: npt.NDArray[np.floating[Any]], scores: npt.NDArray[np.float64]
) -> LinearRegressor:
    """Brings a function to the scale of the scores by least squares; zero where there is none or it is constant."""
    nothing = LinearRegressor(np.zeros(features.shape[1]), 0.0)
    if start is None:
        return nothing
    said = start.predict(features)
    if np.ptp(said) == 0:
        return nothing
    slope, offset = np.polyfit(said, scores, 1)
    return LinearRegressor(slope * start.weights, float(slope * start.bias + offset))


class _NormalEquations:
    """The problem where epsilon is zero: |w|^2 / 2 + C |X w - y|^2 is smallest where (X'X + I / 2C) w = X'y.

    The intercept is the weight of a feature that is always one, as in LIBLINEAR.

    Args:
        inputs: (N, D).
        targets: (N,).
    """

    def __init__(self, inputs: npt.NDArray[np.float64], targets: npt.NDArray[np.float64]) -> None:
        size = inputs.shape[1]
        self._left = np.empty((size + 1, size + 1))
        self._left[:size, :size] = inputs.T @ inputs
        self._left[size, :size] = self._left[:size, size] = inputs.sum(axis=0)
        self._left[size, size] = len(inputs)
        self._right = np.append(inputs.T @ targets, targets.sum())

    def solve(self, c: float) -> tuple[npt.NDArray[np.float64], float]:
        """Returns the (D,) coefficients and the intercept."""
        from scipy.linalg import solve

        regularised = self._left.copy()
        regularised[np.diag_indices_from(regularised)] += 1 / (2 * c)
        weights = np.asarray(solve(regularised, self._right, assume_a="pos", overwrite_a=True))
        return weights[:-1], float(weights[-1])


def _gram_factor(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns the (N, N) lower Cholesky factor of the rows' inner products."""
    gram = rows @ rows.T
    gram[np.diag_indices_from(gram)] += _RIDGE * max(float(np.trace(gram)) / len(gram), 1.0)
    return np.asarray(np.linalg.cholesky(gram))


def _solve(
    inputs: npt.NDArray[np.float64], targets: npt.NDArray[np.float64], chosen: Hyperparameters
) -> tuple[npt.NDArray[np.float64], float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVR

    model = LinearSVR(
        loss="squared_epsilon_insensitive",
        dual=False,
        C=chosen.c,
        epsilon=chosen.epsilon,
        max_iter=_MAX_ITERATIONS,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            model.fit(inputs, targets)
        except ConvergenceWarning as warning:
            raise FitError(f"LinearSVR with {chosen}: {warning}") from warning
    return np.asarray(model.coef_, dtype=np.float64), float(np.squeeze(model.intercept_))
