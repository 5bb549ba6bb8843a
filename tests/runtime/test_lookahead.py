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


def answered(count, handed_out):
    """A writer that waits for the answer to each item before it writes the next."""
    for number in range(count):
        assert handed_out == list(range(number))
        yield number


def collect(results, handed_out):
    for result in results:
        handed_out.append(result)  # one by one: the source looks at it


def test_one_ahead_hands_out_every_result_before_the_next_item():
    handed_out = []
    collect(map_ahead(lambda x: x, answered(5, handed_out), 1, workers=1), handed_out)
    assert handed_out == list(range(5))


def test_while_nothing_is_ready_results_do_not_wait_for_the_next_item():
    handed_out = []
    collect(map_ahead(lambda x: x, answered(5, handed_out), 4, workers=2, ready=lambda: False), handed_out)
    assert handed_out == list(range(5))


def test_finished_results_do_not_wait_until_the_lookahead_is_full():
    handed_out = []
    worked = [threading.Event() for _ in range(8)]

    def source():
        for number in range(8):
            yield number
            assert worked[number].wait(30)  # so the only worker has finished all before it
            assert len(handed_out) >= number - 1

    collect(map_ahead(lambda x: worked[x].set(), source(), 4, workers=1), handed_out)
    assert len(handed_out) == 8


def test_a_source_that_is_ready_is_read_as_far_as_allowed_before_anything_is_finished():
    all_there = threading.Event()

    def source():
        for number in range(20):
            if number == 3:
                all_there.set()
            yield number

    def work(number):
        assert all_there.wait(30)
        return number

    assert list(map_ahead(work, source(), 4, workers=2)) == list(range(20))


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
