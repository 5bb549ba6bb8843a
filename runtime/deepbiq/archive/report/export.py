"""All rows as CSV, for spreadsheets: the columns of the results, the worst score first."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from deepbiq.archive.report.records import Records


def csv_of(records: Records) -> bytes:
    """Writes all rows as CSV in UTF-8, nothing rounded.

    Text stands in quotes and nothing stands without, so an empty text differs from none. Bytes are written as
    hexadecimal digits, warnings are joined by `; `.
    """
    stream = io.BytesIO()
    csv.write_csv(pa.table({name: _plain(records.table[name]) for name in records.table.column_names}), stream)
    return stream.getvalue()


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Makes of a column one that CSV can hold."""
    if pa.types.is_list(column.type):
        return pc.binary_join(column, "; ")
    if pa.types.is_binary(column.type):
        return pa.chunked_array(
            [[None if value is None else value.hex() for value in column.to_pylist()]], pa.string()
        )
    return column
