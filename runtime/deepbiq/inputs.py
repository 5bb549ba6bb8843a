"""What there is to score: files, folders, globs, and a list on standard input."""

from __future__ import annotations

import glob
import io
import os
import select
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import cast

from deepbiq.imaging import PICTURE_ENDINGS

_CHUNK = 1 << 16


class Expansion(Iterator[str]):
    """The paths that the arguments of a command stand for, found lazily and in order; made by `expand`.

    Files that are named but missing are among them, so that scoring them names the fault.

    Attributes:
        unreadable: Folders so far that could not be searched, each of which was noted.
        unmatched: Patterns so far that no file matched, each of which was noted.
    """

    def __init__(self, arguments: Iterable[str], *, recursive: bool, note: Callable[[str], None]) -> None:
        self._recursive = recursive
        self._note = note
        self.unreadable = 0
        self.unmatched = 0
        self._listed: PathList | None = None
        self._paths = chain.from_iterable(map(self._expand, arguments))

    def __next__(self) -> str:
        return next(self._paths)

    def ready(self) -> bool:
        """Says whether the next path, or the end, is there without waiting for whoever writes the list."""
        return self._listed is None or self._listed.ready()

    def _expand(self, argument: str) -> Iterator[str]:
        if argument == "-":
            self._listed = read_list(_standard_input())
            yield from self._noted(self._listed, "the list on standard input is empty")
            self._listed = None
        elif os.path.isdir(argument):  # noqa: PTH112  # a str may hold bytes that Path would keep, too; no gain
            deeper = "" if self._recursive else " (--recursive searches its subfolders)"
            found = pictures_in(argument, recursive=self._recursive, onerror=self._note_unreadable)
            yield from self._noted(found, f"no pictures in folder {argument}{deeper}")
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            yield from self._match(argument)
        else:
            yield argument

    def _match(self, pattern: str) -> Iterator[str]:
        matches = sorted(glob.iglob(pattern, recursive=True))  # noqa: PTH207  # takes whole patterns
        for error in _faults_of_search(pattern).values():
            self._note_unreadable(error)
        files = [path for path in matches if not os.path.isdir(path)]  # noqa: PTH112
        if not files:
            self.unmatched += 1
            self._note(f"nothing matches {pattern}{' but folders' if matches else ''}")
        yield from files

    def _note_unreadable(self, error: OSError) -> None:
        self.unreadable += 1
        self._note(f"{error.filename}: it cannot be read: {error.strerror}")

    def _noted(self, paths: Iterable[str], message: str) -> Iterator[str]:
        before = self.unreadable
        empty = True
        for path in paths:
            empty = False
            yield path
        if empty and self.unreadable == before:
            self._note(message)


def expand(arguments: Iterable[str], *, recursive: bool, note: Callable[[str], None]) -> Expansion:
    """Turns the arguments of a command into paths of pictures.

    Args:
        arguments: Files, folders, glob patterns (also with `**`), or `-` for a list on standard input, one path
            a line or separated by NUL bytes.
        recursive: Whether folders are searched to the bottom.
        note: Called with one sentence for each argument that holds no picture, and each folder that cannot be
            searched.
    """
    return Expansion(arguments, recursive=recursive, note=note)


def pictures_in(folder: str, *, recursive: bool, onerror: Callable[[OSError], None] | None = None) -> Iterator[str]:
    """Lists the pictures of a folder by their endings, sorted, hidden ones left out; links are not followed.

    Args:
        folder: Where to look.
        recursive: Whether it is searched to the bottom.
        onerror: Called with the error of each folder that cannot be searched; None passes it over.
    """
    for here, folders, files in os.walk(folder, onerror=onerror):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(PICTURE_ENDINGS) and not name.startswith("."):
                yield os.path.join(here, name)  # noqa: PTH118  # keeps the folder as it was written


def _faults_of_search(pattern: str) -> dict[str, OSError]:
    """Finds where a glob pattern looks but may not, which `glob` passes over: faults by path."""
    faults = {}
    while glob.has_magic(pattern):
        parent, name = os.path.split(pattern)
        folders = os.path.join(parent or os.curdir, name if name == "**" else "", "")  # noqa: PTH118
        for folder in glob.iglob(folders, recursive=True):  # noqa: PTH207
            try:
                if glob.has_magic(name):
                    os.scandir(folder).close()
                else:
                    os.lstat(os.path.join(folder, name))  # noqa: PTH118
            except FileNotFoundError:
                pass
            except OSError as error:
                error.filename = os.path.normpath(error.filename)
                faults[error.filename] = error
        pattern = parent
    return faults


class PathList(Iterator[str]):
    """A list of paths as it is written, so that a program may write it while pictures are scored.

    Args:
        stream: The paths, one a line, or separated by NUL bytes if there is one in what comes first.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._entries: deque[bytes] = deque()
        self._rest = b""
        self._separator = b""
        self._ended = False

    def __next__(self) -> str:
        while not self._entries:
            if self._ended:
                raise StopIteration
            self._read()
        return os.fsdecode(self._entries.popleft())

    def ready(self) -> bool:
        """Says whether the next path, or the end of the list, is there without waiting."""
        while not (self._entries or self._ended) and _has_something(self._stream):
            self._read()
        return bool(self._entries) or self._ended

    def _read(self) -> None:
        """Reads what is there, and waits where there is nothing."""
        data = self._stream.read1(_CHUNK)
        self._ended = not data
        self._separator = self._separator or next((mark for mark in (b"\0", b"\n") if mark in data), b"")
        *entries, self._rest = (self._rest + data).split(self._separator or b"\n")
        if self._ended:
            entries.append(self._rest)
        if self._separator != b"\0":
            entries = [entry.rstrip(b"\r") for entry in entries]
        self._entries.extend(entry for entry in entries if entry.strip())


def _has_something(stream: io.BufferedReader) -> bool:
    try:
        return bool(select.select([stream], [], [], 0)[0])
    except io.UnsupportedOperation:  # no file of the system: whatever it holds is there
        return True


def read_list(stream: io.BufferedReader) -> PathList:
    """Reads a list of paths: one a line, or separated by NUL bytes."""
    return PathList(stream)


def _standard_input() -> io.BufferedReader:
    stream = sys.stdin.buffer
    # Only a replaced standard input (a notebook, a test) is anything else.
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
