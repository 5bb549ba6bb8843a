"""What the log says about cameras: states, faults and drift; what repeats at most once a minute."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from deepbiq.camera.events import CameraState, Drift, Event, Fault, State

REPEAT_SECONDS = 60.0

MOST_KNOWN = 100
"""Troubles that are remembered as said; the oldest is forgotten first."""

MOST_RETURNS = 10
"""How often a minute a camera that comes and goes is said to be live; beyond that it stays lost in the log."""

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


@dataclass
class _StateLog:
    """What was said about a camera's state, and that it is live where that could not be said yet."""

    said: State | None = None
    unsaid: CameraState | None = None
    returned_at: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_RETURNS))

    def may_say(self, state: State, now: float) -> bool:
        often = len(self.returned_at) == MOST_RETURNS and now - self.returned_at[0] < REPEAT_SECONDS
        return state is not State.LIVE or not often


class EventLog:
    """Logs states of cameras, faults and drift.

    A trouble that repeats is said at once, then every minute with a count. A state that differs from the one that
    was said last of its camera is no repeat: nobody shall read for long that a camera is lost that is back.

    Args:
        clock: Seconds, for the minute between repeats.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[tuple[int, str | None, str], _Said] = {}
        self._states: dict[str, _StateLog] = {}

    def take(self, event: Event) -> None:
        """Logs one event, and what could not be said before; see `Sink`."""
        if isinstance(event, CameraState):
            self._states.setdefault(event.camera, _StateLog()).unsaid = event
        elif isinstance(event, Fault):
            self._say(logging.ERROR, event.camera, event.what)
        elif isinstance(event, Drift):
            level = logging.WARNING if event.alarm else logging.INFO
            what = "lastingly worse" if event.alarm else "good again"
            _log(level, event.camera, f"{what}: score {event.recent:.1f}, baseline {event.baseline:.1f}")
        self._say_states()

    def close(self) -> None:
        """Logs how often what was said last happened again; see `Sink`."""
        for (level, camera, text), said in self._said.items():
            if said.unsaid:
                _log(level, camera, _counted(text, said.unsaid))
        self._said.clear()

    def _say_states(self) -> None:
        now = self._clock()
        for log in self._states.values():
            event = log.unsaid
            if event is None or not log.may_say(event.state, now):
                continue
            changed, log.said, log.unsaid = event.state is not log.said, event.state, None
            if changed and event.state is State.LIVE:
                log.returned_at.append(now)
            text = f"{event.state.value}: {event.detail}" if event.detail else event.state.value
            self._say(LEVELS[event.state], event.camera, text, is_news=changed)

    def _say(self, level: int, camera: str | None, text: str, *, is_news: bool = False) -> None:
        key, now = (level, camera, text), self._clock()
        said = self._said.get(key)
        if said is not None and not is_news and now - said.at < REPEAT_SECONDS:
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
