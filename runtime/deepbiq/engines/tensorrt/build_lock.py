"""One build at a time: the second process waits, and then finds what the first one built."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def build_lock(path: Path, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Holds a file's lock for the length of a block; the system takes it from a process that dies.

    Args:
        path: The file, made when it is missing. It stays: removing it would give two processes two locks.
        waiting: Called once when another process holds the lock.

    Raises:
        OSError: When the file cannot be made.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
