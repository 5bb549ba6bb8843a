from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra deepbiq[train]")

from deepbiq_training.agreement import Agreement, agreement  # after the skip


def test_a_line_agrees_fully():
    assert agreement(np.array([10.0, 20.0, 30.0]), np.array([1.0, 2.0, 3.0])) == Agreement(
        3, pytest.approx(1), pytest.approx(1)
    )


def test_predictions_are_clipped_first():
    assert agreement(np.array([50.0, 100.0, 9000.0]), np.array([1.0, 2.0, 2.0])).plcc == pytest.approx(1)


def test_equal_predictions_agree_with_nothing():
    assert agreement(np.array([500.0, 600.0]), np.array([1.0, 2.0])) == Agreement(2, 0.0, 0.0)
