from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra deepbiq[train]")

from deepbiq_training.selection import C_GRID, EPSILON_GRID, Trial, best_trial, search  # after the skip
from deepbiq_training.svr import Hyperparameters, TrainingSet


def test_search_tries_every_c_then_every_epsilon_at_the_best_c():
    generator = np.random.default_rng(0)
    training = TrainingSet(generator.normal(size=(30, 3)), generator.normal(size=30))
    wanted_norm = float(np.linalg.norm(training.fit(Hyperparameters(C_GRID[-2], 0.0)).weights))
    trials = search(training, lambda regressor: -abs(float(np.linalg.norm(regressor.weights)) - wanted_norm))
    assert [trial.chosen.c for trial in trials[: len(C_GRID)]] == list(C_GRID)
    assert [trial.chosen for trial in trials[len(C_GRID) :]] == [
        Hyperparameters(C_GRID[-2], epsilon) for epsilon in EPSILON_GRID[1:]
    ]
    assert best_trial(trials).chosen == Hyperparameters(C_GRID[-2], 0.0)


def test_of_equal_trials_the_first_wins():
    trials = [Trial(Hyperparameters(c, 0.0), 0.5) for c in (1.0, 2.0)]
    assert best_trial(trials).chosen.c == 1.0
