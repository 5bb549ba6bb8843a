"""TensorRT's own messages: it returns None or False and says why only to a logger."""

from __future__ import annotations

from collections import deque
from functools import cache
from typing import Any

KEPT = 20
"""Latest messages that are kept: the cause stands among the last few."""


class Messages:
    """Keeps the latest warnings and errors of TensorRT.

    Args:
        library: The module `tensorrt` or `tensorrt_rtx`.

    Attributes:
        logger: A `tensorrt.ILogger`; it must live as long as everything that was made with it.
    """

    def __init__(self, library: Any) -> None:
        self._kept: deque[str] = deque(maxlen=KEPT)
        self.logger: Any = _logger_class(library)(self._kept)

    def take(self) -> str:
        """Returns in one line what was said since the last call, and forgets it."""
        kept = list(self._kept)
        self._kept.clear()
        return "; ".join(kept) or "TensorRT gave no reason"


@cache
def messages_of(library: Any) -> Messages:
    """Returns the messages of a library: one for the whole process.

    TensorRT keeps the first logger that it is given for as long as anything made with it lives, and ignores others.
    """
    return Messages(library)


def _logger_class(library: Any) -> Any:
    """Makes the class where its base is at hand: importing TensorRT must wait until a device was found."""
    base = library.ILogger
    worth_keeping = (base.WARNING, base.ERROR, base.INTERNAL_ERROR)

    def init(self: Any, kept: deque[str]) -> None:
        base.__init__(self)
        self.kept = kept

    def log(self: Any, severity: Any, msg: str) -> None:
        if severity in worth_keeping:
            self.kept.append(" ".join(msg.split()))

    return type("Logger", (base,), {"__init__": init, "log": log})
