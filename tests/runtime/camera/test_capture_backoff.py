import random

from hypothesis import given
from hypothesis import strategies as st

from deepbiq.camera.backoff import MAX_WAIT_S, MIN_WAIT_S, Backoff

SEEDS = st.integers(0, 2**32)


def waits(seed: int, count: int) -> list[float]:
    backoff = Backoff(random.Random(seed))
    return [backoff.next_wait() for _ in range(count)]


@given(SEEDS, st.integers(1, 200))
def test_every_wait_lies_within_the_promise(seed, count):
    assert all(MIN_WAIT_S <= wait <= MAX_WAIT_S for wait in waits(seed, count))


@given(SEEDS)
def test_waits_grow_until_they_are_long(seed):
    first, *_, last = waits(seed, 30)
    assert first <= 1.25 * MIN_WAIT_S
    assert last >= 0.75 * MAX_WAIT_S


@given(SEEDS, st.integers(0, 60))
def test_a_wait_is_bounded_by_how_long_the_source_has_been_away(seed, count):
    *before, last = waits(seed, count + 1)
    assert last <= 0.625 * (sum(before) + 1) + 1e-9


@given(SEEDS, SEEDS)
def test_two_cameras_do_not_come_back_together(one, other):
    assert one == other or waits(one, 5) != waits(other, 5)


@given(SEEDS, st.integers(1, 50))
def test_after_a_stable_connection_it_begins_anew(seed, count):
    backoff = Backoff(random.Random(seed))
    for _ in range(count):
        backoff.next_wait()
    backoff.reset()
    assert MIN_WAIT_S <= backoff.next_wait() <= 1.25 * MIN_WAIT_S
