"""Fitting one head to ratings: standardised features, a prior, and the map back to raw features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from deepbiq.refitting.svr import LinearProblem, MarginLoss, TubeLoss, Vector
from deepbiq.regression import LinearRegressor

Prior = Literal["old", "zero"]
PRIORS: tuple[Prior, ...] = get_args(Prior)
"""What weights are drawn to where ratings say little: those of the old head, or none (the paper's SVR)."""
C_GRID = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""For rows whose mean squared length is one, so that it fits networks with few and with many features."""
EPSILON_GRID = (0.0, 5.0)
"""In score points. Zero comes first: on BIQ2021 a larger one never lowered the error by more than noise."""
MARGIN = 5.0
"""Score points by which the better picture of a pair should lead: a quarter of a label."""


@dataclass(frozen=True)
class Choice:
    """What is chosen by cross-validation.

    Attributes:
        prior: What the weights are drawn to.
        c: Weight of the ratings against the prior.
        epsilon: Errors up to this many score points cost nothing; 0 for preferences.
    """

    prior: Prior
    c: float
    epsilon: float = 0.0


CANDIDATES = tuple(Choice(prior, c) for prior in PRIORS for c in C_GRID)
"""The first ones keep most of the old head."""


class Fitter(Protocol):
    """Ratings, prepared once for fits with many choices."""

    def fit(self, choice: Choice) -> LinearRegressor:
        """Fits a head that takes raw features."""

    def refined(self, choice: Choice) -> Iterable[Choice]:
        """Returns what else is worth trying once prior and C are chosen."""


class ScoreFitter:
    """Fits heads to scores.

    The old head is brought to the scale of the scores first, by least squares: people who use the scale in another
    way than the old ratings did still mean the same pictures.

    Args:
        features: (N, D) floating point, N at least 2.
        scores: (N,) 0..100.
        old: The head that is there.
    """

    def __init__(self, features: npt.NDArray[np.floating[Any]], scores: Vector, old: LinearRegressor) -> None:
        self._standard = Standard(features)
        rows = self._standard.rows(features)
        # The intercept is the weight of a column of ones, as in LIBLINEAR; targets are centred, so it stays small.
        self._problem = LinearProblem(np.column_stack([rows, np.ones(len(rows))]))
        self._scores = scores
        self._priors = {"old": _to_scale(old, features, scores), "zero": _nothing(features.shape[1])}
        self._prior_values = {name: prior.predict(features) for name, prior in self._priors.items()}

    def fit(self, choice: Choice) -> LinearRegressor:
        """See `Fitter`."""
        left_over = self._scores - self._prior_values[choice.prior]
        centre = float(left_over.mean())
        weights = self._problem.solve(TubeLoss(left_over - centre, choice.epsilon), choice.c)
        added = self._standard.head(weights[:-1], float(weights[-1]) + centre)
        return _sum(self._priors[choice.prior], added)

    def refined(self, choice: Choice) -> Iterable[Choice]:
        """See `Fitter`."""
        return [replace(choice, epsilon=epsilon) for epsilon in EPSILON_GRID[1:]]


class PairFitter:
    """Fits heads to preferences.

    Which picture is better says nothing of the scale: mean and spread of the scores of these pictures stay as the
    old head has them.

    Args:
        features: (N, D) floating point, of all pictures that occur in pairs.
        pairs: (M, 2) the better and the worse one, as indices into `features`.
        old: The head that is there.
    """

    def __init__(
        self,
        features: npt.NDArray[np.floating[Any]],
        pairs: npt.NDArray[np.int64],
        old: LinearRegressor,
    ) -> None:
        self._features = features
        self._old = old
        self._old_values = old.predict(features)
        self._standard = Standard(features)
        better, worse = pairs.T
        rows = self._standard.rows(features)
        self._problem = LinearProblem(rows[better] - rows[worse])
        self._old_leads = self._old_values[better] - self._old_values[worse]

    def fit(self, choice: Choice) -> LinearRegressor:
        """See `Fitter`."""
        prior = self._old if choice.prior == "old" else _nothing(self._features.shape[1])
        leads = self._old_leads if choice.prior == "old" else np.zeros_like(self._old_leads)
        added = self._standard.head(self._problem.solve(MarginLoss(MARGIN - leads), choice.c), 0.0)
        return self._at_old_scale(_sum(prior, added))

    def refined(self, choice: Choice) -> Iterable[Choice]:  # noqa: ARG002  # there is no epsilon
        """See `Fitter`."""
        return []

    def _at_old_scale(self, head: LinearRegressor) -> LinearRegressor:
        values = head.predict(self._features)
        slope = self._old_values.std() / values.std() if np.ptp(values) > 0 else 1.0
        bias = head.bias * slope + self._old_values.mean() - slope * values.mean()
        return LinearRegressor(head.weights * slope, float(bias))


class Standard:
    """Standardised features: mean 0 and deviation 1 over some pictures, then divided by the root of their number D.

    Args:
        features: (N, D) floating point; a feature that never changes there is only centred.
    """

    def __init__(self, features: npt.NDArray[np.floating[Any]]) -> None:
        self._mean = features.mean(axis=0, dtype=np.float64)
        std = features.std(axis=0, dtype=np.float64)
        self._scale = np.where(std > 0, std, 1.0) * np.sqrt(features.shape[1])

    def rows(self, features: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Standardises (N, D) features."""
        return np.asarray((features - self._mean) / self._scale, dtype=np.float64)

    def head(self, weights: Vector, bias: float) -> LinearRegressor:
        """Returns the head of raw features that says what weights and bias say of standardised ones."""
        raw = weights / self._scale
        return LinearRegressor(raw, float(bias - raw @ self._mean))


def _nothing(size: int) -> LinearRegressor:
    return LinearRegressor(np.zeros(size), 0.0)


def _sum(first: LinearRegressor, second: LinearRegressor) -> LinearRegressor:
    return LinearRegressor(first.weights + second.weights, first.bias + second.bias)


def _to_scale(head: LinearRegressor, features: npt.NDArray[np.floating[Any]], scores: Vector) -> LinearRegressor:
    """Brings a head to the scale of scores by least squares; nothing is left of one that says the same of all."""
    said = head.predict(features)
    centred = said - said.mean()
    if not centred.any():
        return _nothing(features.shape[1])
    slope = float(centred @ scores / (centred @ centred))
    return LinearRegressor(slope * head.weights, float(slope * (head.bias - said.mean()) + scores.mean()))
