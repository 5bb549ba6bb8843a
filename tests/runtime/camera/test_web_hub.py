"""The hub keeps the newest of everything in bounded memory and tells subscribers, slow ones newest only."""

import asyncio
import dataclasses
import json
import threading
import weakref
from contextlib import ExitStack

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deepbiq
from deepbiq.bundle import write_bundle
from deepbiq.camera.events import CameraState, Drift, Fault, Kept, State
from deepbiq.camera.web.hub import TooManySubscribersError, WebHub
from deepbiq.camera.web.mailbox import FrameBell, Mailbox
from deepbiq.camera.web.pictures import PICTURE_WIDTH, live_jpeg, map_png
from deepbiq.quality_map import overlay
from deepbiq.scale import Scale
from tests.conftest import tiny_files, tiny_manifest
from tests.runtime.camera.web_material import DEADLINE_S, result_of

PICTURE = np.full((90, 160, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def score(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    write_bundle(folder, tiny_manifest(), tiny_files())
    with deepbiq.load(folder) as scorer:
        return scorer(PICTURE)


@pytest.fixture
def hub():
    return WebHub(600)


def at(result, captured):
    return dataclasses.replace(result, frame=dataclasses.replace(result.frame, captured=captured))


async def events_in(mailbox):
    return [json.loads(text) for text in await asyncio.wait_for(mailbox.take(), DEADLINE_S)]


def test_the_newest_of_a_camera_is_what_it_shows(hub, score):
    hub.take(CameraState("door", State.LIVE, 1.0))
    hub.take(result_of(score, PICTURE, number=1))
    hub.take(result_of(score, PICTURE, number=2, age_s=0.5))
    hub.take(Drift("door", True, 70, 50, 2.0))
    hub.take(Fault(None, "the disk is full", 3.0))
    view = hub.camera("door")
    assert (view.result.frame.number, view.state.state, view.drift.alarm) == (2, State.LIVE, True)
    assert 0.5 <= view.age_s() < DEADLINE_S
    assert [fault.what for fault in hub.faults()] == ["the disk is full"]
    assert hub.camera("yard") is None
    assert hub.history("yard") == []
    assert hub.picture("yard") is None


@given(
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=200),
    history_s=st.floats(1, 100),
    changed=st.booleans(),
)
def test_a_history_is_bounded_in_time_and_number_and_ends_near_the_newest(score, gaps, history_s, changed):
    hub, now = WebHub(history_s), 0.0
    result = result_of(score, PICTURE, changed=changed)
    for gap in gaps:
        now += gap
        hub.take(at(result, now))
    history = hub.history("door")
    captured = [point.captured for point in history]
    assert captured == sorted(captured)
    assert now - captured[-1] <= history_s / 3600
    assert now - captured[0] <= history_s + history_s / 3600


def test_a_fast_camera_does_not_fill_the_memory(score):
    hub = WebHub(10)
    result = result_of(score, PICTURE, changed=True)
    for number in range(8000):
        hub.take(at(result, number / 1000))
    assert len(hub.history("door")) == 3600


def test_only_the_last_sixty_best_frames_are_listed_newest_first(hub):
    for number in range(75):
        hub.take(Kept("door", f"/best/{number}.jpg", 50.0, float(number), "window"))
    kept = hub.kept()
    assert [one.captured_at for one in kept.values()] == [float(number) for number in range(74, 14, -1)]
    assert {str(hub.kept_file(identity)) for identity in kept} == {f"/best/{n}.jpg" for n in range(15, 75)}
    assert hub.kept_file("../../etc/passwd") is None


def test_a_picture_is_encoded_once_for_all_who_look_at_the_same_time(hub, score):
    hub.take(result_of(score, PICTURE, number=7))
    found, start = [], threading.Barrier(8)

    def look():
        start.wait(DEADLINE_S)
        found.append(hub.picture("door"))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert len(found) == 8
    assert all(picture is found[0] for picture in found)
    assert found[0].number == 7
    hub.take(result_of(score, PICTURE, number=8))
    assert hub.picture("door").number == 8


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1080, 1920), (540, 960)), ((90, 160), (90, 160)), ((64, 4000), (15, 960)), ((2, 100_000), (1, 960))],
)
def test_live_pictures_are_at_most_960_pixels_wide(shape, expected):
    jpeg = live_jpeg(np.zeros((*shape, 3), np.uint8))
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape[:2] == expected
    assert expected[1] <= PICTURE_WIDTH


def test_the_map_laid_over_grey_is_the_overlay_that_score_draws():
    values = np.random.default_rng(3).uniform(20, 80, (4, 6)).astype(np.float32)
    values[0, 0] = np.nan
    grey = np.full((128, 192, 3), 120, np.uint8)
    png = map_png(values, (128, 192), Scale(None), 32)
    bgra = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED).astype(np.float32)
    assert bgra.shape == (32, 48, 4)
    alpha = bgra[..., 3:] / 255
    laid = 120 + alpha * (bgra[..., :3] - 120)
    expected = overlay(grey[:32, :48], values, 8).astype(np.float32)
    np.testing.assert_allclose(laid, expected, atol=3)
    assert (bgra[:8, :8, 3] == 0).all()
    assert bgra[..., 3].max() > 100


def test_the_map_has_the_proportions_of_a_frame_that_was_scored_smaller():
    png = map_png(np.full((16, 29), 50, np.float32), (1080, 1920), Scale(512), 32)
    assert cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED).shape == (128, 228, 4)


def test_a_client_that_does_not_take_gets_every_change_and_only_the_newest_results(hub, score):
    async def scenario():
        mailbox = Mailbox()
        with hub.subscribed(mailbox):
            for number in range(1, 6):
                hub.take(result_of(score, PICTURE, number=number))
            hub.take(result_of(score, PICTURE, camera="yard", number=1))
            hub.take(result_of(score, PICTURE, number=6, changed=True))
            hub.take(CameraState("yard", State.LOST, 1.0))
            hub.take(result_of(score, PICTURE, number=7))
            hub.take(result_of(score, PICTURE, number=8))
            return await events_in(mailbox)

    events = asyncio.run(scenario())
    assert [(event["event"], event["camera"], event.get("frame")) for event in events] == [
        ("result", "door", 6),
        ("camera", "yard", None),
        ("result", "yard", 1),
        ("result", "door", 8),
    ]


def test_a_client_that_takes_nothing_is_sent_away_before_it_fills_the_memory(hub):
    async def scenario():
        mailbox = Mailbox()
        with hub.subscribed(mailbox):
            for number in range(1000):
                hub.take(Fault(None, "again", float(number)))
            return mailbox.overrun, await events_in(mailbox)

    assert asyncio.run(scenario()) == (True, [])


def test_a_viewer_is_rung_for_its_own_camera_from_another_thread(hub, score):
    async def scenario():
        bell = FrameBell("door")
        with hub.subscribed(bell):
            assert await asyncio.wait_for(bell.wait(), DEADLINE_S)
            hub.take(result_of(score, PICTURE, camera="yard"))
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(bell.wait(), 0.1)
            thread = threading.Thread(target=hub.take, args=(result_of(score, PICTURE),))
            thread.start()
            assert await asyncio.wait_for(bell.wait(), DEADLINE_S)
            thread.join(DEADLINE_S)
            hub.close()
            assert not await asyncio.wait_for(bell.wait(), DEADLINE_S)

    asyncio.run(scenario())


def test_subscribers_are_limited_and_their_places_are_given_back(hub):
    async def scenario():
        with ExitStack() as places:
            for _ in range(64):
                places.enter_context(hub.subscribed(FrameBell("door")))
            assert hub.is_full()
            with pytest.raises(TooManySubscribersError), hub.subscribed(FrameBell("door")):
                pass
        assert not hub.is_full()
        with hub.subscribed(FrameBell("door")):
            pass

    asyncio.run(scenario())


def test_an_event_after_the_servers_loop_ended_does_not_reach_the_watching(hub, score):
    async def subscribe():
        place = hub.subscribed(Mailbox())
        place.__enter__()
        return place

    place = asyncio.run(subscribe())
    hub.take(result_of(score, PICTURE, number=3))
    assert hub.camera("door").result.frame.number == 3
    place.__exit__(None, None, None)


def test_who_subscribes_after_the_end_is_told_at_once(hub):
    hub.close()
    hub.close()

    async def scenario():
        mailbox = Mailbox()
        with hub.subscribed(mailbox):
            assert await events_in(mailbox) == []
            return mailbox.closed

    assert asyncio.run(scenario())


def test_a_frame_is_let_go_when_the_next_one_comes(hub, score):
    first = result_of(score, PICTURE.copy(), number=1)
    frame = weakref.ref(first.frame)
    hub.take(first)
    del first
    assert frame() is not None
    hub.take(result_of(score, PICTURE, number=2))
    assert frame() is None
