"""The shards of a results folder, `rows-000001.parquet` and on: the truth about what has been scored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from deepbiq.archive.schema import SCHEMA
from deepbiq.errors import ArchiveError
from deepbiq.files import sync_folder, write_atomically
from deepbiq.imaging import printable

_NAME = re.compile(r"rows-(\d{6,})\.parquet")
_UNFINISHED = (".rows-*.parquet.*", "._archive.json.*")
"""What `write_atomically` leaves behind when it is killed."""


@dataclass(frozen=True)
class Shard:
    """One file of rows, as the folder lists it.

    Attributes:
        number: Its place in the order of writing, from 1; a row supersedes those of earlier shards.
        path: The file.
        size: Bytes.
        mtime_ns: Modification time in nanoseconds since 1970; with `size` it tells whether it is still the same.
    """

    number: int
    path: Path
    size: int
    mtime_ns: int


def shards_in(folder: Path) -> list[Shard]:
    """Lists the shards of a folder in the order of writing; raises OSError where that fails."""
    shards = []
    for path in folder.iterdir():
        if match := _NAME.fullmatch(path.name):
            with suppress(FileNotFoundError):  # removed meanwhile by the run that reading does not wait for
                shards.append(_shard(int(match[1]), path))
    return sorted(shards, key=lambda shard: shard.number)


def write_shard(folder: Path, number: int, table: pa.Table) -> Shard:
    """Writes a shard completely or not at all, in place of an earlier one of the same number.

    Args:
        folder: The results folder.
        number: The shard's number.
        table: Its rows, in `SCHEMA`.

    Raises:
        OSError: When the disk is full or the folder cannot be written; what was there is untouched.
    """
    path = folder / f"rows-{number:06d}.parquet"
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())
    return _shard(number, path)


def remove_shard(shard: Shard) -> None:
    """Removes a shard that holds nothing any more."""
    shard.path.unlink()
    sync_folder(shard.path.parent)


@contextmanager
def open_shard(shard: Shard) -> Iterator[pq.ParquetFile]:
    """Opens a shard for reading.

    Raises:
        ArchiveError: When it is damaged or of another schema, also where that shows only while it is read.
        FileNotFoundError: When it is gone.
    """
    # By a file object: pyarrow itself takes no path with bytes that are not UTF-8.
    with shard.path.open("rb") as file:
        try:
            opened = pq.ParquetFile(file)
            _check_schema(shard, opened.schema_arrow)
            yield opened
        except (pa.ArrowException, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise ArchiveError(
                f"{printable(str(shard.path))} is damaged ({reason}): move it away, and its pictures are scored "
                "again"
            ) from error


def read_shard(shard: Shard, columns: Sequence[str] | None = None) -> pa.Table:
    """Reads some columns of a shard, or all; raises as `open_shard` does."""
    with open_shard(shard) as opened:
        return opened.read(columns)


def remove_unfinished(folder: Path) -> None:
    """Removes what writers that were killed have left half written; only for who holds the folder's lock."""
    for pattern in _UNFINISHED:
        for path in folder.glob(pattern):
            path.unlink()


def _shard(number: int, path: Path) -> Shard:
    status = path.stat()
    return Shard(number, path, status.st_size, status.st_mtime_ns)


def _check_schema(shard: Shard, schema: pa.Schema) -> None:
    if not schema.equals(SCHEMA) or schema.metadata != SCHEMA.metadata:
        raise ArchiveError(
            f"{printable(str(shard.path))} has other columns than this deepbiq's results: move it away, or take "
            "another results folder"
        )
