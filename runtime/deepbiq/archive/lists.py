"""Lists of pictures: one path a line, or a column of a CSV or Parquet file."""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from deepbiq.errors import ArchiveError
from deepbiq.imaging import printable
from deepbiq.inputs import read_list

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
TABLE_ENDINGS = (*_DELIMITERS, ".parquet")
"""What a file is called that has a column of paths, in lower case."""
LIST_ENDINGS = (".txt", *TABLE_ENDINGS)
"""What a file is called that is a list of pictures and not itself a picture, in lower case."""
_BATCH = 10_000


def read_paths(path: str, column: str, note: Callable[[str], None]) -> Iterator[str]:
    """Reads the entries of a list, streaming.

    Args:
        path: A file with one of `LIST_ENDINGS`. A .txt file has one path a line, or NUL bytes between them.
        column: The column of a file with one of `TABLE_ENDINGS` that holds the paths.
        note: Called with one sentence where entries were empty.

    Yields:
        The entries as they are written; empty ones are skipped.

    Raises:
        ArchiveError: When the list cannot be read, is none, or has no such column.
    """
    ending = os.path.splitext(path)[1].lower()  # noqa: PTH122  # as in folders: plain strings
    with _naming(path):
        if ending == ".txt":
            yield from _read_lines(path)
            return
        entries = (
            _read_parquet(path, column) if ending == ".parquet" else _read_csv(path, column, _DELIMITERS[ending])
        )
        empty = 0
        for entry in entries:
            if entry:
                yield entry
            else:
                empty += 1
    if empty:
        note(f"{printable(path)}: {empty} entries are empty and were left out")


def _read_lines(path: str) -> Iterator[str]:
    with Path(path).open("rb") as stream:
        if stream.peek(len(codecs.BOM_UTF8)).startswith(codecs.BOM_UTF8):
            stream.read(len(codecs.BOM_UTF8))
        yield from read_list(stream)


def _read_csv(path: str, column: str, delimiter: str) -> Iterator[str]:
    with Path(path).open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        rows = csv.reader(stream, delimiter=delimiter)
        place = _place_of(column, next(rows, []))
        for row in rows:
            # A short row lacks the path; an empty line is no row.
            if row:
                yield row[place] if place < len(row) else ""


def _read_parquet(path: str, column: str) -> Iterator[str]:
    # By a file object: pyarrow itself takes no path with bytes that are not UTF-8.
    with Path(path).open("rb") as stream:
        table = pq.ParquetFile(stream)
        field = table.schema_arrow.field(_place_of(column, table.schema_arrow.names))
        for batch in table.iter_batches(_BATCH, columns=[field.name]):
            for entry in _as_bytes(batch.column(0), field).to_pylist():
                yield os.fsdecode(entry or b"")


def _as_bytes(values: pa.Array, field: pa.Field) -> pa.Array:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    if not (is_text or is_bytes):
        raise ArchiveError(f"the column {field.name!r} holds {field.type}, paths are strings or bytes")
    return values.cast(kind).cast(pa.large_binary())


def _place_of(column: str, columns: list[str]) -> int:
    if column not in columns:
        there = ", ".join(map(repr, columns)) if columns else "it has none"
        raise ArchiveError(f"there is no column {column!r} (--column); the columns are: {there}")
    return columns.index(column)


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Puts the list's name before whatever is wrong with it."""
    try:
        yield
    except OSError as error:
        raise ArchiveError(f"{printable(path)} cannot be read: {error.strerror or error}") from error
    except (ArchiveError, csv.Error, pa.ArrowException) as error:
        raise ArchiveError(f"{printable(path)}: {error}") from error
