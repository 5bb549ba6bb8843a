"""Writing pictures and tables the way the authors of the data sets ship them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def touch(folder: Path, *names: str) -> None:
    """Empty files: readers look for pictures, not into them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def write_mat(path: Path, **variables: object) -> None:
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, variables)


def row_vector(values) -> np.ndarray:
    """A MATLAB row vector, shape (1, N)."""
    return np.array([values], dtype=np.float64)


def cell_column(words) -> np.ndarray:
    """A MATLAB cell array of words, shape (N, 1)."""
    return np.array(words, dtype=object).reshape(-1, 1)


def cell_row(words) -> np.ndarray:
    """A MATLAB cell array of words, shape (1, N)."""
    return np.array(words, dtype=object).reshape(1, -1)


def write_xlsx(path: Path, **sheets) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def told(pictures) -> list[tuple]:
    """What a test compares: name, MOS, standard deviation, subset, group."""
    return [
        (
            item.path.name,
            round(item.mos, 6),
            None if item.std is None else round(item.std, 6),
            item.subset,
            item.group,
        )
        for item in pictures
    ]
