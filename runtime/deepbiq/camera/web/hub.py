"""The hub: takes the loop's events and keeps what the page shows of them, in bounded memory."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deepbiq.camera.events import CameraState, Drift, Event, Fault, Kept, Result, Verdict
from deepbiq.camera.web.mailbox import Subscriber
from deepbiq.camera.web.pictures import live_jpeg

_MOST_POINTS = 3600
"""Points of a chart that are kept of each camera; more than a screen has pixels."""
_MOST_KEPT = 60
_MOST_FAULTS = 20
_MOST_SUBSCRIBERS = 64
"""Open streams and WebSockets, all clients together."""


@dataclass(frozen=True)
class Point:
    """One result in a camera's history.

    Attributes:
        captured: `time.monotonic()` of the frame.
        captured_at: The same as Unix seconds.
        score: Of the frame, 0..100.
        smoothed: What the verdict rests on, 0..100.
        verdict: The camera's.
    """

    captured: float
    captured_at: float
    score: float
    smoothed: float
    verdict: Verdict


@dataclass(frozen=True)
class LivePicture:
    """A frame as a browser gets it.

    Attributes:
        number: The frame's.
        captured: `time.monotonic()` of the frame.
        jpeg: The encoded picture.
    """

    number: int
    captured: float
    jpeg: bytes

    def age_s(self) -> float:
        """Seconds since it was captured."""
        return time.monotonic() - self.captured


@dataclass
class _Encoded:
    """The newest frame's JPEG; the lock lets one viewer encode while the others wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    picture: LivePicture | None = None


@dataclass(frozen=True)
class CameraView:
    """What is known of one camera, at one moment."""

    name: str
    state: CameraState | None
    result: Result | None
    drift: Drift | None

    def age_s(self) -> float | None:
        """Seconds since the newest result's frame was captured."""
        return None if self.result is None else time.monotonic() - self.result.frame.captured


@dataclass
class _Camera:
    state: CameraState | None = None
    result: Result | None = None
    drift: Drift | None = None
    history: deque[Point] = field(default_factory=deque)
    encoded: _Encoded = field(default_factory=_Encoded)


class TooManySubscribersError(Exception):
    """Every place for a stream is taken."""


class WebHub:
    """Keeps the newest of everything for the page; a `Sink` of the loop, read by the service's threads.

    Args:
        history_s: Seconds of scores that are kept.
    """

    def __init__(self, history_s: float) -> None:
        self.history_s = history_s
        self._lock = threading.Lock()
        self._cameras: dict[str, _Camera] = {}
        self._kept: dict[str, Kept] = {}
        self._faults: deque[Fault] = deque(maxlen=_MOST_FAULTS)
        self._subscribers: set[Subscriber] = set()
        self._closed = False

    def take(self, event: Event) -> None:
        """Takes one event of the loop and wakes whoever waits for it; returns at once."""
        with self._lock:
            self._keep(event)
            subscribers = tuple(self._subscribers)
        if subscribers:
            text = json.dumps(event.describe())
            for subscriber in subscribers:
                subscriber.notice(event, text)

    def close(self) -> None:
        """Ends every stream and WebSocket; closing twice is allowed."""
        with self._lock:
            self._closed = True
            subscribers = tuple(self._subscribers)
        for subscriber in subscribers:
            subscriber.close()

    @contextmanager
    def subscribed(self, subscriber: Subscriber) -> Iterator[None]:
        """Tells a subscriber of every event while the context lasts.

        Raises:
            TooManySubscribersError: When every place is taken.
        """
        with self._lock:
            if len(self._subscribers) >= _MOST_SUBSCRIBERS:
                raise TooManySubscribersError
            self._subscribers.add(subscriber)
            closed = self._closed
        try:
            if closed:
                subscriber.close()
            yield
        finally:
            with self._lock:
                self._subscribers.discard(subscriber)

    def is_full(self) -> bool:
        """Tells whether every place for a subscriber is taken."""
        with self._lock:
            return len(self._subscribers) >= _MOST_SUBSCRIBERS

    def cameras(self) -> list[CameraView]:
        """Returns what is known of every camera, in the order in which they were first heard of."""
        with self._lock:
            return [_view(name, camera) for name, camera in self._cameras.items()]

    def camera(self, name: str) -> CameraView | None:
        """Returns what is known of a camera; None for one that was never heard of."""
        with self._lock:
            camera = self._cameras.get(name)
            return None if camera is None else _view(name, camera)

    def history(self, name: str) -> list[Point]:
        """Returns a camera's results of the last `history_s` seconds, oldest first."""
        with self._lock:
            camera = self._cameras.get(name)
            return [] if camera is None else list(camera.history)

    def kept(self) -> dict[str, Kept]:
        """Returns the last best frames by their opaque ids, newest first."""
        with self._lock:
            return dict(reversed(self._kept.items()))

    def kept_file(self, identity: str) -> Path | None:
        """Returns the file of a best frame; None for an id that this hub does not list."""
        with self._lock:
            kept = self._kept.get(identity)
        return None if kept is None else Path(kept.path)

    def faults(self) -> list[Fault]:
        """Returns the last faults, newest first."""
        with self._lock:
            return list(reversed(self._faults))

    def picture(self, name: str) -> LivePicture | None:
        """Returns a camera's newest frame as JPEG, encoded by the first who asks; None where there is none yet.

        Takes some milliseconds: not for the event loop.
        """
        with self._lock:
            camera = self._cameras.get(name)
        if camera is None:
            return None
        with camera.encoded.lock:
            result, encoded = camera.result, camera.encoded
            if result is None:
                return None
            if encoded.picture is None or encoded.picture.number != result.frame.number:
                frame = result.frame
                encoded.picture = LivePicture(frame.number, frame.captured, live_jpeg(frame.bgr))
            return encoded.picture

    def _keep(self, event: Event) -> None:
        if isinstance(event, Result):
            camera = self._camera(event.camera)
            camera.result = event
            self._remember(camera.history, event)
        elif isinstance(event, CameraState):
            self._camera(event.camera).state = event
        elif isinstance(event, Drift):
            self._camera(event.camera).drift = event
        elif isinstance(event, Kept):
            self._kept[secrets.token_hex(8)] = event
            while len(self._kept) > _MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
        else:
            self._faults.append(event)

    def _camera(self, name: str) -> _Camera:
        return self._cameras.setdefault(name, _Camera())

    def _remember(self, history: deque[Point], result: Result) -> None:
        frame = result.frame
        spacing_s = self.history_s / _MOST_POINTS
        if history and not result.changed and frame.captured - history[-1].captured < spacing_s:
            return
        history.append(
            Point(frame.captured, frame.captured_at, result.score.score, result.smoothed, result.verdict)
        )
        while len(history) > _MOST_POINTS or frame.captured - history[0].captured > self.history_s:
            history.popleft()


def _view(name: str, camera: _Camera) -> CameraView:
    return CameraView(name, camera.state, camera.result, camera.drift)
