"""What there is behind a URL: an object, everything below a prefix, or what a pattern matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fsspec.utils import glob_translate

from deepbiq.archive.remote import listed_of, locate, reason_of, url_of
from deepbiq.archive.row import Listed
from deepbiq.errors import ArchiveError
from deepbiq.imaging import PICTURE_ENDINGS, printable

_MAGIC = re.compile(r"[*?\[]")


def list_url(url: str) -> Iterator[Listed]:
    """Lists the pictures of a URL.

    Args:
        url: An object, which is taken whatever it is called; a bucket or a prefix, of which everything is taken
            that ends like a picture, hidden names left out; or a pattern with `*`, `?`, `[...]` or `**`.

    Yields:
        The pictures, page by page or folder by folder; a folder below the first that may not be listed has a fault.

    Raises:
        ArchiveError: When there is nothing of that name, or its file system cannot be reached or forbids it.
    """
    try:
        yield from _list(*locate(url))
    except ArchiveError as error:
        raise ArchiveError(f"{printable(url)}: {error}") from error
    except FileNotFoundError as error:
        if isinstance(error.__cause__, OSError):  # http: no connection
            raise ArchiveError(f"{printable(url)}: it cannot be reached: {reason_of(error.__cause__)}") from error
        raise ArchiveError(f"{printable(url)}: there is no such bucket, folder or object") from error
    except PermissionError as error:
        raise ArchiveError(f"{printable(url)}: no permission to list it: {reason_of(error)}") from error
    except Exception as error:  # s3's, google's and http's errors have no base class in common
        raise ArchiveError(f"{printable(url)}: it cannot be listed: {reason_of(error)}") from error


def _list(fs: Any, path: str) -> Iterator[Listed]:
    try:
        info: Mapping[str, Any] = fs.info(path)
    except FileNotFoundError:
        if not _MAGIC.search(path):
            raise
        yield from _list_pattern(fs, path)
        return
    if info["type"] == "directory":
        yield from _list_prefix(fs, path)
    else:
        yield listed_of(fs, info)


def _list_prefix(fs: Any, top: str) -> Iterator[Listed]:
    def is_wanted(name: str) -> bool:
        return name.lower().endswith(PICTURE_ENDINGS) and not _is_hidden(name, top)

    if hasattr(fs, "call_s3"):
        yield from _list_pages(fs, top, is_wanted)
    else:
        yield from _walk(fs, top, is_wanted)


def _list_pattern(fs: Any, pattern: str) -> Iterator[Listed]:
    magic = _MAGIC.search(pattern)
    assert magic is not None
    top = pattern[: magic.start()].rpartition("/")[0]
    matches = re.compile(glob_translate(pattern)).match
    deepest = None if "**" in pattern else pattern.count("/")
    yield from _walk(fs, top, lambda name: matches(name) is not None and not _is_hidden(name, top), deepest)


def _is_hidden(name: str, top: str) -> bool:
    return "/." in f"/{name[len(top) :].lstrip('/')}"


def _list_pages(fs: Any, top: str, is_wanted: Callable[[str], bool]) -> Iterator[Listed]:
    """Lists S3 as it lists itself, in pages of 1000 keys: its file system would hold whole folders in memory."""
    bucket, prefix, _ = fs.split_path(top)
    where = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else ""}
    more = True
    while more:
        page = fs.call_s3("list_objects_v2", **where)
        for item in page.get("Contents", ()):
            name = f"{bucket}/{item['Key']}"
            if is_wanted(name):
                yield listed_of(fs, {"name": name, "size": item["Size"], "LastModified": item["LastModified"]})
        more = page["IsTruncated"]
        where["ContinuationToken"] = page.get("NextContinuationToken")


def _walk(fs: Any, top: str, is_wanted: Callable[[str], bool], deepest: int | None = None) -> Iterator[Listed]:
    """Lists folder by folder; a path has at most `deepest` slashes."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            entries = _entries_of(fs, folder)
        except (PermissionError, FileNotFoundError) as error:
            if folder == top:
                raise
            yield Listed(url_of(fs, folder), fault=f"it cannot be listed: {reason_of(error)}")
            continue
        folders = []
        for entry in entries:
            name = entry["name"].rstrip("/")
            if entry["type"] != "directory":
                if is_wanted(name):
                    yield listed_of(fs, entry)
            elif not _is_hidden(name, top) and (deepest is None or name.count("/") < deepest):
                folders.append(name)
        waiting.extend(reversed(folders))


def _entries_of(fs: Any, folder: str) -> list[Mapping[str, Any]]:
    entries = fs.ls(folder, detail=True)
    # What it remembers would fill the memory, and would be old when it is asked again.
    fs.invalidate_cache()
    # Object stores list a folder's own marker among what is in it.
    inside = (entry for entry in entries if entry["name"].rstrip("/") != folder)
    return sorted(inside, key=lambda entry: str(entry["name"]))
