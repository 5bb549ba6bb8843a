from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra deepbiq[train]")

from deepbiq_training.agreement import Agreement, Correlations, agreement, correlations  # after the skip


def test_a_line_agrees_fully():
    found = agreement(np.array([10.0, 20.0, 30.0]), np.array([11.0, 19.0, 34.0]))
    assert found.srocc == pytest.approx(1)
    assert found.plcc == pytest.approx(0.98, abs=0.01)
    assert (found.n, found.rmse, found.mae) == (3, pytest.approx(6**0.5), pytest.approx(2))


def test_a_line_correlates_fully_on_any_scale():
    assert correlations(np.array([-1.0, 0.0, 1.0]), np.array([1.0, 2.0, 3.0])) == Correlations(
        3, pytest.approx(1), pytest.approx(1)
    )


def test_predictions_are_clipped_first():
    assert agreement(np.array([50.0, 100.0, 9000.0]), np.array([1.0, 2.0, 2.0])).plcc == pytest.approx(1)


def test_equal_predictions_agree_with_nothing():
    assert agreement(np.array([500.0, 600.0]), np.array([1.0, 2.0])) == Agreement(
        2, 0.0, 0.0, pytest.approx(98.5, abs=0.01), 98.5
    )
