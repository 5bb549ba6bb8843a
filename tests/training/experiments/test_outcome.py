from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra deepbiq[train]")

from deepbiq_training.experiments.outcome import Outcome, median_outcome, outcome_of  # after the skip

SCORES = np.array([20.0, 40.0, 60.0, 80.0])


def test_errors_are_counted_in_each_pictures_own_standard_deviations():
    stds = np.array([10.0, 10.0, 4.0, 1.0])
    found = outcome_of(SCORES + np.array([10.0, -15.0, 10.0, 5.0]), SCORES, stds)
    assert found.within == (0.25, 0.5, 0.75)
    assert (found.rmse, found.mae) == (pytest.approx((450 / 4) ** 0.5), 10.0)


def test_predictions_are_clipped_to_the_score_range_before_anything_is_measured():
    found = outcome_of(np.array([20.0, 40.0, 60.0, 500.0]), SCORES, np.full(4, 20.0))
    assert found.mae == 5.0
    assert found.within == (1.0, 1.0, 1.0)


def test_without_standard_deviations_there_are_no_shares():
    assert outcome_of(SCORES, SCORES, None).within is None


def test_the_median_is_taken_of_each_measure_by_itself():
    outcomes = [
        Outcome(0.1, 0.9, 5.0, 1.0, (0.1, 0.5, 0.7)),
        Outcome(0.5, 0.1, 3.0, 2.0, (0.3, 0.4, 0.9)),
        Outcome(0.9, 0.5, 4.0, 3.0, (0.2, 0.6, 0.8)),
    ]
    assert median_outcome(outcomes) == Outcome(0.5, 0.5, 4.0, 2.0, (0.2, 0.5, 0.8))
    assert median_outcome(outcomes[:2]).plcc == pytest.approx(0.3)
