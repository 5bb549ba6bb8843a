"""Columns out of MATLAB files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepbiq.datasets import DataSetError


def read_columns(sources: Mapping[str, Path]) -> dict[str, list[Any]]:
    """Reads vectors of numbers and cell arrays of words that belong together row by row.

    Args:
        sources: The file of each variable.

    Returns:
        By variable a list of float or str, all of the same length.

    Raises:
        OSError: When a file cannot be read.
        DataSetError: When it is no MATLAB file, lacks a variable or holds another kind, or the lengths differ.
    """
    contents = {path: _load(path) for path in set(sources.values())}
    columns = {}
    for name, path in sources.items():
        if name not in contents[path]:
            raise DataSetError(f"{path}: there is no variable {name!r}")
        try:
            columns[name] = [_plain(item) for item in contents[path][name].ravel()]
        except (TypeError, ValueError) as error:
            raise DataSetError(f"{path}: {name!r} holds neither numbers nor words: {error}") from error
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
    """Unwraps a word from its cell, which may be empty; a number is one already."""
    if isinstance(item, np.ndarray):
        return str(item.ravel()[0]) if item.size else ""
    return str(item) if isinstance(item, str) else float(item)
