"""Choosing C and epsilon of a regressor by its root mean square error on the validation part.

Correlations would not see scale: a regressor that C has shrunk to almost nothing still ranks pictures, but says
nearly the same of all. Of trials whose errors are as good as equal the first wins, which is the smallest C: the
simplest model within the noise, as Breiman and others choose (Classification and Regression Trees, 1984, 3.4.3).

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


AS_GOOD = 0.01
"""Share by which errors may differ: on 600 pictures their standard error is three times as large."""


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
    """Returns the first trial whose error is as good as the smallest."""
    smallest = min(trial.rmse for trial in trials)
    return next(trial for trial in trials if trial.rmse <= smallest * (1 + AS_GOOD))


def _try(training: TrainingSet, judge: Callable[[LinearRegressor], Agreement], chosen: Hyperparameters) -> Trial:
    found = judge(training.fit(chosen))
    return Trial(chosen, found.mean, found.rmse)
