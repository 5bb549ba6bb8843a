"""Giving a file another name without ever losing one: nothing is overwritten, nothing is there by half.

On one file system the kernel renames, and refuses where the name is taken, also where only its capitals differ. To
another one the file is copied beside its new name, compared, renamed there, and only then removed here.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deepbiq.files import sync_folder

TAKEN = "something is there already"
_RENAME_NOREPLACE = 1
_AT_FDCWD = -100
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_CHUNK = 1 << 20
Identity = tuple[int, int]
"""Device and inode."""


class PlacingError(Exception):
    """A file was not moved: it lies where it was, and nothing new lies elsewhere."""


@dataclass(frozen=True)
class Stamp:
    """What tells whether a file is still the same; of a link its own.

    Attributes:
        kind: `stat.S_IFMT` of its mode.
        size: Bytes.
        mtime_ns: Nanoseconds since 1970.
    """

    kind: int
    size: int
    mtime_ns: int


def stamp_of(path: Path) -> Stamp | None:
    """Returns a file's stamp; None where there is nothing. Raises OSError where nobody may look."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Stamp(stat.S_IFMT(status.st_mode), status.st_size, status.st_mtime_ns)


def identity_of(path: Path) -> Identity:
    """Returns device and inode, of a link its own."""
    status = path.lstat()
    return status.st_dev, status.st_ino


def same_content(one: Path, other: Path) -> bool:
    """Tells whether two names lead to equal bytes, or are links to the same place."""
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return identity_of(one) == identity_of(other) or _digest(one) == _digest(other)


def place(source: Path, target: Path, temporary: Path, announce: Callable[[Identity], None]) -> None:
    """Moves a file or a link.

    Args:
        source: What to move.
        target: Its new name, in a folder that exists.
        temporary: A name in that folder that nobody else uses, for a copy in the making.
        announce: Called before both names may be there for a moment, with the identity of what will lie at
            `target`: whoever finds both later can tell it from somebody else's file.

    Raises:
        PlacingError: When the file stays where it was: the name is taken, or the system refuses.
    """
    try:
        _place(source, target, temporary, announce)
    except FileExistsError as error:
        raise PlacingError(TAKEN) from error
    except OSError as error:
        raise PlacingError(error.strerror or str(error)) from error


def _place(source: Path, target: Path, temporary: Path, announce: Callable[[Identity], None]) -> None:
    try:
        _rename(source, target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _carry_over(source, target, temporary, announce)
        elif error.errno in _UNSUPPORTED:
            announce(identity_of(source))
            os.link(source, target, follow_symlinks=False)
            _remove(source, or_else=target)
        else:
            raise


def _rename(source: Path, target: Path) -> None:
    """Renames; raises FileExistsError where the name is taken, OSError as the system does."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    names = os.fsencode(source), os.fsencode(target)
    if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _carry_over(source: Path, target: Path, temporary: Path, announce: Callable[[Identity], None]) -> None:
    """Moves to another file system."""
    before = stamp_of(source)
    try:
        _copy(source, temporary)
        if not same_content(source, temporary) or stamp_of(source) != before:
            raise PlacingError("it changed while it was copied")
        announce(identity_of(temporary))
        try:
            _rename(temporary, target)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            os.link(temporary, target, follow_symlinks=False)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)
    _remove(source, or_else=target)


def _copy(source: Path, temporary: Path) -> None:
    """Copies a file or link with its times, mode and, where that is allowed, owner; then it is on the disk."""
    if source.is_symlink():
        temporary.symlink_to(source.readlink())
        _copy_status(source, temporary)
        return
    with source.open("rb") as original, temporary.open("xb") as copy:
        shutil.copyfileobj(original, copy, _CHUNK)
        copy.flush()
        _copy_status(source, temporary)
        os.fsync(copy.fileno())


def _copy_status(source: Path, temporary: Path) -> None:
    status = source.lstat()
    with suppress(PermissionError):
        os.chown(temporary, status.st_uid, status.st_gid, follow_symlinks=False)
    shutil.copystat(source, temporary, follow_symlinks=False)


def _remove(source: Path, *, or_else: Path) -> None:
    """Takes the first of two names of a file away; where that is refused, the second: one is left in the end."""
    try:
        source.unlink()
    except OSError:
        or_else.unlink()
        raise


def _digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()
