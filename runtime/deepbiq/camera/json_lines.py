"""Events as JSON lines: one object a line, for other programs."""

from __future__ import annotations

import json
import time
from typing import TextIO

from deepbiq.camera.events import Event, Fault, Result
from deepbiq.camera.line_writer import LeftOut, LineWriter


class JsonLines:
    """Prints each event as one JSON object on a line of its own, flushed.

    A reader that is too slow misses results that did not change the verdict before anything else, and is told how
    much by a line `{"event": "fault", ...}`.

    Args:
        stream: Usually stdout.
    """

    def __init__(self, stream: TextIO) -> None:
        self._writer = LineWriter(stream, _confession)

    @property
    def gone(self) -> bool:
        """Whether the reader went away."""
        return self._writer.gone

    def take(self, event: Event) -> None:
        """Queues one event; see `Sink`."""
        replaceable = isinstance(event, Result) and not event.changed
        self._writer.put(json.dumps(event.describe()), replaceable=replaceable)

    def close(self) -> None:
        """Writes what is left; see `Sink`."""
        self._writer.close()


def _confession(left_out: LeftOut) -> str:
    what = f"output too slow: {left_out.replaceable} results and {left_out.lasting} other events left out"
    return json.dumps(Fault(None, what, time.time()).describe())
