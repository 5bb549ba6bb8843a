"""Events as text: one aligned line for whatever changed, for people at a terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import singledispatch
from typing import NamedTuple, TextIO

from deepbiq.camera.events import CameraState, Drift, Event, Fault, Kept, Result
from deepbiq.camera.line_writer import LeftOut, LineWriter
from deepbiq.imaging import printable

STYLES = {
    "accept": "bright_green",
    "warn": "yellow",
    "reject": "red",
    "live": "green",
    "lost": "red",
    "drift": "yellow",
    "fault": "red",
}


class TextLines:
    """Prints a line for each change of a verdict, state of a camera, picture kept, drift and fault.

    Args:
        stream: Usually stdout; in colour where it is a terminal and NO_COLOR is not set.
    """

    def __init__(self, stream: TextIO) -> None:
        self._paint = _painter() if stream.isatty() and not os.environ.get("NO_COLOR") else _plain
        self._writer = LineWriter(stream, self._confess)

    @property
    def gone(self) -> bool:
        """Whether the reader went away."""
        return self._writer.gone

    def take(self, event: Event) -> None:
        """Queues a line where the event is a change; see `Sink`."""
        if not isinstance(event, Result) or event.changed:
            self._writer.put(self._line(_row(event)), replaceable=False)

    def close(self) -> None:
        """Writes what is left; see `Sink`."""
        self._writer.close()

    def _line(self, row: _Row) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(row.at))
        return f"{clock}  {row.camera:12}  {self._paint(row.word)}  {printable(row.rest)}".rstrip()

    def _confess(self, left_out: LeftOut) -> str:
        return self._line(_Row(time.time(), "-", "fault", f"output too slow: {left_out.lasting} lines left out"))


class _Row(NamedTuple):
    at: float
    camera: str
    word: str
    rest: str


@singledispatch
def _row(event: Event) -> _Row:
    raise TypeError(f"no line for {event!r}")


@_row.register
def _of_result(event: Result) -> _Row:
    rest = f"{event.smoothed:5.1f}  {event.score.label:9}  {', '.join(event.reasons)}"
    return _Row(event.frame.captured_at, event.camera, event.verdict.value, rest)


@_row.register
def _of_state(event: CameraState) -> _Row:
    return _Row(event.at, event.camera, event.state.value, event.detail)


@_row.register
def _of_kept(event: Kept) -> _Row:
    return _Row(event.captured_at, event.camera, "best", f"{event.score:5.1f}  {event.path}  ({event.reason})")


@_row.register
def _of_drift(event: Drift) -> _Row:
    what = "lastingly worse" if event.alarm else "good again"
    return _Row(event.at, event.camera, "drift", f"{event.recent:5.1f}  {what}, used to be {event.baseline:.1f}")


@_row.register
def _of_fault(event: Fault) -> _Row:
    return _Row(event.at, event.camera or "-", "fault", event.what)


def _plain(word: str) -> str:
    return f"{word:7}"


def _painter() -> Callable[[str], str]:
    from rich.color import ColorSystem
    from rich.style import Style

    def paint(word: str) -> str:
        return Style.parse(STYLES.get(word, "default")).render(_plain(word), color_system=ColorSystem.STANDARD)

    return paint
