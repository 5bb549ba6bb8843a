"""Reading the table of a results folder, also while an archive is running."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from deepbiq.archive.results_head import read_head
from deepbiq.archive.schema import SCHEMA
from deepbiq.archive.shards import read_shard, shards_in
from deepbiq.errors import ArchiveError
from deepbiq.imaging import printable

_KEY = ["path", "path_bytes"]
_ATTEMPTS = 20


def read_rows(folder: Path, columns: Sequence[str] | None = None, *, model: str | None = None) -> pa.Table:
    """Reads the newest row of every path for one model.

    Args:
        folder: The results folder; it need not be locked.
        columns: Names of columns of `SCHEMA`; None reads all. Memory is proportional to them and to the paths.
        model: The model; None takes the one that was added last.

    Returns:
        The columns in the order asked for, the rows in the order in which they were scored.

    Raises:
        ArchiveError: When this is no results folder, it is of another schema or damaged, or lacks the model.
    """
    names = list(SCHEMA.names if columns is None else columns)
    try:
        wanted_model = _choose_model(folder, model)
        table = _read_settled(folder, list(dict.fromkeys([*_KEY, "model", *names])))
    except OSError as error:
        raise ArchiveError(f"{printable(str(folder))} cannot be read: {error.strerror or error}") from error
    table = table.filter(pc.equal(table.column("model"), wanted_model))
    return _newest(table).select(names)


def _choose_model(folder: Path, model: str | None) -> str:
    where = printable(str(folder))
    known = [yardstick.model for yardstick in read_head(folder) or ()]
    if not known:
        raise ArchiveError(f"{where} is no results folder: `deepbiq archive SOURCE --out {where}` makes one")
    if model is not None and model not in known:
        raise ArchiveError(f"{where} has no scores of {model}, only of {', '.join(known)}")
    return known[-1] if model is None else model


def _read_settled(folder: Path, columns: Sequence[str]) -> pa.Table:
    # A run that settles meanwhile removes rows whose successors are in shards that were not there yet: then all is
    # read again.
    for _ in range(_ATTEMPTS):
        shards = shards_in(folder)
        with suppress(FileNotFoundError):
            tables = [read_shard(shard, columns) for shard in shards]
            if set(shards) <= set(shards_in(folder)):
                empty = pa.schema([SCHEMA.field(name) for name in columns], SCHEMA.metadata).empty_table()
                return pa.concat_tables([empty, *tables])
    raise ArchiveError(f"{printable(str(folder))} changes faster than it can be read: try again when the run ends")


def _newest(table: pa.Table) -> pa.Table:
    numbered = table.select(_KEY).append_column("row", pa.array(np.arange(table.num_rows)))
    newest = numbered.group_by(_KEY).aggregate([("row", "max")]).column("row_max").to_numpy()
    if len(newest) == table.num_rows:
        return table
    mask = np.zeros(table.num_rows, bool)
    mask[newest] = True
    return table.filter(pa.array(mask))
