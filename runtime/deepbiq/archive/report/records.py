"""The rows that a report is about, as columns: worst score first, rows without a score last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepbiq.archive.results import read_rows
from deepbiq.archive.schema import path_of
from deepbiq.errors import ArchiveError


@dataclass(frozen=True, eq=False)
class Records:
    """Rows by rising score, equal scores by path; those without a score come last.

    Attributes:
        table: In `schema.SCHEMA`; n rows.
    """

    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def scored(self) -> int:
        """How many rows have a score: they are rows 0 to `scored` - 1."""
        return len(self) - int(self.table["score"].null_count)

    @cached_property
    def paths(self) -> list[str]:
        """Paths as the source has them; undecodable bytes are lone surrogates."""
        return [path_of(*both) for both in zip(self.column("path"), self.column("path_bytes"), strict=True)]

    @cached_property
    def scores(self) -> npt.NDArray[np.float64]:
        """(scored,) float64, 0..100, rising."""
        return np.asarray(self.table["score"][: self.scored].to_numpy(), np.float64)

    def column(self, name: str) -> list[Any]:
        """Returns a column as Python values, None where there is none."""
        values: list[Any] = self.table[name].to_pylist()
        return values

    @cached_property
    def sizes(self) -> list[int | None]:
        """Bytes of the files."""
        return self.column("size")

    @cached_property
    def mtimes_ns(self) -> list[int | None]:
        """Modification times in nanoseconds since 1970."""
        times: list[int | None] = self.table["mtime"].cast(pa.int64()).to_pylist()
        return times


def read_records(results: Path, model: str | None) -> Records:
    """Reads the newest row of every input.

    Args:
        results: A results folder.
        model: The model whose rows to read; None takes the one that was added last.

    Raises:
        ArchiveError: When the folder is none of results, has no such model, or no rows yet.
    """
    table = read_rows(results, model=model)
    if not table.num_rows:
        raise ArchiveError(f"{results}: there are no rows yet: run  deepbiq archive SOURCE --out {results}  first")
    return sort_records(table)


def sort_records(table: pa.Table) -> Records:
    """Brings a table in `schema.SCHEMA` into the order of `Records`."""
    return Records(table.sort_by([("score", "ascending"), ("path", "ascending")]).combine_chunks())
