"""The inputs of one call, in the journal's database: which there are, and which are done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from deepbiq.archive.database import Database
from deepbiq.archive.entries import key_of
from deepbiq.archive.row import Listed

INPUT_TABLE = """CREATE TABLE inputs (
    position INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, size INTEGER, mtime_ns INTEGER, fault TEXT,
    done INTEGER NOT NULL)"""
_INSERT = """INSERT OR IGNORE INTO inputs (path, size, mtime_ns, fault, done)
    SELECT ?, ?, ?, ?, EXISTS(SELECT 1 FROM rows
        WHERE model = ? AND path = ? AND size IS ? AND mtime_ns IS ? AND content_hash IS NOT NULL)"""
_PENDING = """SELECT position, path, size, mtime_ns, fault FROM inputs
    WHERE position > ? AND NOT done ORDER BY position LIMIT ?"""
# A cross join keeps the order of the tables: started from the rows, every page would go through them all.
_DONE = """SELECT position, inputs.path, inputs.size, inputs.mtime_ns, content_hash
    FROM inputs CROSS JOIN rows ON rows.model = ? AND rows.path = inputs.path
    WHERE done AND position > ? ORDER BY position LIMIT ?"""
_CHUNK = 5000
_PAGE = 1000


@dataclass(frozen=True)
class Stock:
    """What a call has before it.

    Attributes:
        inputs: Distinct paths.
        named_twice: How often a path was named again.
        done: Inputs that have their row already.
    """

    inputs: int
    named_twice: int
    done: int


class InputTable:
    """The inputs of one call for one model.

    Args:
        database: The journal's database.
        model: The model's place in the folder's head.
    """

    def __init__(self, database: Database, model: int) -> None:
        self._database = database
        self._model = model

    def fill(self, inputs: Iterable[Listed]) -> Stock:
        """Takes in the inputs of this call, in place of an earlier one's; an input that has its row is done."""
        with self._database.transaction():
            self._database.define("DROP TABLE inputs")
            self._database.define(INPUT_TABLE)
        source = iter(inputs)
        named = kept = 0
        # Listed first, then stored: listing may take its time or fail, and is no part of a transaction.
        while chunk := [self._values(listed) for listed in islice(source, _CHUNK)]:
            with self._database.transaction():
                kept += self._database.change(_INSERT, chunk)
            named += len(chunk)
        done = self._database.value("SELECT count(*) FROM inputs WHERE done")
        return Stock(inputs=kept, named_twice=named - kept, done=done)

    def pending(self) -> Iterator[Listed]:
        """Yields the inputs that are not done, in the order of the source."""
        for _, path, size, mtime_ns, fault in self._pages(_PENDING, ()):
            yield Listed(path.decode("utf-8", "surrogateescape"), size, mtime_ns, fault)

    def done(self) -> Iterator[tuple[Listed, str]]:
        """Yields the inputs that are done with the hashes of their contents, in the order of the source."""
        for _, path, size, mtime_ns, content_hash in self._pages(_DONE, (self._model,)):
            yield Listed(path.decode("utf-8", "surrogateescape"), size, mtime_ns), content_hash

    def mark(self, paths: Iterable[bytes], *, done: bool) -> None:
        """Takes note that inputs are done, or have to be done again."""
        with self._database.transaction():
            self._database.change("UPDATE inputs SET done = ? WHERE path = ?", [(done, path) for path in paths])

    def _values(self, listed: Listed) -> tuple[Any, ...]:
        key = key_of(listed.path)
        state = (listed.size, listed.mtime_ns)
        return (key, *state, listed.fault, self._model, key, *state)

    def _pages(self, query: str, values: Sequence[Any]) -> Iterator[Any]:
        # Page by page: memory stays small, and rows may be stored between two items.
        last = 0
        while page := self._database.rows(query, (*values, last, _PAGE)):
            yield from page
            last = page[-1][0]
