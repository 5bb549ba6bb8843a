import threading

import pytest

from deepbiq.errors import OptionError
from deepbiq.lookahead import map_ahead


def test_results_come_in_order_with_their_items():
    assert list(map_ahead(lambda x: x * x, range(50), 4)) == [(x, x * x) for x in range(50)]


def test_nothing_gives_nothing():
    assert list(map_ahead(str, [], 4)) == []


def test_it_never_runs_further_ahead_than_allowed():
    taken = []

    def source():
        for number in range(20):
            taken.append(number)
            yield number

    for done, (item, _) in enumerate(map_ahead(lambda x: x, source(), 3)):
        assert item == done
        assert len(taken) <= done + 1 + 3


def test_work_happens_beside_the_caller():
    threads = {thread for _, thread in map_ahead(lambda _: threading.get_ident(), range(5), 2)}
    assert threads.isdisjoint({threading.get_ident()})


def test_an_error_arrives_at_its_items_turn():
    results = map_ahead(lambda x: 1 / x, [1, 2, 0, 4], 4)
    assert next(results) == (1, 1.0)
    assert next(results) == (2, 0.5)
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_leaving_early_ends_the_thread():
    before = threading.active_count()
    results = map_ahead(lambda x: x, iter(range(1000)), 4)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_no_lookahead_is_refused():
    with pytest.raises(OptionError, match="at least 1, got 0"):
        list(map_ahead(str, [1], 0))
