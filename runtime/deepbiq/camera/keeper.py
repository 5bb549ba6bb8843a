"""The best frames of bursts, written as files by a thread of their own."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from deepbiq.camera.burst import Burst
from deepbiq.camera.candidate import Candidate
from deepbiq.camera.config import BestSection
from deepbiq.camera.events import Fault, Kept, Result
from deepbiq.camera.kept_files import describe, free_path, leftovers, write_pair
from deepbiq.camera.open_bursts import MOST_TRIGGERS, OpenBursts
from deepbiq.camera.quota import Quota
from deepbiq.errors import ImageError, OptionError

LATE_S = 1.0
"""How long after a burst's end frames may still come that were captured before it: scoring takes its time."""
MOST_WAITING = 200
"""How many pictures may wait to be written; a burst beyond them is lost, and a fault says so."""
CLOSE_SECONDS = 10.0
"""How long closing waits for a disk that does not answer."""


class BurstKeeper:
    """Keeps the best frames of every burst.

    A picture is announced once it and its sidecar are on disk. Nothing that fails on disk stops the watching: it is
    announced as a Fault, as is a trigger that kept nothing. Only one process may keep pictures in a folder: at its
    start it takes the unfinished files of the last one away.

    Args:
        section: What is kept; its folder is made where it is missing, but not again when it goes away later: the
            disk that belongs there may have.
        accept_of: Returns the score from which on a camera's frames are accepted.
        announce: Called with every Kept and Fault: by the keeper's thread, or by the one that offers or triggers.

    Raises:
        OptionError: When no folder is named, or it cannot be used.
    """

    def __init__(
        self,
        section: BestSection,
        accept_of: Callable[[str], float],
        announce: Callable[[Kept | Fault], None],
    ) -> None:
        self._section = section
        self._accept_of = accept_of
        self._announce = announce
        self._folder = _prepare(section.folder)
        self._quota = Quota(self._folder, int(section.quota_mb * 1e6))
        self._open = OpenBursts(section)
        self._waiting: deque[Burst] = deque()
        self._closing = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="deepbiq-best", daemon=True)
        self._thread.start()

    def offer(self, result: Result) -> None:
        """Takes a scored frame; returns at once, but for encoding a frame now and then."""
        if self._section.only_accepted and result.score.score < self._accept_of(result.camera):
            return
        try:
            candidate = Candidate(result, self._section.quality)
        except ImageError as error:
            self._announce(_fault(result.camera, str(error)))
            return
        with self._wake:
            ended = self._open.offer(candidate)
            lost = ended is not None and not self._enqueue(ended)
            self._wake.notify()
        if lost:
            self._announce(_fault(candidate.camera, "the disk does not keep up: a burst was not kept"))

    def trigger(self, name: str, at: float | None = None) -> None:
        """Keeps the best frames of every camera around a moment.

        Args:
            name: What triggered; the reason of what is kept.
            at: The moment, in seconds of the monotonic clock; None is now.
        """
        with self._wake:
            opened = self._open.trigger(name, time.monotonic() if at is None else at)
            self._wake.notify()
        if not opened:
            self._announce(_fault(None, f"trigger {name!r} was ignored: {MOST_TRIGGERS} bursts are still open"))

    def close(self) -> None:
        """Writes the best of all open bursts as they are; closing twice is allowed."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            self._announce(_fault(None, f"{self._folder} does not answer: the last bursts may not be kept"))

    def _enqueue(self, burst: Burst) -> bool:
        waiting = sum(len(each.best()) for each in self._waiting)
        fits = not waiting or waiting + len(burst.best()) <= MOST_WAITING
        if self._waiting and fits:
            # The writer is busy: who waits for it holds no pixels, which take ten times the memory.
            for candidate in burst.best():
                candidate.jpeg()
        if fits:
            self._waiting.append(burst)
        return fits

    def _run(self) -> None:
        while (burst := self._next_burst()) is not None:
            best = burst.best()
            if not best:
                self._announce(_fault(None, self._why_empty(burst)))
            for candidate in best:
                self._announce(self._keep(candidate, burst.reason))

    def _why_empty(self, burst: Burst) -> str:
        """Says why a trigger kept nothing; windows begin with a frame, so they never are empty."""
        wanted = "reached accept (best.only_accepted)" if self._section.only_accepted else "was scored"
        return (
            f"trigger {burst.reason!r} kept nothing: from {self._section.before_s:g} s before it to "
            f"{self._section.after_s:g} s after it no frame {wanted}"
        )

    def _next_burst(self) -> Burst | None:
        with self._wake:
            while not self._waiting:
                now = time.monotonic()
                self._waiting.extend(self._open.take_ended(math.inf if self._closing else now - LATE_S))
                if self._waiting:
                    break
                if self._closing:
                    return None
                end = self._open.next_end()
                self._wake.wait(None if end is None else max(0.0, end + LATE_S - now))
            return self._waiting.popleft()

    def _keep(self, candidate: Candidate, reason: str) -> Kept | Fault:
        try:
            path = self._write(candidate, reason)
        except (OSError, OptionError) as error:
            return _fault(candidate.camera, f"a best frame was not kept in {self._folder}: {error}")
        return Kept(candidate.camera, str(path), candidate.score, candidate.captured_at, reason)

    def _write(self, candidate: Candidate, reason: str) -> Path:
        """Writes a frame, unless another burst has kept it before."""
        if candidate.path is None or not candidate.path.exists():
            jpeg, sidecar = candidate.jpeg(), describe(candidate, reason)
            self._quota.make_room(len(jpeg) + len(sidecar))
            path = free_path(self._folder, candidate)
            write_pair(path, jpeg, sidecar)
            self._quota.count(path)
            candidate.path = path
        return candidate.path


def _prepare(folder: Path | None) -> Path:
    if folder is None:
        raise OptionError("best.folder names no folder: the best frames have no place")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in leftovers(folder):
            leftover.unlink(missing_ok=True)
    except OSError as error:
        raise OptionError(f"best.folder cannot be used ({error}): name another one") from error
    return folder


def _fault(camera: str | None, what: str) -> Fault:
    return Fault(camera, what, time.time())
