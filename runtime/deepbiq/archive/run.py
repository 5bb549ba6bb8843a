"""The run: inputs without a result are graded and their rows written, shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

from deepbiq.archive.results import Results
from deepbiq.archive.row import Listed, Row

Grade = Callable[[Iterable[Listed]], Iterator[Row]]
"""Makes one row of every input, in any order. What it raises ends the run; the rows before it are written."""


@dataclass
class Summary:
    """What a run has done.

    Attributes:
        scored: Rows with a score.
        errors: Rows with an error.
    """

    scored: int = 0
    errors: int = 0


def run(
    results: Results,
    grade: Grade,
    *,
    shard_rows: int,
    at_once: int | None,
    advance: Callable[[], None],
    stopped: Callable[[], bool],
) -> Summary:
    """Grades every input that has no result yet.

    Args:
        results: Holds the inputs and takes the rows.
        grade: Grades them.
        shard_rows: Rows of a shard.
        at_once: Inputs that are graded and written before the next are begun: what a kill costs at most. None hands
            all of them to one call of `grade`.
        advance: Called after each row.
        stopped: No input is begun once it is true; what is in work is finished and written.

    Raises:
        ArchiveError: When rows cannot be written.
        EngineError: When inference fails, after the rows before it were written.
    """
    summary = Summary()

    def counted(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            if row.error is None:
                summary.scored += 1
            else:
                summary.errors += 1
            advance()
            yield row

    pending = takewhile(lambda _: not stopped(), results.pending())
    for inputs in _groups(pending, at_once):
        rows = grade(inputs)
        try:
            _write(results, counted(rows), shard_rows)
        finally:
            # Where rows cannot be written, nobody goes on making them.
            if isinstance(rows, Generator):
                rows.close()
    results.settle()
    return summary


def _groups(inputs: Iterator[Listed], size: int | None) -> Iterator[Iterable[Listed]]:
    if size is None:
        yield inputs
        return
    while group := list(islice(inputs, size)):
        yield group


def _write(results: Results, rows: Iterator[Row], shard_rows: int) -> None:
    """Writes rows in shards; what came before an error as well."""
    shard: list[Row] = []
    try:
        for row in rows:
            shard.append(row)
            if len(shard) == shard_rows:
                full, shard = shard, []
                results.append(full)
    finally:
        if shard:
            results.append(shard)
