"""Choosing C and epsilon of a regressor by its root mean square error on the validation part.

Correlations would not see scale: a regressor that C has shrunk to almost nothing still ranks pictures, but says
nearly the same of all.

First C at an epsilon of zero, then epsilon at the best C: the two hardly interact with the squared loss, and this
takes a third of the fits of the full grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepbiq.agreement import Agreement
from deepbiq.regression import LinearRegressor
from deepbiq_training.svr import Hyperparameters, TrainingSet

C_GRID = (1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
EPSILON_GRID = (0.0, 2.5, 5.0, 10.0)
"""In score points; people's scores of one picture scatter by about 10."""


@dataclass(frozen=True)
class Trial:
    """One pair of hyper-parameters and what it reached on the validation part.

    Attributes:
        chosen: The hyper-parameters.
        correlation: Mean of PLCC and SROCC.
        rmse: Root mean square error in score points.
    """

    chosen: Hyperparameters
    correlation: float
    rmse: float


def search(training: TrainingSet, judge: Callable[[LinearRegressor], Agreement]) -> list[Trial]:
    """Tries the grid.

    Args:
        training: The training part.
        judge: Evaluates a regressor on the validation part.

    Returns:
        All trials in the order in which they ran.
    """
    trials = [_try(training, judge, Hyperparameters(c, EPSILON_GRID[0])) for c in C_GRID]
    c = best_trial(trials).chosen.c
    return trials + [_try(training, judge, Hyperparameters(c, epsilon)) for epsilon in EPSILON_GRID[1:]]


def best_trial(trials: list[Trial]) -> Trial:
    """Returns the trial with the smallest error; of equal ones the first."""
    return min(trials, key=lambda trial: trial.rmse)


def _try(training: TrainingSet, judge: Callable[[LinearRegressor], Agreement], chosen: Hyperparameters) -> Trial:
    found = judge(training.fit(chosen))
    return Trial(chosen, found.mean, found.rmse)
