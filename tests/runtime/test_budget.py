"""The budget's arithmetic, in closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from deepbiq.budget import Budget, Cost, cost_of
from deepbiq.errors import OptionError

REFERENCE = np.array([10.0, 19.9, 40.0, 60.1, 80.0])
MOS = np.array([5.0, 20.0, 35.0, 60.0, 90.0])


def test_no_difference_costs_nothing():
    cost = cost_of("dense", REFERENCE, REFERENCE.copy(), MOS)
    assert cost == Cost("dense", 5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert cost.beyond(Budget(0, 0, 0, 0)) == []


def test_a_common_shift_costs_no_correlation_and_has_no_spread():
    cost = cost_of("dense", REFERENCE, REFERENCE + 0.5, MOS)
    assert cost.plcc_drop == pytest.approx(0, abs=1e-12)
    assert cost.srocc_drop == pytest.approx(0, abs=1e-12)
    assert cost.mean_shift == pytest.approx(0.5)
    assert cost.shift == pytest.approx(0.5)
    assert cost.spread == pytest.approx(0, abs=1e-12)
    # 19.9 becomes fair's lower neighbour's, and 40 and 80 lie on borders, which belong to the label below.
    assert cost.flips == pytest.approx(60.0)


def test_opposite_shifts_cancel_in_the_mean_only():
    cost = cost_of("dense", np.array([30.0, 50.0]), np.array([31.0, 49.0]), None)
    assert (cost.mean_shift, cost.shift, cost.spread, cost.largest) == (0.0, 1.0, 1.0, 1.0)
    assert cost.plcc_drop is None
    assert cost.srocc_drop is None


def test_a_reversed_order_takes_twice_the_correlation():
    cost = cost_of("dense", MOS, MOS[::-1].copy(), MOS)
    assert cost.srocc_drop == pytest.approx(2.0)


def test_a_bound_may_be_reached_but_not_exceeded():
    cost = Cost("dense", 100, 0.005, 0.006, 0.0, 1.0, 0.0, 1.0, 2.1)
    faults = cost.beyond(Budget())
    assert faults == [
        "dense: SROCC drop 0.0060, allowed 0.0050",
        "dense: label flips 2.10 %, allowed 2.00 %",
    ]


def test_unknown_correlations_are_not_judged():
    cost = Cost("dense", 100, None, None, 0.0, 0.1, 0.0, 0.1, 0.0)
    assert cost.beyond(Budget(0, 0, 1, 1)) == []


def test_a_part_of_the_budget_is_a_part_of_every_bound():
    assert Budget(0.01, 0.02, 1.0, 2.0).part(0.5) == Budget(0.005, 0.01, 0.5, 1.0)


@pytest.mark.parametrize("name", ["max_plcc_drop", "max_srocc_drop", "max_shift", "max_flips"])
@pytest.mark.parametrize("value", [-0.001, float("nan")])
def test_bounds_below_nought_are_refused(name, value):
    with pytest.raises(OptionError, match=f"--{name.replace('_', '-')} is a bound"):
        Budget(**{name: value})
