"""The loop: the newest frames of all cameras, scored one after the other by one engine, and told to everybody."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from deepbiq.camera.drift_watch import DriftWatch
from deepbiq.camera.engine_guard import EngineGuard
from deepbiq.camera.events import CameraState, Event, Fault, Sink, State
from deepbiq.camera.frame import Frame
from deepbiq.camera.judge import CameraJudge
from deepbiq.camera.keeper import BurstKeeper
from deepbiq.camera.newest import FrameBoard
from deepbiq.errors import EngineError, ImageError

TURN_SECONDS = 0.2
"""Longest time that the loop waits for a frame before it looks after everything else."""


class Watch:
    """Scores what cameras see and tells sinks, until it is stopped or every source has ended.

    Args:
        board: Of the cameras, which run already.
        guard: The scorer.
        judges: Per camera.
        events: What other threads have to say; the loop tells the sinks at its next turn.
        sinks: Who is told.
        keeper: Keeps best shots; None keeps none.
        drift: Watches for lasting falls.
        tick: Called once each turn: proof that the loop is alive.

    Attributes:
        never_opened: Of each source that ended without ever having been live: camera and reason.
    """

    def __init__(
        self,
        board: FrameBoard,
        guard: EngineGuard,
        judges: Mapping[str, CameraJudge],
        events: queue.SimpleQueue[Event],
        sinks: Sequence[Sink],
        *,
        keeper: BurstKeeper | None,
        drift: DriftWatch,
        tick: Sequence[Callable[[], None]],
    ) -> None:
        self._board = board
        self._guard = guard
        self._judges = judges
        self._sinks = sinks
        self._keeper = keeper
        self._drift = drift
        self._tick = tick
        self._events = events
        self._opened: set[str] = set()
        self._ended: set[str] = set()
        self.never_opened: list[str] = []

    def run(self, stop: threading.Event) -> None:
        """Runs the loop in this thread until `stop` is set or every camera's source has ended."""
        while not stop.is_set():
            frames: list[Frame] = []
            resting = self._guard.resting
            if resting:
                # What nobody takes lets folders wait, and streams count what newer frames replace.
                stop.wait(TURN_SECONDS)
            else:
                frames = self._board.wait(TURN_SECONDS)
            self.tell_posted()
            for frame in frames:
                self._look_at(frame)
            for tick in self._tick:
                tick()
            if not frames and not resting and self._ended >= set(self._judges):
                break
        self.tell_posted()

    def _look_at(self, frame: Frame) -> None:
        judge = self._judges[frame.camera]
        if not judge.is_due(frame):
            return
        try:
            score = self._guard(frame.bgr)
        except (ImageError, EngineError) as error:
            what = str(error) if frame.path is None else f"{frame.path}: {error}"
            self._tell(Fault(frame.camera, what, time.time()))
            return
        result = judge.judge(frame, score, self._board.dropped(frame.camera))
        self._tell(result)
        if self._keeper is not None:
            self._keeper.offer(result)
        drift = self._drift.step(result)
        if drift is not None:
            self._tell(drift)

    def tell_posted(self) -> None:
        """Tells what other threads posted since the last turn; for the end, when everything else has stopped."""
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return
            if isinstance(event, CameraState):
                self._note_state(event)
            self._tell(event)

    def _note_state(self, event: CameraState) -> None:
        if event.state is State.LIVE:
            self._opened.add(event.camera)
        elif event.state is State.ENDED:
            self._ended.add(event.camera)
            if event.camera not in self._opened:
                self.never_opened.append(f"camera {event.camera}: {event.detail}")
        elif event.state is State.LOST:
            self._judges[event.camera].start_afresh()

    def _tell(self, event: Event) -> None:
        for sink in self._sinks:
            sink.take(event)
