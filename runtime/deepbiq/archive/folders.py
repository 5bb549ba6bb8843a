"""The pictures of local folders: to the bottom, in order, and whatever may not be read is told."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator

from fsspec.utils import glob_translate

from deepbiq.archive.row import Listed, storable_ns
from deepbiq.errors import ArchiveError
from deepbiq.imaging import PICTURE_ENDINGS, printable


def list_folder(top: str) -> Iterator[Listed]:
    """Lists the pictures of a folder and its subfolders by their endings.

    Hidden files and folders are left out, links to folders are not followed. Of each folder the pictures come
    first, sorted, then its folders.

    Args:
        top: Absolute path.

    Returns:
        The pictures; a folder that may not be read is one with a fault. Memory holds the names of one folder.
    """
    return _walk(top, lambda path: path.lower().endswith(PICTURE_ENDINGS))


def list_pattern(pattern: str) -> Iterator[Listed]:
    """Lists the files that match a pattern, whatever they are called; `**` does not lead through links.

    Args:
        pattern: Relative to the current folder, or absolute.

    Raises:
        ArchiveError: When `**` is only a part of a name.
    """
    if "**" in pattern:
        return _list_any_depth(pattern)
    # glob takes whole patterns, and keeps the bytes of names.
    paths = (path for path in glob.iglob(pattern) if not os.path.isdir(path))  # noqa: PTH112, PTH207
    return (list_file(os.path.abspath(path)) for path in paths)  # noqa: PTH100


def list_file(path: str) -> Listed:
    """Returns a file as it is now, a link as what it leads to; without size and time where there is nothing.

    Args:
        path: Absolute path.
    """
    try:
        status = os.stat(path)  # noqa: PTH116  # a Path per file is a third of the time
    except (OSError, ValueError):  # ValueError: a null byte
        return Listed(path)
    return Listed(path, status.st_size, storable_ns(status.st_mtime_ns))


def _list_any_depth(pattern: str) -> Iterator[Listed]:
    # Not by glob, which follows links to folders: two that lead to each other would keep it busy for ever.
    parts = pattern.split("/")
    depth = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    top = os.path.abspath("/".join([*parts[:depth], ""]) or ".")  # noqa: PTH100
    try:
        matches = re.compile(glob_translate("/".join(parts[depth:]))).match
    except ValueError as error:
        raise ArchiveError(f"{printable(pattern)}: {error}") from error
    if os.path.isdir(top):  # noqa: PTH112
        yield from _walk(top, lambda path: matches(path[len(_join(top, "")) :]) is not None)


def _walk(top: str, is_wanted: Callable[[str], bool]) -> Iterator[Listed]:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            files, folders = _names_in(folder)
        except OSError as error:
            yield Listed(folder, fault=_fault_of(error))
            continue
        yield from (list_file(path) for path in (_join(folder, name) for name in files) if is_wanted(path))
        waiting.extend(_join(folder, name) for name in reversed(folders))


def _names_in(folder: str) -> tuple[list[str], list[str]]:
    files, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif not entry.is_dir():
                files.append(entry.name)
    return sorted(files), sorted(folders)


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _fault_of(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "no permission to list it"
    return f"it cannot be listed: {printable(error.strerror or str(error))}"
