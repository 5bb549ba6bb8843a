"""Pictures behind a URL: any file system that fsspec knows, such as s3, gs and http."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from fsspec.core import url_to_fs

from deepbiq.archive.row import Listed
from deepbiq.errors import ArchiveError, ImageError
from deepbiq.imaging import Limits, printable
from deepbiq.imaging.fault import FaultError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_LOCAL = ("file", "local")
_SECOND_NS = 1_000_000_000
_MTIME_KEYS = ("LastModified", "mtime", "last_modified", "modified", "updated", "created")
"""Where the listings of fsspec's file systems have the modification time, the surest first."""
_LONGEST_REASON = 200
# gcsfs logs what it raises as well, with its traceback, which without a handler would go to stderr.
logging.getLogger("gcsfs").addHandler(logging.NullHandler())


def is_remote(path: str) -> bool:
    """Tells whether a path is a URL of something else than the local file system."""
    match = _URL.match(path)
    return match is not None and match[1].lower() not in _LOCAL


def local_path(path: str) -> str:
    """Returns a local path as it is, and a `file://` URL as a path; nothing in it is percent-decoded."""
    match = _URL.match(path)
    return path if match is None or is_remote(path) else path[match.end() :]


def locate(url: str) -> tuple[Any, str]:
    """Returns the fsspec file system of a URL and the path in it.

    Keys and secrets, endpoints and regions come from where each file system takes them by itself, as do options in
    fsspec's own configuration and environment (`FSSPEC_S3_ENDPOINT_URL`).

    Raises:
        ArchiveError: When there is no such file system, its package is missing, or it cannot be reached.
    """
    match = _URL.match(url)
    assert match is not None
    # The root alone: fsspec would take `::` in a key for its sign of file systems within others.
    root = url[: match.end()] + url[match.end() :].partition("/")[0]
    try:
        fs, _ = url_to_fs(root)
    except ImportError as error:
        raise ArchiveError(f"its file system needs a package: {_installation(error)}") from error
    except Exception as error:  # s3's, google's and http's errors have no base class in common
        raise ArchiveError(f"its file system cannot be used: {reason_of(error)}") from error
    return fs, fs._strip_protocol(url)


def list_object(fs: Any, path: str) -> Listed:
    """Returns an object as its file system describes it now, without size and time where it describes nothing."""
    try:
        info = fs.info(path)
    except Exception:  # noqa: BLE001  # as in `locate`; whoever fetches it will find the fault and name it
        return Listed(url_of(fs, path))
    return listed_of(fs, info)


def listed_of(fs: Any, info: Mapping[str, Any]) -> Listed:
    """Returns an object as a listing of its file system describes it."""
    return Listed(url_of(fs, info["name"]), info.get("size"), mtime_ns_of(info))


def url_of(fs: Any, path: str) -> str:
    """Returns the URL of a path in a file system, always the same for the same path."""
    return str(fs.unstrip_protocol(path))


def fetch(path: str, limits: Limits) -> tuple[bytes, int | None]:
    """Reads a remote object whole.

    Args:
        path: Its URL.
        limits: Only `max_bytes` is used, and checked before anything is read where the size is announced.

    Returns:
        All its bytes, and its modification time in nanoseconds since 1970, UTC; None where it is not told.

    Raises:
        ImageError: When it cannot be read, is empty or too large, or is not as long as announced.
    """
    try:
        return _fetch(path, limits)
    except ArchiveError as error:
        raise ImageError(printable(path), str(error)) from error
    except FaultError as fault:
        raise ImageError(printable(path), str(fault)) from fault
    except FileNotFoundError as error:
        raise ImageError(printable(path), "no such object") from error
    except PermissionError as error:
        raise ImageError(printable(path), "no permission to read it") from error
    except MemoryError as error:
        raise ImageError(printable(path), "out of memory while reading it") from error
    except Exception as error:  # as in `locate`
        raise ImageError(printable(path), f"it cannot be read: {reason_of(error)}") from error


def mtime_ns_of(info: Mapping[str, Any]) -> int | None:
    """Returns an object's modification time in nanoseconds since 1970, UTC, to the second.

    Finer parts are dropped: a store may tell them in a listing and not when it is asked about one object, and then
    no object would ever look unchanged.
    """
    value = next((info[key] for key in _MTIME_KEYS if info.get(key)), None)
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if isinstance(value, datetime):
            value = (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()
        return None if value is None else int(value) * _SECOND_NS
    except (ValueError, TypeError):
        return None


def reason_of(error: BaseException) -> str:
    """Returns what an error of a file system says, in one short line."""
    text = str(error).strip().partition("\n")[0] or type(error).__name__
    return printable(text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "...")


def _fetch(path: str, limits: Limits) -> tuple[bytes, int | None]:
    fs, inner = locate(path)
    info = fs.info(inner)
    if info.get("type") == "directory":
        raise FaultError("it is a folder, not an object")
    announced = info.get("size")
    if announced is not None:
        limits.check_bytes(announced)
    data: bytes = fs.cat_file(inner)
    limits.check_bytes(len(data))
    if announced is not None and len(data) != announced:
        raise FaultError(f"it changed while it was read: {announced} bytes were announced, {len(data)} came")
    return data, mtime_ns_of(info)


def _installation(error: ImportError) -> str:
    cause = error.__cause__
    missing = cause.name if isinstance(cause, ModuleNotFoundError) else error.name
    return f"pip install {missing}" if missing else reason_of(error)
