"""What the journal keeps of a row, taken from the row itself or from its shard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa

from deepbiq.archive.row import Row
from deepbiq.archive.schema import path_of
from deepbiq.archive.shards import Shard, open_shard
from deepbiq.errors import ArchiveError
from deepbiq.imaging import printable

_COLUMNS = ["model", "path", "path_bytes", "size", "mtime", "content_hash", "error"]
_BATCH = 10_000


class Entry(NamedTuple):
    """What the journal keeps of a row.

    Attributes:
        model: The model's place in the folder's head, from 0.
        path: As `key_of` gives it.
        size: As in the row's facts, like the next two.
        mtime_ns: Nanoseconds since 1970, UTC.
        content_hash: SHA-256 as 64 hexadecimal digits; None where the file could not be read.
        error: The row's error.
    """

    model: int
    path: bytes
    size: int | None
    mtime_ns: int | None
    content_hash: str | None
    error: str | None


def key_of(path: str) -> bytes:
    """Returns a path as the journal has it; undecodable bytes of a file name become themselves again."""
    return path.encode("utf-8", "surrogateescape")


def entry_of(row: Row, model: int) -> Entry:
    """Returns the entry of a row."""
    facts = row.facts
    return Entry(model, key_of(row.path), facts.size, facts.mtime_ns, facts.content_hash, row.error)


def entries_in(shard: Shard, models: Mapping[str, int]) -> Iterator[Entry]:
    """Reads the entries of a shard in the order of its rows, some at a time.

    Args:
        shard: The shard.
        models: Place in the folder's head by model.

    Raises:
        ArchiveError: When the shard is damaged, of another schema, or has rows of a model that is not in the head.
    """
    with open_shard(shard) as opened:
        for batch in opened.iter_batches(_BATCH, columns=_COLUMNS):
            columns = [batch.column(name) for name in _COLUMNS]
            columns[_COLUMNS.index("mtime")] = batch.column("mtime").cast(pa.int64())
            for model, path, path_bytes, *facts in zip(*(column.to_pylist() for column in columns), strict=True):
                if model not in models:
                    raise ArchiveError(
                        f"{printable(str(shard.path))} has rows of {model}, which is not among the models of the "
                        "folder: move the file away"
                    )
                yield Entry(models[model], key_of(path_of(path, path_bytes)), *facts)
