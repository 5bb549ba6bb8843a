"""The log of moves: what is meant to happen, on the disk before anything does, and what became of it.

JSON lines. A path's undecodable bytes are lone surrogates, which JSON writes as escapes. A log may end anywhere:
its last line counts only if it is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from deepbiq.archive.moving.placing import Identity, Stamp
from deepbiq.closable import Closable
from deepbiq.errors import ArchiveError
from deepbiq.files import sync_folder
from deepbiq.imaging import printable

_HEAD = b'{"event": "moves", "version": 1}\n'


@dataclass(frozen=True)
class Intent:
    """A move that is meant to happen.

    Attributes:
        number: Its place in the log, from 0 on.
        source: Where the file lies.
        target: Where it shall lie.
        stamp: Of the file.
    """

    number: int
    source: Path
    target: Path
    stamp: Stamp


@dataclass
class History:
    """What a log says.

    Attributes:
        intents: All moves that were meant to happen.
        folders: Folders that were made for them, outer ones first.
        placed: By number and direction (back or not), what was about to lie under the new name.
        outcomes: By number and direction, None where the move came off, or why it did not.
    """

    intents: list[Intent] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    placed: dict[tuple[int, bool], Identity] = field(default_factory=dict)
    outcomes: dict[tuple[int, bool], str | None] = field(default_factory=dict)


class MoveLog(Closable):
    """Writes a log; a context manager that closes it.

    Args:
        path: The log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab")

    @classmethod
    def create(
        cls, folder: Path, now: datetime, moves: Iterable[tuple[Path, Path, Stamp]]
    ) -> tuple[MoveLog, list[Intent]]:
        """Makes a log of moves that are meant to happen, on the disk when this returns.

        Args:
            folder: Where; the name is made from the time.
            now: Local time.
            moves: Source, target and stamp of each file.

        Raises:
            OSError: When it cannot be written.
        """
        log = cls(_claim_name(folder, now))
        intents = [Intent(number, *move) for number, move in enumerate(moves)]
        log._file.write(_HEAD)
        log._write(*map(_line_of, intents))
        log._sync()
        sync_folder(folder)
        return log, intents

    @classmethod
    def reopen(cls, path: Path) -> MoveLog:
        """Opens a log to go on in it; the beginning of a line that was never finished is cut off."""
        whole = path.read_bytes().rfind(b"\n") + 1
        os.truncate(path, whole)
        return cls(path)

    def temporary(self, intent: Intent, *, back: bool) -> Path:
        """Returns the name of a copy in the making, which nothing but this move uses."""
        folder = (intent.source if back else intent.target).parent
        return folder / f".{self.path.stem.lstrip('_')}-{intent.number}{'-back' if back else ''}.tmp"

    def folder(self, path: Path) -> None:
        """Says that a folder is about to be made."""
        self._write({"event": "folder", "path": str(path)})

    def placing(self, intent: Intent, identity: Identity, *, back: bool) -> None:
        """Says what is about to lie under a new name; on the disk when this returns."""
        self._write({"event": "placing", "number": intent.number, "back": back, "identity": identity})
        self._sync()

    def outcome(self, intent: Intent, fault: str | None, *, back: bool) -> None:
        """Says what became of a move."""
        self._write({"event": "outcome", "number": intent.number, "back": back, "fault": fault})

    def _write(self, *lines: dict[str, Any]) -> None:
        self._file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        self._file.flush()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the log; closing twice is allowed."""
        self._file.close()


def read_log(path: Path) -> History:
    """Reads a log, also one whose writer was killed.

    Raises:
        ArchiveError: When it cannot be read or is no log of moves.
    """
    name = printable(str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"{name}: the log cannot be read: {error.strerror or error}") from error
    if content[: len(_HEAD)] != _HEAD[: len(content)]:
        raise ArchiveError(f"{name}: this is no log of moves of this version of deepbiq")
    history = History()
    for number, line in enumerate(content[len(_HEAD) :].split(b"\n")[:-1], 2):
        try:
            _take_in(json.loads(line), history)
        except (ValueError, KeyError, TypeError) as error:
            raise ArchiveError(f"{name}: line {number} of the log is damaged: {error}") from error
    return history


def _claim_name(folder: Path, now: datetime) -> Path:
    number = 1
    while True:
        path = folder / f"_moves-{now:%Y%m%d-%H%M%S}{'' if number == 1 else f'-{number}'}.jsonl"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return path


def _line_of(intent: Intent) -> dict[str, Any]:
    stamp = intent.stamp
    return {
        "event": "intent",
        "number": intent.number,
        "source": str(intent.source),
        "target": str(intent.target),
        "stamp": [stamp.kind, stamp.size, stamp.mtime_ns],
    }


def _take_in(event: dict[str, Any], history: History) -> None:
    kind = event["event"]
    if kind == "intent":
        stamp = Stamp(*event["stamp"])
        history.intents.append(Intent(event["number"], Path(event["source"]), Path(event["target"]), stamp))
    elif kind == "folder":
        history.folders.append(Path(event["path"]))
    elif kind == "placing":
        device, inode = _pair(event["identity"])
        history.placed[event["number"], event["back"]] = device, inode
    elif kind == "outcome":
        history.outcomes[event["number"], event["back"]] = event["fault"]
    else:
        raise ValueError(f"unknown event {kind!r}")


def _pair(values: Sequence[int]) -> Identity:
    device, inode = values
    return device, inode
