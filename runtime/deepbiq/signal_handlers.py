"""The handlers of the signals that ask a process to end, replaced for a while."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def handlers_kept() -> Iterator[Mapping[int, Any]]:
    """Puts the handlers of SIGINT and SIGTERM back at the end; for the main thread, as all signal handlers are.

    Yields:
        Number -> handler, as they were.
    """
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield before
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
