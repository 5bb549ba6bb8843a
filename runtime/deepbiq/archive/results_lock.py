"""One run at a time on a results folder: a second one is refused at once and told who is there."""

from __future__ import annotations

import fcntl
import os
import socket
from datetime import datetime, timezone
from pathlib import Path

from deepbiq.errors import ArchiveError
from deepbiq.imaging import printable

_MOST_BYTES = 500
"""How much of the file is read to name its holder; what is written into it is shorter."""


class ResultsLock:
    """Holds a file's lock until it is released; the system takes it from a process that dies.

    Args:
        path: The file, made when it is missing. It stays: removing it would give two processes two locks.

    Raises:
        ArchiveError: When another process, or another part of this one, holds the lock.
        OSError: When the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _take(self._handle, path)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Gives the lock back; releasing twice is allowed."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _take(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = printable(os.read(handle, _MOST_BYTES).decode(errors="replace").strip()) or "another process"
        raise ArchiveError(
            f"{printable(str(path.parent))} is in use by {holder}: wait until it has ended, or take another folder"
        ) from None
    since = datetime.now(timezone.utc).isoformat(sep=" ", timespec="seconds")
    os.ftruncate(handle, 0)
    os.write(handle, f"process {os.getpid()} on {socket.gethostname()} since {since}\n".encode())
