"""The two stages of a run on Ray: tasks that decode, and actors that score. Both run in Ray's worker processes.

Between them inputs travel as half-made rows: a row's table without a score, with the pixels beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepbiq.archive.decoders import Decoders
from deepbiq.archive.grading import row_of
from deepbiq.archive.preparing import Preparation, Prepared
from deepbiq.archive.ray_ledger import Ledger
from deepbiq.archive.row import Listed, Row, Yardstick
from deepbiq.archive.schema import SCHEMA, path_columns, path_of, rows_of, table_of
from deepbiq.errors import DeepBIQError
from deepbiq.lookahead import map_ahead
from deepbiq.scorer import Scorer

BLOCK = "block"
"""The column that says which block of inputs a row belongs to, in every table of a run."""

_LISTED = pa.schema(
    [
        pa.field(BLOCK, pa.int64()),
        pa.field("path", pa.string()),
        pa.field("path_bytes", pa.binary()),
        pa.field("size", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
        pa.field("fault", pa.string()),
    ]
)


def listed_table(block: int, inputs: Iterable[Listed]) -> pa.Table:
    """Makes the table of a block of inputs."""
    rows = []
    for listed in inputs:
        path, path_bytes = path_columns(listed.path)
        rows.append(
            {
                BLOCK: block,
                "path": path,
                "path_bytes": path_bytes,
                "size": listed.size,
                "mtime_ns": listed.mtime_ns,
                "fault": listed.fault,
            }
        )
    return pa.Table.from_pylist(rows, schema=_LISTED)


def decode(
    table: pa.Table,
    *,
    how: Preparation,
    yardstick: Yardstick,
    processes: int,
    timeout_s: float,
    ledger: Ledger,
) -> pa.Table:
    """Decodes a block of inputs.

    Args:
        table: From `listed_table`.
        how: How pictures are prepared.
        yardstick: What the scores will have in common.
        processes: Decode processes of this worker: a picture that crashes or blocks one costs only itself.
        timeout_s: Seconds after which a file that does not answer is given up.
        ledger: Says whether the block may be begun.

    Returns:
        Half-made rows; none of a block that may not be begun.
    """
    block = table.column(BLOCK)[0].as_py()
    if not ledger.admit(block):
        return _half_made(block, [], yardstick)
    decoders = _decoders(how, processes, timeout_s)
    prepared = map_ahead(
        lambda listed: (listed.path, decoders.prepare(listed)),
        _listed_of(table),
        2 * processes,
        workers=processes,
    )
    with _reporting(ledger):
        return _half_made(block, list(prepared), yardstick)


class ScoringActor:
    """Scores blocks of decoded pictures, one after the other, with a scorer that is loaded once.

    Args:
        load_scorer: Loads it at the first block, as Ray would start an actor anew that cannot be created.
        ledger: Told of every block, and of the error that ends the run.
    """

    def __init__(self, load_scorer: Callable[[], Scorer], ledger: Ledger) -> None:
        self._load_scorer = load_scorer
        self._ledger = ledger
        self._scorer: Scorer | None = None

    def __call__(self, table: pa.Table) -> pa.Table:
        """Turns half-made rows into rows."""
        if not table.num_rows:
            return _finished([], table)
        block = f"the {table.num_rows} pictures from {table.column('path')[0]} on"
        with _reporting(self._ledger):
            self._ledger.begin(block)
            rows = self._score(table)
        self._ledger.finish(block)
        return _finished(rows, table)

    def _score(self, table: pa.Table) -> list[Row]:
        if self._scorer is None:
            self._scorer = self._load_scorer()
        scorer = self._scorer
        halves = zip(rows_of(table.select(SCHEMA.names)), _pixels_of(table), strict=True)
        return [
            row_of(half.path, Prepared(half.facts, bgr, half.warnings, half.error), scorer) for half, bgr in halves
        ]


def _finished(rows: list[Row], halves: pa.Table) -> pa.Table:
    return table_of(rows).append_column(BLOCK, halves.column(BLOCK))


@contextmanager
def _reporting(ledger: Ledger) -> Iterator[None]:
    try:
        yield
    except DeepBIQError as error:
        ledger.report(error)
        raise


@lru_cache(maxsize=1)
def _decoders(how: Preparation, processes: int, timeout_s: float) -> Decoders:
    """The decode processes of this worker; they end when it does."""
    return Decoders(how, count=processes, timeout_s=timeout_s)


def _listed_of(table: pa.Table) -> Iterator[Listed]:
    for entry in table.to_pylist():
        yield Listed(path_of(entry["path"], entry["path_bytes"]), entry["size"], entry["mtime_ns"], entry["fault"])


def _half_made(block: int, prepared: Sequence[tuple[str, Prepared]], yardstick: Yardstick) -> pa.Table:
    halves = [
        Row(path, item.facts, yardstick, engine="", warnings=item.warnings, error=item.error)
        for path, item in prepared
    ]
    pictures = [item.bgr for _, item in prepared]
    pixels = [None if bgr is None else bgr.data.cast("B") for bgr in pictures]
    shapes = [None if bgr is None else bgr.shape for bgr in pictures]
    return (
        table_of(halves)
        .append_column(BLOCK, pa.array([block] * len(halves), pa.int64()))
        .append_column("bgr", pa.array(pixels, pa.large_binary()))
        .append_column("shape", pa.array(shapes, pa.list_(pa.int64())))
    )


def _pixels_of(table: pa.Table) -> Iterator[npt.NDArray[np.uint8] | None]:
    """Returns the (H, W, 3) pictures of half-made rows; they are views of the block and cannot be written to."""
    for data, shape in zip(table.column("bgr"), table.column("shape"), strict=True):
        yield np.frombuffer(data.as_buffer(), np.uint8).reshape(shape.as_py()) if data.is_valid else None
