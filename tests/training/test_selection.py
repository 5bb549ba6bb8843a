from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra deepbiq[train]")

from deepbiq.agreement import Agreement  # after the skip
from deepbiq_training.selection import C_GRID, EPSILON_GRID, Trial, best_trial, search
from deepbiq_training.svr import Hyperparameters, TrainingSet


def test_search_tries_every_c_then_every_epsilon_at_the_best_c():
    generator = np.random.default_rng(0)
    training = TrainingSet(generator.normal(size=(30, 3)), generator.normal(size=30))
    wanted_norm = float(np.linalg.norm(training.fit(Hyperparameters(C_GRID[-2], 0.0)).weights))

    def judge(regressor):
        return Agreement(9, 0.5, 0.5, abs(float(np.linalg.norm(regressor.weights)) - wanted_norm), 1.0)

    trials = search(training, judge)
    assert [trial.chosen.c for trial in trials[: len(C_GRID)]] == list(C_GRID)
    assert [trial.chosen for trial in trials[len(C_GRID) :]] == [
        Hyperparameters(C_GRID[-2], epsilon) for epsilon in EPSILON_GRID[1:]
    ]
    assert best_trial(trials).chosen == Hyperparameters(C_GRID[-2], 0.0)


def trial(c, correlation, rmse):
    return Trial(Hyperparameters(c, 0.0), correlation, rmse)


def test_a_regressor_that_ranks_well_but_says_the_same_of_all_does_not_win():
    crowded, spread = trial(1e-7, 0.81, 14.0), trial(1e-4, 0.80, 9.0)
    assert best_trial([crowded, spread]) is spread


def test_of_trials_as_good_as_equal_the_first_wins():
    trials = [trial(c, 0.5, rmse) for c, rmse in ((1.0, 9.2), (2.0, 9.05), (3.0, 9.0))]
    assert best_trial(trials).chosen.c == 2.0
