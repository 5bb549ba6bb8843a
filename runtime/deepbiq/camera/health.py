"""Whether the watching lives and is ready: for /healthz, /readyz and systemd's watchdog."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from deepbiq.camera.events import CameraState, Event, Result, State

HUNG_AFTER_SECONDS = 20.0
"""A loop that has not turned for so long counts as hung; a turn waits 0.2 s and scores one frame of each camera."""


class Health:
    """Remembers when the loop last turned, what each camera does, and how old its newest result is.

    Args:
        cameras: Their names.
        stale_after_s: Age from which on a camera's newest result does not count.
        hung_after_s: Seconds without a turn of the loop after which it counts as hung.
        clock: Of frames: `time.monotonic`.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        stale_after_s: float,
        hung_after_s: float = HUNG_AFTER_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stale_after_s = stale_after_s
        self._hung_after_s = hung_after_s
        self._clock = clock
        self._lock = threading.Lock()
        self._turned = clock()
        self._states = dict.fromkeys(cameras, State.OPENING)
        self._captured: dict[str, float] = {}

    def tick(self) -> None:
        """Notes that the loop turned."""
        self._turned = self._clock()

    def take(self, event: Event) -> None:
        """Notes results and states; see `Sink`."""
        with self._lock:
            if isinstance(event, Result):
                self._captured[event.camera] = event.frame.captured
            elif isinstance(event, CameraState):
                self._states[event.camera] = event.state

    def close(self) -> None:
        """Needs nothing; see `Sink`."""

    def live(self) -> dict[str, Any]:
        """Returns whether the loop turns.

        Returns:
            JSON-ready: `ok`, and `turned_s`, the seconds since its last turn.
        """
        turned_s = self._clock() - self._turned
        return {"ok": turned_s < self._hung_after_s, "turned_s": round(turned_s, 3)}

    def ready(self) -> dict[str, Any]:
        """Returns whether every camera that has not ended is live and has a fresh result.

        Returns:
            JSON-ready: `ok`, and `cameras`: by name `ok`, `state`, and `age_s`, the seconds since the capture of
            the newest frame that was scored, None before the first.
        """
        with self._lock:
            cameras = {name: self._camera(name, state) for name, state in self._states.items()}
        return {"ok": all(camera["ok"] for camera in cameras.values()), "cameras": cameras}

    def _camera(self, name: str, state: State) -> dict[str, Any]:
        captured = self._captured.get(name)
        age_s = None if captured is None else self._clock() - captured
        fresh = age_s is not None and age_s < self._stale_after_s
        return {
            "ok": state is State.ENDED or (state is State.LIVE and fresh),
            "state": state.value,
            "age_s": None if age_s is None else round(age_s, 3),
        }
