"""The linear SVR: scikit-learn's LinearSVR (LIBLINEAR) on standardised features, folded into one affine map.

The squared loss is used: on these features the absolute one was worse and more sensitive to C. LIBLINEAR solves it
in the primal form, by a trust region Newton method: no random numbers, and it really converges. The target is
centred, because LIBLINEAR penalises the intercept like any other weight.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
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

    Raises:
        FitError: When there are fewer than two rows.
    """

    def __init__(self, features: npt.NDArray[np.floating[Any]], scores: npt.NDArray[np.float64]) -> None:
        if len(features) < 2 or len(features) != len(scores):
            raise FitError(f"need at least two rows, one score each: got {len(features)} and {len(scores)}")
        self._mean = features.mean(axis=0, dtype=np.float64)
        std = features.std(axis=0, dtype=np.float64)
        self._std = np.where(std > 0, std, 1.0)
        self._score_mean = float(scores.mean())
        self._centred_scores = scores - self._score_mean
        self._rows = (features - self._mean) / self._std
        self._factor = _gram_factor(self._rows) if self._rows.shape[1] > len(features) else None

    def fit(self, chosen: Hyperparameters) -> LinearRegressor:
        """Fits a regressor that takes raw features.

        Raises:
            FitError: When the solver does not converge.
        """
        from scipy.linalg import solve_triangular

        inputs = self._rows if self._factor is None else self._factor
        coefficients, intercept = _solve(inputs, self._centred_scores, chosen)
        if self._factor is not None:
            coefficients = solve_triangular(self._factor, coefficients, lower=True, trans="T") @ self._rows
        weights = coefficients / self._std
        return LinearRegressor(weights, float(intercept + self._score_mean - weights @ self._mean))


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
