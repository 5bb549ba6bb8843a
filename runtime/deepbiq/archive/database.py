"""A SQLite file of one process that may be thrown away: never half a transaction, safe between threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

_CACHE_KIB = 32 * 1024


class Database:
    """A SQLite database that this process alone has open.

    Args:
        path: The file, made where it is missing.

    Raises:
        sqlite3.Error: When it cannot be opened, or is no database, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._lock = RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            # Exclusive, and before anything else: the write-ahead log then needs no shared memory, which network
            # file systems lack.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            # Without an fsync per transaction a power cut may take the last ones back, but leaves no half of one.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._check()
        except BaseException:
            self._connection.close()
            raise

    def _check(self) -> None:
        # Of a database that a failing disk or a half copied file has damaged, most statements notice nothing.
        fault = self.value("PRAGMA quick_check(1)")
        if fault != "ok":
            raise sqlite3.DatabaseError(fault)

    def close(self) -> None:
        """Closes the file; closing twice is allowed."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block is done, or nothing; other threads wait."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk makes SQLite itself roll back.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def change(self, statement: str, values: Iterable[Sequence[Any]]) -> int:
        """Runs a statement once for each tuple of values; returns how many rows it changed."""
        with self._lock:
            return self._connection.executemany(statement, values).rowcount

    def define(self, statement: str) -> None:
        """Runs a statement that is not about rows."""
        with self._lock:
            self._connection.execute(statement)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Returns all rows of a query: ask for few at a time."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def value(self, query: str, values: Sequence[Any] = ()) -> Any:
        """Returns the only value of a query."""
        return self.rows(query, values)[0][0]


def remove_database(path: Path) -> None:
    """Removes a database with its write-ahead log."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
