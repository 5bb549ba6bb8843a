from __future__ import annotations

import numpy as np
import pytest

from deepbiq_training.qat.comparison import compare
from deepbiq_training.qat.rounds import Round, best_round, read_rounds, write_rounds

MOS = np.array([10.0, 30.0, 50.0, 70.0])


def test_what_it_costs():
    found = compare(np.array([12.0, 41.0, 38.0, 72.0]), np.array([12.0, 39.0, 41.0, 70.0]), MOS)
    assert found.mean_shift == pytest.approx((0 + 2 + 3 + 2) / 4)
    assert found.flips == 0.5, "41 is fair and not poor, 38 is poor and not fair"
    assert found.srocc == pytest.approx(0.8)
    assert found.srocc_drop == pytest.approx(0.2)
    assert found.plcc == pytest.approx(np.corrcoef([12, 41, 38, 72], MOS)[0, 1])
    assert found.plcc_drop == pytest.approx(np.corrcoef([12, 39, 41, 70], MOS)[0, 1] - found.plcc)


def shifted(step, integers, floats):
    return Round(step, compare(MOS + integers, MOS, MOS), compare(MOS + floats, MOS, MOS))


def test_the_best_round_is_near_in_integers_and_in_floats():
    rounds = [shifted(0, 3.0, 0.0), shifted(10, 0.5, 4.0), shifted(20, 1.5, 0.5), shifted(30, 1.0, 1.0)]
    assert best_round(rounds).step == 20


def test_rounds_come_back(tmp_path):
    rounds = [shifted(0, 3.0, 0.0), shifted(10, 1 / 3, 0.1)]
    write_rounds(tmp_path / "rounds.json", rounds)
    assert read_rounds(tmp_path / "rounds.json") == rounds
