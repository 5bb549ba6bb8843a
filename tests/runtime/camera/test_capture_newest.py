import threading
import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.camera.newest import FrameBoard
from deepbiq.camera.readers import Captured
from tests.runtime.camera.watching import DEADLINE_S, wait_until

GOING_ON = threading.Event()
PICTURE = Captured(np.zeros((64, 64, 3), np.uint8))


@given(st.lists(st.sampled_from(["put", "take"]), max_size=50))
def test_every_frame_is_taken_once_or_counted_as_dropped(steps):
    board = FrameBoard()
    place = board.add("door")
    taken = []
    for step in steps:
        if step == "put":
            place.put(PICTURE, GOING_ON)
        else:
            taken += [frame.number for frame in board.wait(0)]
    taken += [frame.number for frame in board.wait(0)]
    puts = steps.count("put")
    assert len(taken) + board.dropped("door") == puts
    assert taken == sorted(set(taken))
    assert taken[-1:] == [puts] * bool(puts)


def test_waiting_returns_the_newest_frame_of_every_camera_that_has_one():
    board = FrameBoard()
    left, _, right = (board.add(name) for name in ("left", "middle", "right"))
    left.put(PICTURE, GOING_ON)
    right.put(PICTURE, GOING_ON)
    right.put(PICTURE, GOING_ON)
    assert [(frame.camera, frame.number) for frame in board.wait(0)] == [("left", 1), ("right", 2)]
    assert board.wait(0) == []
    assert (board.dropped("left"), board.dropped("right")) == (0, 1)


def test_waiting_ends_when_any_camera_gets_a_frame():
    board = FrameBoard()
    board.add("silent")
    place = board.add("door")
    taken = []
    waiter = threading.Thread(target=lambda: taken.extend(board.wait(DEADLINE_S)))
    waiter.start()
    place.put(PICTURE, GOING_ON)
    waiter.join(DEADLINE_S)
    assert [frame.camera for frame in taken] == ["door"]


def test_a_frame_says_when_it_came_by_both_clocks():
    board = FrameBoard()
    before, wall_before = time.monotonic(), time.time()
    board.add("door").put(PICTURE, GOING_ON)
    (frame,) = board.wait(0)
    assert before <= frame.captured <= time.monotonic()
    assert wall_before <= frame.captured_at <= time.time()


def test_what_a_connection_that_was_given_up_brings_is_ignored():
    board = FrameBoard()
    place, given_up = board.add("door"), threading.Event()
    place.give_up(given_up)
    place.put(PICTURE, given_up)
    place.put_when_free(PICTURE, given_up)
    assert board.wait(0) == []
    assert place.captured is None


def test_a_place_that_must_not_drop_makes_its_source_wait():
    board = FrameBoard()
    place = board.add("folder")

    def put_all():
        for _ in range(20):
            place.put_when_free(PICTURE, GOING_ON)

    source = threading.Thread(target=put_all)
    source.start()
    numbers = [frame.number for _ in range(20) for frame in board.wait(DEADLINE_S)]
    source.join(DEADLINE_S)
    assert numbers == list(range(1, 21))
    assert board.dropped("folder") == 0


def test_giving_up_ends_the_waiting_for_a_free_place():
    board = FrameBoard()
    place, given_up = board.add("folder"), threading.Event()
    place.put_when_free(PICTURE, given_up)
    source = threading.Thread(target=place.put_when_free, args=(PICTURE, given_up))
    source.start()
    place.give_up(given_up)
    wait_until(lambda: not source.is_alive(), "the source stops waiting")
    assert [frame.number for frame in board.wait(0)] == [1]
