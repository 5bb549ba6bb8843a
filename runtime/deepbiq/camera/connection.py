"""One attempt at a source: a thread that opens it and reads it until it is lost, over or given up."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from deepbiq.camera.events import State
from deepbiq.camera.readers import Captured, Reader, ReadingOptions, SourceEnded, open_reader
from deepbiq.camera.sources import SourceSpec
from deepbiq.errors import CameraError, ImageError


@dataclass(frozen=True)
class Ending:
    """How an attempt ended.

    Attributes:
        state: LOST or ENDED.
        detail: In words without credentials.
    """

    state: State
    detail: str


class Connection:
    """The thread of one attempt, and what it has to say.

    Everything that may block happens in this thread. When `overdue_s` says that it hangs it is given up, and closes
    its source by itself should it ever come back.

    Args:
        name: The camera's name; the thread is called after it.
        source: What to open.
        options: With the timeouts.
        lost_at: When the source was lost, in Unix seconds; None at the first time.
        deliver: Takes each picture, in this thread, and whether the attempt was given up.
        attention: Notified when there is something new here; it guards what is not the thread's own.

    Attributes:
        given_up: Set by whoever gives it up.
        live_since: When the source first answered, by `time.monotonic()`; None before.
        ending: None while the attempt lasts.
    """

    def __init__(
        self,
        name: str,
        source: SourceSpec,
        options: ReadingOptions,
        lost_at: float | None,
        deliver: Callable[[Captured, threading.Event], None],
        attention: threading.Condition,
    ) -> None:
        self._source = source
        self._options = options
        self._lost_at = lost_at
        self._deliver = deliver
        self._attention = attention
        self._faults: list[str] = []
        self._due = math.inf
        self.given_up = threading.Event()
        self.live_since: float | None = None
        self.ending: Ending | None = None
        self.thread = threading.Thread(target=self._run, name=f"deepbiq-capture-{name}", daemon=True)

    def overdue_s(self) -> float:
        """Returns for how many seconds the source has owed an answer; negative while it still has time."""
        return time.monotonic() - self._due

    def take_faults(self) -> list[str]:
        """Takes what was wrong with single pictures since the last call; `attention` must be held."""
        faults, self._faults = self._faults, []
        return faults

    def _run(self) -> None:
        ending = Ending(State.LOST, f"{self._source.shown}: the capture thread failed, which is a bug")
        try:
            self._open_and_read()
        except CameraError as error:
            ending = Ending(State.LOST, str(error))
        except SourceEnded as end:
            ending = Ending(State.ENDED, str(end))
        finally:
            with self._attention:
                self.ending = ending
                self._attention.notify_all()

    def _open_and_read(self) -> None:
        self._expect_within(self._options.open_timeout_s)
        reader = open_reader(self._source, self._options, self._lost_at)
        try:
            started = None
            while not self.given_up.is_set():
                self._expect_within(self._options.read_timeout_s)
                captured = self._read(reader)
                self._expect_within(math.inf)
                if captured is not None:
                    started = self._keep_pace(captured, started)
                    self._deliver(captured, self.given_up)
        finally:
            reader.close()

    def _read(self, reader: Reader) -> Captured | None:
        try:
            captured = reader.read()
        except ImageError as error:
            with self._attention:
                self._faults.append(str(error))
                self._attention.notify_all()
            return None
        if self.live_since is None:
            with self._attention:
                self.live_since = time.monotonic()
                self._attention.notify_all()
        return captured

    def _keep_pace(self, captured: Captured, started: float | None) -> float | None:
        """Waits until a video file's picture is due; returns when the file's second 0 was."""
        if captured.media_s is None:
            return None
        if started is None:
            return time.monotonic() - captured.media_s
        self.given_up.wait(max(0.0, started + captured.media_s - time.monotonic()))
        return started

    def _expect_within(self, seconds: float) -> None:
        self._due = time.monotonic() + seconds
