"""Showing how far a long loop is: a bar on a terminal, a log line now and then elsewhere. All on stderr."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from deepbiq.cli.progress import progress_bar

_Item = TypeVar("_Item")
_LOG = logging.getLogger(__name__)
_LOG_SECONDS = 30.0


def track(items: Sequence[_Item], label: str) -> Iterator[_Item]:
    """Iterates over items and shows the progress, at the end how long it took.

    Args:
        items: What to iterate over.
        label: What is being done.
    """
    start = time.monotonic()
    yield from _with_bar(items, label) if sys.stderr.isatty() else _with_log(items, label)
    _LOG.info("%s: %d in %.0f s", label, len(items), time.monotonic() - start)


def _with_bar(items: Sequence[_Item], label: str) -> Iterator[_Item]:
    with progress_bar(label, len(items)) as advance:
        for item in items:
            yield item
            advance()


def _with_log(items: Sequence[_Item], label: str) -> Iterator[_Item]:
    start = last = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - last >= _LOG_SECONDS:
            left = (now - start) / done * (len(items) - done) if done else math.inf
            _LOG.info("%s: %d of %d, %.0f s, about %.0f s left", label, done, len(items), now - start, left)
            last = now
        yield item
