"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file completely or not at all: temporary file beside it, fsync, rename, fsync of the folder.

    Args:
        path: Where to; an existing file is replaced.
        data: The whole content.

    Raises:
        OSError: When the folder is missing or not writable or the disk is full; `path` is then untouched.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames inside a folder survive a power cut, where the system can sync folders."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    # There is no call that only reads the umask; mkstemp's 0600 would keep colleagues from reading results.
    current = os.umask(0o022)
    os.umask(current)
    return current
