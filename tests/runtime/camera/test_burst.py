import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.camera.burst import SPARE_CANDIDATES, Burst, Recent
from deepbiq.camera.candidate import Candidate
from deepbiq.camera.config import BestSection
from deepbiq.camera.open_bursts import MOST_PIXELS, MOST_TRIGGERS, OpenBursts
from tests.runtime.camera.burst_material import result

# Few levels, so that equal scores are common.
scores = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=60)


def candidate(score, captured, **frame):
    return Candidate(result(score, captured, **frame), 90)


def found(burst):
    return [(each.camera, each.score, each.captured) for each in burst.best()]


def test_keeps_the_best_within_its_time_the_earlier_of_equals():
    burst = Burst("doorbell", 1.0, 5.0, 2)
    for score, at in [(99, 0.9), (50, 1.0), (70, 2.0), (70, 3.0), (60, 4.0), (99, 5.0)]:
        burst.offer(candidate(score, at))
    assert found(burst) == [("front", 70, 2.0), ("front", 70, 3.0)]


def test_keeps_the_best_of_each_camera():
    burst = Burst("doorbell", 0.0, 5.0, 1)
    for score, camera in [(50, "front"), (70, "back"), (60, "front"), (10, "back")]:
        burst.offer(candidate(score, 1.0, camera=camera))
    assert sorted(found(burst)) == [("back", 70, 1.0), ("front", 60, 1.0)]


@given(scores, st.integers(1, 5), st.floats(0.5, 30))
def test_what_is_remembered_serves_every_trigger(values, count, seconds):
    recent, everything = Recent(seconds, count), []
    for at, score in enumerate(values):
        everything.append(candidate(score, float(at)))
        recent.offer(everything[-1])
    newest = everything[-1].captured
    for start in range(len(values)):
        if start < newest - seconds:
            continue
        whole, remembered = Burst("all", start, 1e9, count), Burst("some", start, 1e9, count)
        for each in everything:
            whole.offer(each)
        for each in recent:
            remembered.offer(each)
        assert [each.score for each in remembered.best()] == [each.score for each in whole.best()]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300), st.integers(1, 4))
def test_remembers_a_bounded_number_with_the_best_and_the_newest(values, count):
    recent = Recent(1e6, count)
    for at, score in enumerate(values):
        newest = candidate(score, float(at))
        recent.offer(newest)
        held = list(recent)
        assert len(held) <= 2 * count + SPARE_CANDIDATES
        assert held[-1] is newest
        assert max(each.score for each in held) == max(values[: at + 1])


def test_falling_scores_stay_bounded():
    recent = Recent(1e6, 2)
    for at in range(500):
        recent.offer(candidate(100 - at / 10, float(at)))
    assert len(list(recent)) == 4 + SPARE_CANDIDATES


def test_windows_follow_each_other_and_begin_with_a_candidate():
    bursts = OpenBursts(BestSection(window_s=10))
    assert bursts.offer(candidate(50, 100.0)) is None
    assert bursts.offer(candidate(60, 109.9)) is None
    first = bursts.offer(candidate(40, 150.0))
    assert (first.reason, found(first)) == ("window", [("front", 60, 109.9)])
    assert bursts.next_end() == 160.0
    assert bursts.take_ended(160.0) == []
    assert [found(burst) for burst in bursts.take_ended(160.1)] == [[("front", 40, 150.0)]]
    assert bursts.next_end() is None


def test_every_camera_has_its_own_window():
    bursts = OpenBursts(BestSection(window_s=10))
    bursts.offer(candidate(50, 0.0, camera="front"))
    bursts.offer(candidate(60, 5.0, camera="back"))
    assert found(bursts.offer(candidate(50, 12.0, camera="front"))) == [("front", 50, 0.0)]
    assert [found(burst) for burst in bursts.take_ended(20.0)] == [[("back", 60, 5.0)]]


def test_a_trigger_takes_from_before_and_after():
    bursts = OpenBursts(BestSection(before_s=2, after_s=1, count=2))
    for score, at in [(99, 7.9), (70, 8.5), (10, 9.0), (20, 10.0)]:
        bursts.offer(candidate(score, at))
    assert bursts.trigger("doorbell", 10.0)
    for score, at in [(80, 10.9), (99, 11.0)]:
        assert bursts.offer(candidate(score, at)) is None
    (burst,) = bursts.take_ended(11.1)
    assert (burst.reason, found(burst)) == ("doorbell", [("front", 80, 10.9), ("front", 70, 8.5)])


def test_a_trigger_takes_from_a_camera_that_came_after_it():
    bursts = OpenBursts(BestSection())
    bursts.trigger("doorbell", 10.0)
    bursts.offer(candidate(50, 10.5, camera="new"))
    assert [found(burst) for burst in bursts.take_ended(20.0)] == [[("new", 50, 10.5)]]


def test_too_many_open_triggers_are_refused():
    bursts = OpenBursts(BestSection())
    assert [bursts.trigger("storm", 0.0) for _ in range(MOST_TRIGGERS + 1)] == [True] * MOST_TRIGGERS + [False]
    bursts.take_ended(100.0)
    assert bursts.trigger("later", 100.0)


@pytest.mark.parametrize("order", [range(30), range(30, 0, -1)], ids=["rising", "falling"])
def test_only_the_newest_are_held_as_pixels(order):
    bursts, offered = OpenBursts(BestSection(window_s=1000, before_s=1000, count=3)), []
    for at, score in enumerate(order):
        offered.append(candidate(score, float(at)))
        bursts.offer(offered[-1])
    (window,) = bursts.take_ended(1e9)
    assert sum(not each.is_encoded for each in window.best()) <= MOST_PIXELS
    encoded = sum(each.is_encoded for each in offered)
    # Rising scores beat each other before anybody pays for them; falling ones may all be the best one day.
    assert encoded == 0 if order[0] < order[-1] else encoded == 30 - MOST_PIXELS
