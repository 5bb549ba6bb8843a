"""Columns out of MATLAB files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepbiq.datasets import DataSetError


def read_columns(sources: Mapping[str, Path]) -> dict[str, list[Any]]:
    """Reads vectors of numbers and cell arrays of words that belong together row by row.

    Args:
        sources: The file of each variable.

    Returns:
        By variable a list of float or str, all of the same length.

    Raises:
        OSError: When a file cannot be read.
        DataSetError: When it is no MATLAB file, lacks a variable, or the lengths differ.
    """
    contents = {path: _load(path) for path in set(sources.values())}
    columns = {}
    for name, path in sources.items():
        if name not in contents[path]:
            raise DataSetError(f"{path}: there is no variable {name!r}")
        columns[name] = [_plain(item) for item in contents[path][name].ravel()]
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataSetError(f"{next(iter(sources.values())).parent}: columns differ in length: {lengths}")
    return columns


def _load(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    data = io.BytesIO(path.read_bytes())
    try:
        content: dict[str, Any] = loadmat(data)
    except Exception as error:  # scipy raises whatever its parser stumbles over
        raise DataSetError(f"{path}: not a MATLAB file that can be read: {error}") from error
    return content


def _plain(item: Any) -> str | float:
    """Unwraps a word from its cell; a number is one already."""
    while hasattr(item, "ravel") and getattr(item, "size", 0) == 1 and item.dtype.kind in "OU" and item.ndim:
        item = item.ravel()[0]
    return str(item) if isinstance(item, str) else float(item)
