"""Reading a picture file: once, whole, and never blocking."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from deepbiq.errors import ImageError
from deepbiq.imaging.fault import FaultError, printable
from deepbiq.imaging.limits import Limits

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Content:
    """What a file held when it was read.

    Attributes:
        data: All its bytes.
        mtime_ns: Its modification time in nanoseconds since 1970, UTC.
    """

    data: bytes
    mtime_ns: int


def read_bytes(path: str | os.PathLike[str], limits: Limits = _DEFAULT_LIMITS) -> bytes:
    """Reads all bytes of a picture file; see `read_content`."""
    return read_content(path, limits).data


def read_content(path: str | os.PathLike[str], limits: Limits = _DEFAULT_LIMITS) -> Content:
    """Reads a picture file.

    Args:
        path: The file.
        limits: Only `max_bytes` is used, and checked before anything is read.

    Returns:
        All bytes of the file, and when they were last changed.

    Raises:
        ImageError: When there is no such regular file, it may not be read, is empty or too large, or changes while
            it is read.
    """
    name = printable(os.fsdecode(path))
    try:
        return _read(os.fsdecode(path), limits)
    except FaultError as fault:
        raise ImageError(name, str(fault)) from fault
    except FileNotFoundError as error:
        raise ImageError(name, "no such file") from error
    except PermissionError as error:
        raise ImageError(name, "no permission to read it") from error
    except OSError as error:
        raise ImageError(name, f"it cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a null byte in the path
        raise ImageError(name, f"no usable path: {error}") from error
    except MemoryError as error:
        raise ImageError(name, "out of memory while reading it") from error


def _read(path: str, limits: Limits) -> Content:
    # Asked before opening, because opening a device may do something and opening a pipe waits for its writer.
    _check_regular(os.stat(path))  # noqa: PTH116 (Path would take an empty path for the current folder)
    # Asked again of what was really opened, in case somebody has put something else into its place.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:  # noqa: PTH123 (a descriptor, not a path)
        status = os.fstat(descriptor)
        _check_regular(status)
        limits.check_bytes(status.st_size)
        data = file.read(status.st_size + 1)
        mtime_ns = os.fstat(descriptor).st_mtime_ns
    if len(data) != status.st_size:
        change = "shrank" if len(data) < status.st_size else "grew"
        raise FaultError(
            f"it {change} while it was read (it had {status.st_size} bytes): try again once it is complete"
        )
    if mtime_ns != status.st_mtime_ns:
        raise FaultError("it was written to while it was read: try again once it is complete")
    return Content(data, mtime_ns)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for matches, name in _KINDS if matches(status.st_mode)), "something special")
        raise FaultError(f"it is {kind}, not a file")
