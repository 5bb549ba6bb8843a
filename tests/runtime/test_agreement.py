from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.agreement import Agreement, Correlations, agreement, correlations


def test_a_line_agrees_fully():
    found = agreement(np.array([10.0, 20.0, 30.0]), np.array([11.0, 19.0, 34.0]))
    assert found.srocc == pytest.approx(1)
    assert found.plcc == pytest.approx(0.98, abs=0.01)
    assert (found.n, found.rmse, found.mae) == (3, pytest.approx(6**0.5), pytest.approx(2))


def test_a_line_correlates_fully_on_any_scale():
    assert correlations(np.array([-1.0, 0.0, 1.0]), np.array([1.0, 2.0, 3.0])) == Correlations(
        3, pytest.approx(1), pytest.approx(1)
    )


def test_equal_predictions_agree_with_nothing():
    found = agreement(np.array([5.0, 5.0]), np.array([1.0, 2.0]))
    assert found == Agreement(2, 0.0, 0.0, rmse=pytest.approx(12.5**0.5), mae=3.5)


TIES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=40)


@given(TIES)
def test_correlations_are_those_of_scipy_ties_too(pairs):
    stats = pytest.importorskip("scipy.stats", reason="needs the extra deepbiq[train]")
    predictions, scores = np.array(pairs, dtype=np.float64).T
    found = correlations(predictions, scores)
    if np.ptp(predictions) == 0 or np.ptp(scores) == 0:
        assert (found.plcc, found.srocc) == (0.0, 0.0)
    else:
        assert found.plcc == pytest.approx(stats.pearsonr(predictions, scores).statistic, abs=1e-12)
        assert found.srocc == pytest.approx(stats.spearmanr(predictions, scores).statistic, abs=1e-12)
