"""What there is to score: files, folders, globs, and a list on standard input."""

from __future__ import annotations

import glob
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from deepbiq.imaging import PICTURE_ENDINGS


def expand(arguments: Iterable[str], *, recursive: bool, note: Callable[[str], None]) -> Iterator[str]:
    """Turns the arguments of a command into paths of pictures, lazily and in order.

    Args:
        arguments: Files, folders, glob patterns (also with `**`), or `-` for a list on standard input, one path
            a line or separated by NUL bytes.
        recursive: Whether folders are searched to the bottom.
        note: Called with one sentence for each argument that holds no picture.

    Yields:
        Paths; files that are named but missing are passed on, so that scoring them names the fault.
    """
    for argument in arguments:
        if argument == "-":
            listed = read_list(_standard_input())
            yield from _noted(listed, note, "the list on standard input is empty")
        elif os.path.isdir(argument):  # noqa: PTH112  # a str may hold bytes that Path would keep, too; no gain
            deeper = "" if recursive else " (--recursive searches its subfolders)"
            yield from _noted(
                pictures_in(argument, recursive=recursive), note, f"no pictures in folder {argument}{deeper}"
            )
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            matches = sorted(glob.iglob(argument, recursive=True))  # noqa: PTH207  # takes whole patterns
            yield from _noted(filter(os.path.isfile, matches), note, f"nothing matches {argument}")
        else:
            yield argument


def pictures_in(folder: str, *, recursive: bool) -> Iterator[str]:
    """Lists the pictures of a folder by their endings, sorted, hidden ones left out; links are not followed."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(PICTURE_ENDINGS) and not name.startswith("."):
                yield os.path.join(here, name)  # noqa: PTH118  # keeps the folder as it was written


def read_list(stream: io.BufferedReader) -> Iterator[str]:
    """Reads a list of paths: one a line, or separated by NUL bytes if there is one in what comes first.

    Lines are read as they come, so a program may write them while pictures are scored. A list with NUL bytes is
    read to its end first.
    """
    if b"\0" in stream.peek():
        entries: Iterable[bytes] = stream.read().split(b"\0")
    else:
        entries = (line.rstrip(b"\r\n") for line in stream)
    yield from (os.fsdecode(entry) for entry in entries if entry.strip())


def _standard_input() -> io.BufferedReader:
    stream = sys.stdin.buffer
    # Only a replaced standard input (a notebook, a test) is anything else.
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))


def _noted(paths: Iterable[str], note: Callable[[str], None], message: str) -> Iterator[str]:
    empty = True
    for path in paths:
        empty = False
        yield path
    if empty:
        note(message)
