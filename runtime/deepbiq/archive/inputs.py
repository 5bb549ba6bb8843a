"""What there is to score in an archive: folders, files, patterns, lists and URLs."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from deepbiq.archive.folders import list_file, list_folder, list_pattern
from deepbiq.archive.lists import LIST_ENDINGS, read_paths
from deepbiq.archive.remote import is_remote, list_object, local_path, locate
from deepbiq.archive.remote_listing import list_url
from deepbiq.archive.row import Listed
from deepbiq.errors import ArchiveError
from deepbiq.imaging import printable
from deepbiq.inputs import expand
from deepbiq.lookahead import map_ahead
from deepbiq.notes import note as note_by_log

_REQUESTS = 16
"""Objects of a list that are asked about at once: a store takes its time for each, but takes many."""


def list_inputs(
    sources: Sequence[str], *, column: str | None = None, note: Callable[[str], None] = note_by_log
) -> Iterator[Listed]:
    """Lists the pictures of an archive, lazily and source by source.

    Args:
        sources: Folders, searched to the bottom; files; patterns (also with `**`); lists with one of
            `LIST_ENDINGS`, or `-` for one on standard input; URLs of objects, prefixes and patterns in any file
            system that fsspec knows. Files that are named, matched or listed are taken whatever they are called.
        column: The column of tables that holds the paths; None takes `path`.
        note: Called with one sentence for each source that holds no picture, and for entries that were left out.

    Yields:
        The pictures, with absolute paths or URLs, as often as they are named. Entries of lists that are missing are
        passed on without size and time, so that reading them names the fault.

    Raises:
        ArchiveError: When a source does not exist or cannot be reached or read, once its turn comes.
    """
    for source in sources:
        found = False
        for listed in _list_source(local_path(source), "path" if column is None else column, note):
            found = True
            yield listed
        if not found:
            note(f"no pictures in {'the list on standard input' if source == '-' else printable(source)}")


def _list_source(source: str, column: str, note: Callable[[str], None]) -> Iterator[Listed]:
    ending = source.lower().endswith
    if source == "-":
        return _list_entries(expand(["-"], recursive=True, note=lambda _: None))
    if is_remote(source):
        if ending(LIST_ENDINGS):
            raise ArchiveError(f"{printable(source)}: a list must be a local file: copy it here")
        return list_url(source)
    path = os.path.abspath(source)  # noqa: PTH100  # keeps links, as `Path.resolve` does not
    if os.path.isdir(path):  # noqa: PTH112
        return list_folder(path)
    if not os.path.lexists(path):
        if glob.has_magic(source):
            return list_pattern(source)
        raise ArchiveError(f"{printable(source)}: there is no such file or folder")
    if ending(LIST_ENDINGS):
        return _list_entries(read_paths(path, column, note))
    return iter([list_file(path)])


def _list_entries(entries: Iterable[str]) -> Iterator[Listed]:
    for remote, group in groupby(map(local_path, entries), key=is_remote):
        if remote:
            # Located here, because fsspec makes a file system, with its connections, for each thread that asks.
            yield from map_ahead(_describe, map(_locate, group), 4 * _REQUESTS, workers=_REQUESTS)
        else:
            yield from (list_file(os.path.abspath(entry)) for entry in group)  # noqa: PTH100


def _locate(url: str) -> tuple[Any, str] | Listed:
    try:
        return locate(url)
    except ArchiveError as error:
        return Listed(url, fault=str(error))


def _describe(located: tuple[Any, str] | Listed) -> Listed:
    return located if isinstance(located, Listed) else list_object(*located)
