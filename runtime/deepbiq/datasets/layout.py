"""Finding the files of an official layout."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepbiq.datasets.rated import DataSetError


@contextmanager
def official_layout(root: Path, title: str) -> Iterator[None]:
    """Turns a file or folder that is not there into a DataSetError that names the data set."""
    try:
        yield
    except OSError as error:
        raise DataSetError(f"{root} is not {title}'s official layout: {error}") from error


def files_by_name(folder: Path) -> dict[str, Path]:
    """Lists a folder by lower-case name: tables and disks disagree on case in several data sets.

    Raises:
        OSError: When there is no such folder.
    """
    return {path.name.lower(): path for path in folder.iterdir()}


def first_present(root: Path, *names: str) -> Path:
    """Returns the first of several files or folders that is there.

    Raises:
        FileNotFoundError: When none is.
    """
    for name in names:
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(errno.ENOENT, "There is none of", ", ".join(names))
