"""Lines for another program or a terminal, written by a thread of their own: no reader can hold up the watching."""

from __future__ import annotations

import io
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TextIO

MOST_WAITING = 256
"""Lines that wait for the reader; beyond it the oldest are left out, those that newer ones replace first."""

PIECE = 1024
"""Characters written at a time: at most 4096 bytes of UTF-8, which a pipe that polls as writable takes at once."""

POLL_MS = 200

RETRY_SECONDS = 1.0
"""Between two attempts to write to a file whose disk is full."""

CONFESS_SECONDS = 10.0
"""Least time between two lines about what was left out."""

FAREWELL_SECONDS = 2.0
"""How long closing waits for a reader to take what is left."""

_LOGGER = logging.getLogger(__name__)


class LeftOut(NamedTuple):
    """Lines that a slow reader never got.

    Attributes:
        replaceable: Results that newer ones follow.
        lasting: Everything else: changes, states, pictures kept, alarms, faults.
    """

    replaceable: int
    lasting: int


class _Line(NamedTuple):
    text: str
    replaceable: bool


class LineWriter:
    """Writes lines to a stream in a daemon thread, flushing each.

    A reader that is slow gets the newest lines and one line that counts what was left out. One that is gone
    ends the writing, which is logged once.

    Args:
        stream: Where to; nobody else may write there.
        confess: Makes the line that tells what was left out.
    """

    def __init__(self, stream: TextIO, confess: Callable[[LeftOut], str]) -> None:
        self._stream = stream
        self._confess = confess
        self._waiting: deque[_Line] = deque()
        self._left_out = LeftOut(0, 0)
        self._confessed = float("-inf")
        self._state = threading.Condition()
        self._closing = False
        self._given_up = threading.Event()
        self._gone = False
        self._thread = threading.Thread(target=self._write_all, name="deepbiq-lines", daemon=True)
        self._thread.start()

    @property
    def gone(self) -> bool:
        """Whether the reader went away; nothing is written any more."""
        return self._gone

    def put(self, text: str, *, replaceable: bool) -> None:
        """Queues one line; returns at once.

        Args:
            text: Without line feed.
            replaceable: Whether a later line makes this one dispensable.
        """
        with self._state:
            if self._closing or self._gone:
                return
            self._waiting.append(_Line(text, replaceable))
            if len(self._waiting) > MOST_WAITING:
                self._leave_one_out()
            self._state.notify()

    def close(self) -> None:
        """Writes what is left, for as long as the reader takes it but at most two seconds."""
        with self._state:
            self._closing = True
            self._state.notify()
        self._thread.join(FAREWELL_SECONDS)
        self._given_up.set()
        self._thread.join()
        if self._waiting:
            _LOGGER.warning(
                "the output's reader took nothing any more: the last %d lines left out", len(self._waiting)
            )
            self._waiting.clear()

    def _leave_one_out(self) -> None:
        place = next((place for place, line in enumerate(self._waiting) if line.replaceable), 0)
        replaceable, lasting = self._left_out
        if self._waiting[place].replaceable:
            replaceable += 1
        else:
            lasting += 1
        del self._waiting[place]
        self._left_out = LeftOut(replaceable, lasting)

    def _write_all(self) -> None:
        try:
            while (text := self._next()) is not None and self._write(text + "\n"):
                pass
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            _LOGGER.warning("nobody reads the output any more, no more lines are written: %s", error)
            with self._state:
                self._gone = True
                self._waiting.clear()
            self._forget_rest()

    def _next(self) -> str | None:
        with self._state:
            self._state.wait_for(lambda: self._waiting or self._closing)
            if any(self._left_out) and (self._closing or self._confessed + CONFESS_SECONDS < time.monotonic()):
                return self._confession()
            return self._waiting.popleft().text if self._waiting else None

    def _confession(self) -> str:
        left_out, self._left_out = self._left_out, LeftOut(0, 0)
        self._confessed = time.monotonic()
        _LOGGER.warning("the output's reader is too slow: %d results and %d other lines left out", *left_out)
        return self._confess(left_out)

    def _write(self, text: str) -> bool:
        for start in range(0, len(text), PIECE):
            if not self._wait_writable():
                return False
            self._stream.write(text[start : start + PIECE])
            if not self._flush():
                return False
        return True

    def _wait_writable(self) -> bool:
        # A thread that hangs in write() holds the stream's lock, over which the interpreter dies when it exits.
        try:
            descriptor = self._stream.fileno()
        except io.UnsupportedOperation:
            return True
        writable = select.poll()
        writable.register(descriptor, select.POLLOUT)
        while not writable.poll(POLL_MS):
            if self._given_up.is_set():
                return False
        return True

    def _flush(self) -> bool:
        complained = False
        while (error := self._flush_fault()) is not None:
            if not complained:
                _LOGGER.warning("the output cannot be written, trying again every second: %s", error)
            complained = True
            if self._given_up.wait(RETRY_SECONDS):
                return False
        return True

    def _flush_fault(self) -> OSError | None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:  # a full disk, for one; the stream keeps what it could not write
            return error
        return None

    def _forget_rest(self) -> None:
        # What is left in the stream's buffer would fail again when the interpreter exits.
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
