"""Choosing C and epsilon of a regressor by the mean of PLCC and SROCC on the validation part.

First C at an epsilon of zero, then epsilon at the best C: the two hardly interact with the squared loss, and this
takes a third of the fits of the full grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepbiq.regression import LinearRegressor
from deepbiq_training.svr import Hyperparameters, TrainingSet

C_GRID = (1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
EPSILON_GRID = (0.0, 2.5, 5.0, 10.0)
"""In score points; people's scores of one picture scatter by about 10."""


@dataclass(frozen=True)
class Trial:
    """One pair of hyper-parameters and what it reached on the validation part."""

    chosen: Hyperparameters
    correlation: float


def search(training: TrainingSet, correlation_of: Callable[[LinearRegressor], float]) -> list[Trial]:
    """Tries the grid.

    Args:
        training: The training part.
        correlation_of: Evaluates a regressor on the validation part.

    Returns:
        All trials in the order in which they ran.
    """
    trials = [_try(training, correlation_of, Hyperparameters(c, EPSILON_GRID[0])) for c in C_GRID]
    c = best_trial(trials).chosen.c
    return trials + [_try(training, correlation_of, Hyperparameters(c, epsilon)) for epsilon in EPSILON_GRID[1:]]


def best_trial(trials: list[Trial]) -> Trial:
    """Returns the trial with the highest correlation; of equal ones the first."""
    return max(trials, key=lambda trial: trial.correlation)


def _try(
    training: TrainingSet, correlation_of: Callable[[LinearRegressor], float], chosen: Hyperparameters
) -> Trial:
    return Trial(chosen, correlation_of(training.fit(chosen)))
