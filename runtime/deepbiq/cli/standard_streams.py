"""The standard streams of the process: open, able to print every name, and saying so when a write fails."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class StandardStreamError(OSError):
    """Standard output or standard error cannot be written; the message says which, and why."""


class ReaderGoneError(StandardStreamError, BrokenPipeError):
    """Whoever read standard output or standard error has gone away, as `head` does."""


class _Raw(io.FileIO):
    """A stream whose faults can be told from those of every other file."""

    def __init__(self, descriptor: int, title: str) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._title = title

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            kind = ReaderGoneError if isinstance(error, BrokenPipeError) else StandardStreamError
            # Without its number: typer ends with exit code 1, a verdict, where it sees that of a broken pipe.
            raise kind(f"{self._title}: {error.strerror}") from error


def open_standard_streams() -> None:
    """Makes the standard streams usable whatever the process was started with.

    Writing to one raises `StandardStreamError` where it fails, and prints characters that its encoding lacks as
    escapes. A closed standard input is empty, and nobody sees what is written to a closed standard error.
    """
    streams: tuple[TextIO | None, ...] = (sys.stdin, sys.stdout, sys.stderr)
    stdin, stdout, stderr = streams
    # Lowest first: what is opened takes the place of what is closed, and no other file gets it.
    if stdin is None:
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115  # for the life of the process
    # A descriptor for reading: writing results to it fails, as it does with a closed one.
    sys.stdout = _reporting(stdout, "standard output", os.O_RDONLY)
    sys.stderr = _reporting(stderr, "standard error", os.O_WRONLY)


def _reporting(stream: TextIO | None, title: str, instead: int) -> TextIO:
    if stream is None:
        buffer = io.BufferedWriter(_Raw(os.open(os.devnull, instead), title))
        return io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Raw(stream.fileno(), title)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering or stream.write_through,
    )
