"""The CSV log of a fine-tuning: one row a step, the agreement with people at the end of each epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepbiq.files import write_atomically

Row = dict[str, float | None]
"""Column to value; None where a column does not apply."""


@dataclass(frozen=True)
class TrainingLog:
    """A CSV file that survives kills: what a later checkpoint does not know of is dropped when training goes on.

    Attributes:
        path: The file.
        terms: Names of the parts of the loss.
    """

    path: Path
    terms: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Epoch and step are counted from 1; the rate is the pre-trained layers'; seconds are those of training."""
        outcome = ("learning_rate", "validation_plcc", "validation_srocc", "seconds")
        return ("epoch", "step", "loss", *(f"loss_{term}" for term in self.terms), *outcome)

    def begin(self, step: int) -> None:
        """Starts the file, or keeps the rows of an earlier run up to a step.

        Raises:
            OSError: When the disk is full or the folder not writable.
        """
        kept = [row for row in read_log(self.path) if (row["step"] or 0) <= step]
        write_atomically(self.path, self._text([list(self.columns), *map(self._cells, kept)]).encode())

    def append(self, row: Row) -> None:
        """Adds a row.

        Raises:
            OSError: When the disk is full.
        """
        with self.path.open("a", newline="", encoding="utf-8") as file:
            file.write(self._text([self._cells(row)]))

    def _cells(self, row: Row) -> list[str]:
        values = [row.get(column) for column in self.columns]
        return ["" if value is None else f"{value:.7g}" for value in values]

    @staticmethod
    def _text(lines: Sequence[Sequence[str]]) -> str:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(lines)
        return buffer.getvalue()


def read_log(path: Path) -> list[Row]:
    """Reads a log; without a file there are no rows. A row that a kill cut short is left out."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    if not lines:
        return []
    columns, rows = lines[0], []
    for cells in lines[1:]:
        try:
            values = [float(cell) if cell else None for cell in cells]
            rows.append(dict(zip(columns, values, strict=True)))
        except ValueError:
            continue
    return rows
