"""Stopping in an orderly way: the first Ctrl-C asks for it, the second one does not wait."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

from deepbiq.signal_handlers import handlers_kept

_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def stopped_by_signals(doing: str) -> Iterator[Callable[[], bool]]:
    """Lets SIGINT and SIGTERM ask for an end; a second one ends the process at once.

    Args:
        doing: What is done before the end, told to people.

    Yields:
        Says whether an end was asked for.
    """
    asked = Event()

    def end(number: int, frame: object) -> None:  # noqa: ARG001  # Python's signature
        if asked.is_set():
            # A progress bar hides the cursor, and nobody else will show it again.
            _say(_SHOW_CURSOR if sys.stderr.isatty() else "")
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        asked.set()
        _say(f"deepbiq: {doing}; a second Ctrl-C ends at once\n")

    with handlers_kept() as before:
        for number in before:
            signal.signal(number, end)
        yield asked.is_set


def _say(text: str) -> None:
    # Not by sys.stderr: the signal may have come while that was being written to.
    os.write(2, text.encode())
