"""The files of kept pictures: their names, and how a picture and what is known about it get there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from deepbiq.camera.candidate import Candidate
from deepbiq.files import write_atomically

_STEM = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}-(?P<time>\d{8}T\d{6}\.\d{3}Z)-\d{1,3}\.\d(-\d+)?"
_PICTURE = re.compile(rf"{_STEM}\.jpg")
# What `write_atomically` of a killed process leaves behind.
_TEMPORARY = re.compile(rf"\.{_STEM}\.(jpg|json)\.[a-z0-9_]{{8}}")


def sidecar_of(picture: Path) -> Path:
    """Returns the file beside a picture that says what is known about it."""
    return picture.with_suffix(".json")


def free_path(folder: Path, candidate: Candidate) -> Path:
    """Returns `{camera}-{UTC time}-{score}.jpg`, with a number behind it where that name is taken."""
    moment = datetime.fromtimestamp(candidate.captured_at, timezone.utc)
    time = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z"
    stem = f"{candidate.camera}-{time}-{candidate.score:.1f}"
    path, number = folder / f"{stem}.jpg", 1
    while path.exists() or sidecar_of(path).exists():
        number += 1
        path = folder / f"{stem}-{number}.jpg"
    return path


def describe(candidate: Candidate, reason: str) -> bytes:
    """Returns the content of a picture's sidecar file: JSON."""
    return json.dumps({**candidate.about, "reason": reason}, indent=2).encode() + b"\n"


def write_pair(path: Path, jpeg: bytes, sidecar: bytes) -> None:
    """Writes a picture and its sidecar, each completely or not at all.

    The sidecar comes first: whoever sees the picture finds it. A process killed in between leaves a sidecar alone.

    Args:
        path: Of the picture; nothing is there yet.
        jpeg: The picture.
        sidecar: What is known about it.

    Raises:
        OSError: When one of them cannot be written, and neither is there; or when nobody knows whether they would
            survive a power cut.
    """
    write_atomically(sidecar_of(path), sidecar)
    try:
        write_atomically(path, jpeg)
    except OSError:
        # Where only the folder's fsync failed the picture is there, and keeps its sidecar.
        if not path.exists():
            sidecar_of(path).unlink(missing_ok=True)
        raise


def kept_pictures(folder: Path) -> list[tuple[Path, int]]:
    """Finds the pictures that this program keeps in a folder, known by their names and their sidecars.

    Returns:
        Path of each picture and the bytes that it takes with its sidecar; the oldest first, by their names.

    Raises:
        OSError: When the folder cannot be listed.
    """
    found = []
    for path in folder.iterdir():
        named = _PICTURE.fullmatch(path.name)
        if named is not None and sidecar_of(path).is_file():
            found.append((named["time"], path))
    return [(path, size_of(path)) for _, path in sorted(found)]


def size_of(picture: Path) -> int:
    """Returns the bytes of a picture and its sidecar."""
    return picture.stat().st_size + sidecar_of(picture).stat().st_size


def leftovers(folder: Path) -> Iterator[Path]:
    """Finds temporary files of pictures and sidecars that were never finished; raises OSError as listing does."""
    return (path for path in folder.iterdir() if _TEMPORARY.fullmatch(path.name))
