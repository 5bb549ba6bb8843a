import numpy as np
import pytest

pytest.importorskip("scipy", reason="install deepbiq[bench]")

from deepbiq.errors import OptionError
from deepbiq_benchmarks.measured import measure


def test_perfect_and_reversed():
    mos = np.array([10.0, 30.0, 55.0, 80.0])
    same = measure(mos, mos)
    assert (same.plcc, same.srocc, same.krocc) == pytest.approx((1, 1, 1))
    assert (same.rmse, same.mae) == (0, 0)
    turned = measure(100 - mos, mos)
    assert (turned.plcc, turned.srocc, turned.krocc) == pytest.approx((-1, -1, -1))


def test_by_hand():
    found = measure(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 8.0]))
    assert found.srocc == pytest.approx(1 - 6 * 2 / (4 * 15))  # two ranks differ by one each
    assert found.krocc == pytest.approx(4 / 6)  # five pairs agree, one does not
    assert found.plcc == pytest.approx(10 / np.sqrt(5 * 29))
    assert found.rmse == pytest.approx(np.sqrt((0 + 1 + 1 + 16) / 4))
    assert found.mae == pytest.approx(6 / 4)


def test_monotonic_but_not_linear():
    mos = np.linspace(1, 100, 50)
    found = measure(mos**3, mos)
    assert found.srocc == pytest.approx(1)
    assert found.plcc < 0.95


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(40):
        mos = rng.normal(size=200)
        predicted = 0.8 * mos + 0.6 * rng.normal(size=200)  # true correlation 0.8
        low, high = measure(predicted, mos).plcc_ci95
        hits += low <= 0.8 <= high
    assert hits >= 34  # fewer has a probability below 1 % if the intervals hold


def test_ties_in_a_resample_do_not_break_the_intervals():
    low, high = measure(np.array([1.0, 1.0, 1.0, 2.0]), np.array([5.0, 5.0, 6.0, 9.0])).srocc_ci95
    assert -1 <= low <= high <= 1


@pytest.mark.parametrize(
    ("predicted", "mos"), [([1.0, 2.0], [1.0, 2.0]), ([5.0] * 4, [1.0, 2, 3, 4]), ([1.0, 2, 3, 4], [5.0] * 4)]
)
def test_no_correlation_where_there_is_none(predicted, mos):
    with pytest.raises(OptionError, match="no correlation"):
        measure(np.array(predicted), np.array(mos))
