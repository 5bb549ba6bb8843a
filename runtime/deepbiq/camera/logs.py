"""Logs of the service on stderr, as text or JSON lines, without credentials."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TextIO

from deepbiq.camera.config import LogSection
from deepbiq.imaging import printable

_USER = re.compile(r"(?<=://)[^/\s]*(?=@)")
_QUERY = re.compile(r"([?&][\w-]+=)[^&\s\"']+")


@contextmanager
def logging_to(stream: TextIO, section: LogSection) -> Iterator[None]:
    """Sends all logs of the process to a stream; of other libraries from warnings on.

    Args:
        stream: Usually stderr.
        section: Format and level.

    Yields:
        Nothing; afterwards logging is as it was.
    """
    level = getattr(logging, section.level.upper())
    root, ours = logging.getLogger(), logging.getLogger("deepbiq")
    levels = root.level, ours.level
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if section.format == "json" else TextFormatter())
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    ours.setLevel(level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


class TextFormatter(logging.Formatter):
    """One line for people: time, level, camera if any, message; tracebacks below."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        camera = getattr(record, "camera", None)
        what = printable(record.getMessage() if camera is None else f"{camera}: {record.getMessage()}")
        trace = "" if record.exc_info is None else "\n" + self.formatException(record.exc_info)
        return f"{_time(record)} {record.levelname:7} {_without_secrets(what + trace)}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `camera` (or null), `message`, `exception` (or null)."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        trace = None if record.exc_info is None else _without_secrets(self.formatException(record.exc_info))
        return json.dumps(
            {
                "time": _time(record),
                "level": record.levelname.lower(),
                "logger": record.name,
                "camera": getattr(record, "camera", None),
                "message": _without_secrets(record.getMessage()),
                "exception": trace,
            }
        )


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _without_secrets(text: str) -> str:
    return _QUERY.sub(r"\1***", _USER.sub("***", text))
