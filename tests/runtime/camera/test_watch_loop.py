"""The loop: newest frames in, events out; faults of frames, engines and other threads do not stop it."""

import queue
import threading

import numpy as np
import pytest

from deepbiq import load
from deepbiq.camera import engine_guard
from deepbiq.camera.config import DecisionSection, DriftSection, SignalsSection
from deepbiq.camera.controls import WatchControls
from deepbiq.camera.drift_watch import DriftWatch
from deepbiq.camera.engine_guard import EngineGuard
from deepbiq.camera.events import CameraState, Fault, Result, State, Verdict
from deepbiq.camera.frame import Frame
from deepbiq.camera.judge import CameraJudge
from deepbiq.camera.newest import FrameBoard
from deepbiq.camera.readers import Captured
from deepbiq.camera.watch import Watch
from deepbiq.errors import OptionError
from tests.runtime.camera.watching import wait_until

NEVER_GIVEN_UP = threading.Event()


def grey(level, side=64):
    return np.full((side, side, 3), level, np.uint8)


def judge(max_fps=None, **decision):
    return CameraJudge(DecisionSection(smoothing_s=0, **decision), SignalsSection(), max_fps)


class Loop:
    """A loop in a thread, over cameras that tests put frames into."""

    def __init__(self, bundle, *cameras):
        self.scorers = []
        self.board = FrameBoard()
        self.places = {camera: self.board.add(camera) for camera in cameras}
        self.judges = {camera: judge() for camera in cameras}
        self.events = queue.SimpleQueue()
        self.told = []
        self.ticks = 0
        self.stop = threading.Event()
        self.guard = EngineGuard(lambda: self.scorers.append(load(bundle)) or self.scorers[-1])
        self.watch = Watch(
            self.board,
            self.guard,
            self.judges,
            self.events,
            [self],
            keeper=None,
            drift=DriftWatch(DriftSection(), None),
            tick=[self.tick],
        )
        self.thread = threading.Thread(target=self.watch.run, args=(self.stop,))
        self.thread.start()

    def tick(self):
        self.ticks += 1

    def take(self, event):
        self.told.append(event)

    def put(self, camera, bgr):
        before = len(self.told)
        self.places[camera].put(Captured(bgr), NEVER_GIVEN_UP)
        wait_until(lambda: len(self.told) > before, "the loop tells something about the frame")
        return self.told[-1]


@pytest.fixture
def loop(tiny_bundle):
    loop = Loop(tiny_bundle, "door", "yard")
    yield loop
    loop.stop.set()
    loop.thread.join(20)
    loop.guard.close()
    assert not loop.thread.is_alive()


def test_results_say_whose_frame_was_scored_and_how(loop):
    bright, dark = loop.put("door", grey(200)), loop.put("yard", grey(20))
    assert (bright.camera, bright.verdict, bright.changed) == ("door", Verdict.ACCEPT, True)
    assert (dark.camera, dark.verdict, dark.changed) == ("yard", Verdict.REJECT, True)
    assert bright.score.score == pytest.approx(200 * 100 / 255, abs=0.01)
    assert dark.age_s > 0
    assert "dark" in dark.reasons
    assert not loop.put("door", grey(210)).changed


def test_a_frame_that_cannot_be_scored_is_a_fault_and_the_next_one_a_result(loop):
    fault = loop.put("door", grey(100, side=8))
    assert isinstance(fault, Fault)
    assert fault.camera == "door"
    assert isinstance(loop.put("door", grey(100)), Result)


def test_a_failed_engine_is_told_once_and_comes_back(loop, monkeypatch):
    loop.scorers[-1].engine.close()
    fault = loop.put("door", grey(100))
    assert isinstance(fault, Fault)
    assert "loaded anew" in fault.what
    told, ticks = len(loop.told), loop.ticks
    for _ in range(3):
        loop.places["door"].put(Captured(grey(100)), NEVER_GIVEN_UP)
    wait_until(lambda: loop.ticks > ticks + 1, "the loop turns")
    assert len(loop.told) == told
    monkeypatch.setattr(loop.guard, "_retry_at", 0.0)
    wait_until(lambda: len(loop.told) > told, "the newest frame is scored")
    (result,) = loop.told[told:]
    assert (result.frame.number, result.dropped) == (4, 2)
    assert len(loop.scorers) == 2
    assert engine_guard.RETRY_SECONDS > 0


def test_pictures_of_a_folder_wait_while_the_engine_rests(loop, monkeypatch):
    loop.scorers[-1].engine.close()
    door, paths = loop.places["door"], [f"{number}.png" for number in range(5)]

    def arrive():
        for path in paths:
            door.put_when_free(Captured(grey(100), path=path), NEVER_GIVEN_UP)
        loop.events.put(CameraState("door", State.ENDED, 0.0))
        loop.events.put(CameraState("yard", State.ENDED, 0.0))

    arriving = threading.Thread(target=arrive)
    arriving.start()
    wait_until(lambda: loop.told and loop.guard.resting, "the engine rests")
    ticks = loop.ticks
    wait_until(lambda: loop.ticks > ticks + 1, "the loop turns")
    assert door.holds_one()
    monkeypatch.setattr(loop.guard, "_retry_at", 0.0)
    loop.thread.join(20)
    arriving.join(20)
    (fault,) = [event for event in loop.told if isinstance(event, Fault)]
    assert fault.what.startswith("0.png: ")
    assert [event.frame.path for event in loop.told if isinstance(event, Result)] == paths[1:]


def test_a_source_that_ended_while_the_engine_rests_is_watched_to_its_end(loop, monkeypatch):
    loop.scorers[-1].engine.close()
    loop.put("door", grey(100))
    loop.places["door"].put(Captured(grey(100)), NEVER_GIVEN_UP)
    loop.events.put(CameraState("door", State.ENDED, 0.0))
    loop.events.put(CameraState("yard", State.ENDED, 0.0))
    wait_until(lambda: len(loop.told) == 3, "the states are told")
    monkeypatch.setattr(loop.guard, "_retry_at", 0.0)
    loop.thread.join(20)
    assert isinstance(loop.told[-1], Result)


def test_it_ends_when_every_source_has_ended_and_not_before(loop):
    loop.events.put(CameraState("door", State.ENDED, 0.0))
    wait_until(lambda: loop.told, "the state is told")
    ticks = loop.ticks
    wait_until(lambda: loop.ticks > ticks + 2, "the loop turns")
    assert loop.thread.is_alive()
    loop.events.put(CameraState("yard", State.ENDED, 0.0))
    loop.thread.join(20)
    assert not loop.thread.is_alive()


def test_sources_that_ended_without_having_been_live_are_told_apart(loop):
    loop.events.put(CameraState("door", State.LIVE, 0.0))
    loop.events.put(CameraState("door", State.ENDED, 0.0, "the video is over"))
    loop.events.put(CameraState("yard", State.ENDED, 0.0, "no video"))
    loop.thread.join(20)
    assert loop.watch.never_opened == ["camera yard: no video"]


def test_a_camera_that_was_lost_is_judged_afresh(loop):
    loop.put("door", grey(200))
    loop.events.put(CameraState("door", State.LOST, 0.0))
    wait_until(lambda: isinstance(loop.told[-1], CameraState), "the state is told")
    again = loop.put("door", grey(200))
    assert again.changed
    assert again.signals.change is None


def frame(number, captured, path=None):
    return Frame("door", number, grey(100), captured, 1.7e9 + captured, path=path)


def test_the_rate_of_scoring_is_kept_and_what_is_left_out_counts_as_dropped(tiny_bundle):
    limited = judge(max_fps=10.0)
    due = [limited.is_due(frame(number, 100 + number / 30)) for number in range(90)]
    assert sum(due) == pytest.approx(30, abs=1)
    with load(tiny_bundle) as scorer:
        result = limited.judge(frame(90, 103.0), scorer(grey(100)), dropped=7)
    assert result.dropped == 7 + due.count(False)


def test_pictures_of_folders_are_always_looked_at():
    limited = judge(max_fps=0.1)
    assert all(limited.is_due(frame(number, 100 + number / 100, path=f"{number}.jpg")) for number in range(10))


def test_thresholds_are_changed_by_camera_and_checked():
    controls = WatchControls({"door": judge(accept=60, reject=30)}, keeper=None)
    assert controls.thresholds("door") == (60, 30)
    controls.set_thresholds("door", 70, 20)
    assert controls.thresholds("door") == (70, 20)
    with pytest.raises(OptionError, match="above accept"):
        controls.set_thresholds("door", 20, 70)
    with pytest.raises(OptionError, match="no camera is called 'yard': there are door"):
        controls.thresholds("yard")
    with pytest.raises(OptionError, match=r"set best\.folder"):
        controls.trigger("now")
