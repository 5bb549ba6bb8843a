import threading
import time

import pytest

from deepbiq.errors import OptionError
from deepbiq.lookahead import map_ahead


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_come_in_order_whatever_takes_longest(workers):
    def square(x):
        time.sleep(0.002 * (x % 3))
        return x * x

    assert list(map_ahead(square, range(50), 4, workers=workers)) == [x * x for x in range(50)]


def test_nothing_gives_nothing():
    assert list(map_ahead(str, [], 4, workers=1)) == []


def test_it_never_runs_further_ahead_than_allowed():
    taken = []

    def source():
        for number in range(20):
            taken.append(number)
            yield number

    for done, item in enumerate(map_ahead(lambda x: x, source(), 3, workers=2)):
        assert item == done
        assert len(taken) <= done + 1 + 3


def test_work_happens_beside_the_caller():
    threads = set(map_ahead(lambda _: threading.get_ident(), range(5), 2, workers=1))
    assert threads.isdisjoint({threading.get_ident()})


def test_workers_work_beside_each_other():
    meeting = threading.Barrier(3, timeout=30)  # breaks, which is an error, unless three are at work at once
    assert len(list(map_ahead(lambda _: meeting.wait(), range(6), 3, workers=3))) == 6


def test_an_error_arrives_at_its_items_turn():
    results = map_ahead(lambda x: 1 / x, [1, 2, 0, 4], 4, workers=2)
    assert next(results) == 1.0
    assert next(results) == 0.5
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_leaving_early_ends_the_thread():
    before = threading.active_count()
    results = map_ahead(lambda x: x, iter(range(1000)), 4, workers=2)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_no_lookahead_is_refused():
    with pytest.raises(OptionError, match="at least 1, got 0"):
        list(map_ahead(str, [1], 0, workers=1))
