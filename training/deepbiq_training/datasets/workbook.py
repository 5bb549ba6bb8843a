"""Rows out of Excel workbooks."""

from __future__ import annotations

import io
from pathlib import Path

from deepbiq.datasets import DataSetError


def read_sheet_rows(path: Path, sheet: str | None = None) -> list[list[object]]:
    """Reads the values of one sheet, formulas as they were last computed.

    Args:
        path: An `.xlsx` file.
        sheet: Its name; None takes the first.

    Raises:
        OSError: When the file cannot be read.
        DataSetError: When it is no workbook or has no such sheet.
    """
    from openpyxl import load_workbook

    data = io.BytesIO(path.read_bytes())
    try:
        book = load_workbook(data, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises whatever its parser stumbles over
        raise DataSetError(f"{path}: not a workbook that can be read: {error}") from error
    if sheet is not None and sheet not in book.sheetnames:
        raise DataSetError(f"{path}: there is no sheet {sheet!r}, only {', '.join(book.sheetnames)}")
    rows = book[sheet or book.sheetnames[0]].iter_rows(values_only=True)
    return [list(row) for row in rows]
