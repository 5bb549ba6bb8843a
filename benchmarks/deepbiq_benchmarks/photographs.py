"""The photographs that a benchmark is given as arguments."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deepbiq.errors import OptionError
from deepbiq.inputs import expand


def find_photographs(arguments: Iterable[str]) -> list[Path]:
    """Finds what arguments stand for: files, folders (searched to the bottom), globs.

    Raises:
        OptionError: When one of them holds no picture, or a folder cannot be searched.
    """
    notes: list[str] = []
    paths = [Path(path) for path in expand(arguments, recursive=True, note=notes.append)]
    if notes:
        raise OptionError("; ".join(notes))
    return paths
