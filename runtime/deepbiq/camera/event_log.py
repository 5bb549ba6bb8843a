"""What the log says about cameras: states, faults and drift, the same thing at most once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from deepbiq.camera.events import CameraState, Drift, Event, Fault, State

REPEAT_SECONDS = 60.0

MOST_KNOWN = 100
"""Troubles that are remembered as said; the oldest is forgotten first."""

LEVELS = {
    State.OPENING: logging.DEBUG,
    State.LIVE: logging.INFO,
    State.LOST: logging.WARNING,
    State.ENDED: logging.INFO,
}

_LOGGER = logging.getLogger(__name__)


@dataclass
class _Said:
    at: float
    unsaid: int = 0


class EventLog:
    """Logs states of cameras, faults and drift; a trouble that repeats at once, then every minute with a count.

    Args:
        clock: Seconds, for the minute between repeats.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[tuple[int, str | None, str], _Said] = {}

    def take(self, event: Event) -> None:
        """Logs one event; see `Sink`."""
        if isinstance(event, CameraState):
            text = f"{event.state.value}: {event.detail}" if event.detail else event.state.value
            self._say(LEVELS[event.state], event.camera, text)
        elif isinstance(event, Fault):
            self._say(logging.ERROR, event.camera, event.what)
        elif isinstance(event, Drift):
            level = logging.WARNING if event.alarm else logging.INFO
            what = "lastingly worse" if event.alarm else "good again"
            _log(level, event.camera, f"{what}: score {event.recent:.1f}, baseline {event.baseline:.1f}")

    def close(self) -> None:
        """Logs how often what was said last happened again; see `Sink`."""
        for (level, camera, text), said in self._said.items():
            if said.unsaid:
                _log(level, camera, _counted(text, said.unsaid))
        self._said.clear()

    def _say(self, level: int, camera: str | None, text: str) -> None:
        key, now = (level, camera, text), self._clock()
        said = self._said.get(key)
        if said is not None and now - said.at < REPEAT_SECONDS:
            said.unsaid += 1
            return
        _log(level, camera, _counted(text, said.unsaid) if said is not None and said.unsaid else text)
        self._said.pop(key, None)
        self._said[key] = _Said(now)
        if len(self._said) > MOST_KNOWN:
            del self._said[next(iter(self._said))]


def _counted(text: str, unsaid: int) -> str:
    return f"{text} ({unsaid} more times since it was last said)"


def _log(level: int, camera: str | None, text: str) -> None:
    _LOGGER.log(level, "%s", text, extra={"camera": camera})
