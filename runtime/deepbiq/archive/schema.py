"""The table of results: its columns, and the way from rows to it and back. docs/archive.md describes them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from deepbiq.archive.row import Facts, Row, Yardstick
from deepbiq.imaging import printable

SCHEMA_VERSION = 1
SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("path_bytes", pa.binary()),
        pa.field("size", pa.int64()),
        pa.field("mtime", pa.timestamp("ns", tz="UTC")),
        pa.field("content_hash", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("score", pa.float64()),
        pa.field("label", pa.string()),
        pa.field("spread", pa.float64()),
        pa.field("plan", pa.string(), nullable=False),
        pa.field("pool", pa.string(), nullable=False),
        pa.field("scale", pa.string(), nullable=False),
        pa.field("engine", pa.string(), nullable=False),
        pa.field("precision", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("warnings", pa.list_(pa.string()), nullable=False),
        pa.field("error", pa.string()),
        pa.field("camera", pa.string()),
        pa.field("taken", pa.timestamp("us")),
        pa.field("perceptual_hash", pa.binary()),
    ],
    metadata={"deepbiq.archive.schema": str(SCHEMA_VERSION)},
)


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Makes the table of some rows, in `SCHEMA`."""
    return pa.Table.from_pylist([_to_columns(row) for row in rows], schema=SCHEMA)


def rows_of(table: pa.Table | pa.RecordBatch) -> Iterator[Row]:
    """Reads a table in `SCHEMA` back into rows."""
    mtimes = table.column("mtime").cast(pa.int64()).to_pylist()
    plain = table.drop_columns(["mtime"]).to_pylist()
    return (_from_columns(entry, mtime_ns) for entry, mtime_ns in zip(plain, mtimes, strict=True))


def path_columns(path: str) -> tuple[str, bytes | None]:
    """Returns a path as the columns `path` and `path_bytes`.

    Text that UTF-8 can hold stands in `path` as it is. Where a file name has other bytes, `path` shows them as
    escapes and `path_bytes` holds the whole path exactly.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return printable(path), os.fsencode(path)
    return path, None


def path_of(path: str, path_bytes: bytes | None) -> str:
    """Returns the path that `path_columns` was given."""
    return path if path_bytes is None else os.fsdecode(path_bytes)


def _to_columns(row: Row) -> dict[str, Any]:
    path, path_bytes = path_columns(row.path)
    facts, yardstick = row.facts, row.yardstick
    return {
        "path": path,
        "path_bytes": path_bytes,
        "size": facts.size,
        "mtime": facts.mtime_ns,
        "content_hash": facts.content_hash,
        "width": facts.width,
        "height": facts.height,
        "score": row.score,
        "label": row.label,
        "spread": row.spread,
        "plan": yardstick.plan,
        "pool": yardstick.pool,
        "scale": yardstick.scale,
        "engine": row.engine,
        "precision": yardstick.precision,
        "model": yardstick.model,
        "warnings": list(row.warnings),
        "error": row.error,
        "camera": facts.camera,
        "taken": facts.taken,
        "perceptual_hash": facts.perceptual_hash,
    }


def _from_columns(entry: dict[str, Any], mtime_ns: int | None) -> Row:
    return Row(
        path=path_of(entry["path"], entry["path_bytes"]),
        facts=Facts(
            size=entry["size"],
            mtime_ns=mtime_ns,
            content_hash=entry["content_hash"],
            width=entry["width"],
            height=entry["height"],
            camera=entry["camera"],
            taken=entry["taken"],
            perceptual_hash=entry["perceptual_hash"],
        ),
        yardstick=Yardstick(*(entry[key] for key in ("model", "plan", "pool", "scale", "precision"))),
        engine=entry["engine"],
        score=entry["score"],
        label=entry["label"],
        spread=entry["spread"],
        warnings=tuple(entry["warnings"]),
        error=entry["error"],
    )
