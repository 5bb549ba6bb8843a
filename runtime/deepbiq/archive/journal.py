"""The journal of a results folder: an index of its shards in SQLite.

It may be deleted at any time: the shards are the truth, and it is made again from them. It never claims a row that
no shard holds, because it learns of a shard when that is safely on disk. It knows only the newest row of each path
and model; whatever else a shard holds is superseded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from deepbiq.archive.database import Database, remove_database
from deepbiq.archive.entries import Entry
from deepbiq.archive.input_table import INPUT_TABLE
from deepbiq.archive.shards import Shard

_VERSION = 1
_APPLICATION = 0x64424951
"""Marks a database as a journal of deepbiq, in SQLite's own field for that."""
_TABLES = (
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
    """CREATE TABLE shards (
        number INTEGER PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, rows INTEGER NOT NULL)""",
    """CREATE TABLE rows (
        model INTEGER NOT NULL, path BLOB NOT NULL, shard INTEGER NOT NULL,
        size INTEGER, mtime_ns INTEGER, content_hash TEXT, error TEXT,
        PRIMARY KEY (model, path)) WITHOUT ROWID""",
    INPUT_TABLE,
)


def open_journal(path: Path, shards: Sequence[Shard]) -> Database:
    """Opens the database of a journal; one that is damaged, foreign or out of step with the shards is made anew.

    Args:
        path: Its file, made where it is missing.
        shards: Those that the folder holds now; the journal need not know all of them yet.

    Raises:
        OSError: When it cannot be made anew.
        sqlite3.Error: When it cannot be made anew.
    """
    return _open_fitting(path, {shard.number: (shard.size, shard.mtime_ns) for shard in shards}) or _make(path)


class Journal:
    """What the shards of a folder hold.

    Args:
        database: A database with the journal's tables.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def known_shards(self) -> set[int]:
        """Returns the numbers of the shards that it knows."""
        return {number for (number,) in self._database.rows("SELECT number FROM shards")}

    def last_shard(self) -> int:
        """Returns the highest number of a shard, 0 where there is none."""
        return int(self._database.value("SELECT coalesce(max(number), 0) FROM shards"))

    def add_shard(self, shard: Shard, entries: Iterable[Entry]) -> None:
        """Takes in all rows of a shard that is safely on disk and newer than all that are known."""
        with self._database.transaction():
            rows = self._database.change(
                "INSERT OR REPLACE INTO rows (model, path, size, mtime_ns, content_hash, error, shard)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((*entry, shard.number) for entry in entries),
            )
            self._database.change(
                "INSERT INTO shards VALUES (?, ?, ?, ?)", [(shard.number, shard.size, shard.mtime_ns, rows)]
            )

    def replace_shard(self, shard: Shard, rows: int) -> None:
        """Takes note that a shard has been written anew, with so many rows, all of them newest ones."""
        self._database.change(
            "UPDATE shards SET size = ?, mtime_ns = ?, rows = ? WHERE number = ?",
            [(shard.size, shard.mtime_ns, rows, shard.number)],
        )

    def forget_shard(self, number: int) -> None:
        """Forgets a shard that held superseded rows alone."""
        self._database.change("DELETE FROM shards WHERE number = ?", [(number,)])

    def shards_with_superseded_rows(self) -> set[int]:
        """Returns the numbers of the shards that hold more than newest rows."""
        rows = self._database.rows(
            "SELECT number, coalesce(newest, 0) AS kept FROM shards"
            " LEFT JOIN (SELECT shard, count(*) AS newest FROM rows GROUP BY shard) ON shard = number"
            " WHERE kept < shards.rows"
        )
        return {number for number, _ in rows}

    def is_newest(self, entry: Entry, number: int) -> bool:
        """Tells whether the newest row of an entry's path and model is the one in a shard."""
        query = "SELECT 1 FROM rows WHERE model = ? AND path = ? AND shard = ?"
        return bool(self._database.rows(query, (entry.model, entry.path, number)))

    def knows_failure(self, entry: Entry) -> bool:
        """Tells whether an entry is of a file that could not be read and its newest row says the same."""
        return entry.content_hash is None and bool(
            self._database.rows(
                "SELECT 1 FROM rows WHERE model = ? AND path = ? AND size IS ? AND mtime_ns IS ?"
                " AND content_hash IS ? AND error IS ?",
                entry,
            )
        )


def _open_fitting(path: Path, shards: Mapping[int, tuple[int, int]]) -> Database | None:
    try:
        database = Database(path)
    except sqlite3.Error:
        return None
    try:
        if _fits(database, shards):
            return database
    except sqlite3.Error:  # other tables, or damaged ones
        pass
    database.close()
    return None


def _fits(database: Database, shards: Mapping[int, tuple[int, int]]) -> bool:
    marks = database.value("PRAGMA application_id"), database.value("PRAGMA user_version")
    if marks != (_APPLICATION, _VERSION):
        return False
    known = database.rows("SELECT number, size, mtime_ns FROM shards")
    return all(shards.get(number) == (size, mtime_ns) for number, size, mtime_ns in known)


def _make(path: Path) -> Database:
    remove_database(path)
    database = Database(path)
    with database.transaction():
        for statement in _TABLES:
            database.define(statement)
    return database
