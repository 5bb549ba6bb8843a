"""Tables with a heading: CSV files, and rows that came from elsewhere."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from deepbiq.datasets.rated import DataSetError


def read_csv_rows(table: Path, *, delimiter: str = ",") -> list[list[str]]:
    """Reads all rows of a CSV file in UTF-8, with or without a byte order mark.

    Raises:
        OSError: When it cannot be read.
        DataSetError: When it is not text or not CSV.
    """
    try:
        return list(csv.reader(table.read_text(encoding="utf-8-sig").splitlines(), delimiter=delimiter))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataSetError(f"{table}: not a CSV file in UTF-8: {error}") from error


def find_heading(rows: Sequence[Sequence[object]], names: Sequence[str]) -> int | None:
    """Returns the index of the first row that holds all names, whatever their case; None when none does."""
    wanted = {name.lower() for name in names}
    return next((i for i, row in enumerate(rows) if wanted <= {_word(cell).lower() for cell in row}), None)


def records(table: Path, rows: Sequence[Sequence[object]], *names: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Picks columns by their heading, which may stand below other rows.

    Args:
        table: The file, for messages.
        rows: Its rows; empty ones are passed over.
        *names: The columns, whatever their case in the heading.

    Yields:
        The row's number from one, and its cells by name: texts stripped, None where the row is too short.

    Raises:
        DataSetError: When no row holds all names.
    """
    start = find_heading(rows, names)
    if start is None:
        raise DataSetError(f"{table}: there is no heading with {', '.join(names)}")
    heading = [_word(cell).lower() for cell in rows[start]]
    places = {name: heading.index(name.lower()) for name in names}
    for number, row in enumerate(rows[start + 1 :], start=start + 2):
        cells = [cell.strip() if isinstance(cell, str) else cell for cell in row]
        if any(cell not in (None, "") for cell in cells):
            yield number, {name: cells[i] if i < len(cells) else None for name, i in places.items()}


def _word(cell: object) -> str:
    return "" if cell is None else str(cell).strip()
