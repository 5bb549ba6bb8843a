"""The results folder of an archive: it grows by whole shards alone, and goes on after any kill."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pyarrow as pa

from deepbiq.archive.database import Database
from deepbiq.archive.entries import Entry, entries_in, entry_of, key_of
from deepbiq.archive.input_table import InputTable, Stock
from deepbiq.archive.journal import Journal, open_journal
from deepbiq.archive.reading import read_rows
from deepbiq.archive.results_head import admit, differences, read_head, write_head
from deepbiq.archive.results_lock import ResultsLock
from deepbiq.archive.row import Listed, Row, Yardstick
from deepbiq.archive.schema import table_of
from deepbiq.archive.shards import Shard, read_shard, remove_shard, remove_unfinished, shards_in, write_shard
from deepbiq.closable import Closable
from deepbiq.errors import ArchiveError
from deepbiq.imaging import printable

__all__ = ["Results", "Stock", "read_rows"]


class Results(Closable):
    """A results folder, locked; made by `open`, and a context manager that gives the lock back at its end.

    One thread may read `pending` while another one appends. Where the disk fails, an ArchiveError says so and how
    many rows are safe; the same call, made again, goes on from them.

    Args:
        folder: The folder.
        yardsticks: What its head shall say once it has rows of `yardstick`.
        yardstick: What the rows to come are made with.
        database: The journal's.
        held: Closes the journal and gives the lock back.
    """

    def __init__(
        self,
        folder: Path,
        yardsticks: tuple[Yardstick, ...],
        yardstick: Yardstick,
        database: Database,
        held: ExitStack,
    ) -> None:
        self._folder = folder
        self._yardsticks = yardsticks
        self._head_is_due = read_head(folder) != yardsticks
        self._models = _places_of(yardsticks)
        self._yardstick = yardstick
        self._journal = Journal(database)
        self._inputs = InputTable(database, self._models[yardstick.model])
        self._held = held
        self._safe = 0

    @classmethod
    def open(cls, folder: Path, yardstick: Yardstick, *, new_model: bool = False) -> Results:
        """Opens a results folder, or makes it.

        Args:
            folder: The folder.
            yardstick: What the rows to come are made with.
            new_model: Whether another model's rows may be put beside those that are there.

        Raises:
            ArchiveError: When somebody else uses the folder, when it cannot be written, or when it holds something
                else: tables of another schema, damaged ones, or scores that do not compare.
        """
        with _unusable(folder), ExitStack() as held:
            folder.mkdir(parents=True, exist_ok=True)
            # Before the lock, which must not be put into somebody else's folder; and again, now that nobody can
            # change the answer.
            _admit(folder, yardstick, new_model=new_model)
            held.callback(ResultsLock(folder / "_lock").release)
            yardsticks = _admit(folder, yardstick, new_model=new_model)
            remove_unfinished(folder)
            shards = shards_in(folder)
            if not shards and yardsticks != read_head(folder):
                write_head(folder, yardsticks)
            database = held.enter_context(closing(open_journal(folder / "_journal.sqlite", shards)))
            _take_in(shards, Journal(database), _places_of(yardsticks))
            return cls(folder, yardsticks, yardstick, database, held.pop_all())

    def take_stock(self, inputs: Iterable[Listed]) -> Stock:
        """Takes in the inputs of this call, in place of an earlier one's, and looks which of them are done.

        An input is done when it has a row of the same size and modification time and was read to its end.

        Args:
            inputs: In the order in which they are to be scored; what this raises is raised.
        """
        with self._telling_what_is_safe(sqlite3.Error):
            return self._inputs.fill(inputs)

    def pending(self) -> Iterator[Listed]:
        """Yields the inputs of this call that are not done; rows may be appended meanwhile."""
        with self._telling_what_is_safe(sqlite3.Error):
            yield from self._inputs.pending()

    def done(self) -> Iterator[tuple[Listed, str]]:
        """Yields the inputs of this call that are done, with the SHA-256 of what was scored."""
        with self._telling_what_is_safe(sqlite3.Error):
            yield from self._inputs.done()

    def reopen(self, path: str) -> None:
        """Makes an input pending again, because it holds something else than what was scored."""
        with self._telling_what_is_safe(sqlite3.Error):
            self._inputs.mark([key_of(path)], done=False)

    def append(self, rows: Sequence[Row]) -> None:
        """Stores rows as one shard; a failure that is stored already, the same in every way, is left out.

        Args:
            rows: Made with the folder's yardstick; of several for one path the last one is stored.

        Raises:
            ArchiveError: When a row was made with another yardstick, or the shard cannot be written.
        """
        rows = list({row.path: row for row in rows}.values())
        self._check_yardsticks(rows)
        with self._telling_what_is_safe(OSError, sqlite3.Error):
            known = self._models[self._yardstick.model]
            new = [(row, entry) for row in rows if not self._journal.knows_failure(entry := entry_of(row, known))]
            if new:
                self._write([row for row, _ in new], [entry for _, entry in new])

    def settle(self) -> None:
        """Removes rows that newer ones of the same path and model have superseded, shard by shard."""
        with self._telling_what_is_safe(OSError, sqlite3.Error):
            numbers = self._journal.shards_with_superseded_rows()
            for shard in shards_in(self._folder):
                if shard.number in numbers:
                    self._keep_newest(shard)

    def close(self) -> None:
        """Closes the journal and gives the lock back; closing twice is allowed."""
        self._held.close()

    def _check_yardsticks(self, rows: Sequence[Row]) -> None:
        other = next((row.yardstick for row in rows if row.yardstick != self._yardstick), None)
        if other is not None:
            raise ArchiveError(
                f"a picture was scored with {differences(other, self._yardstick)} and not with "
                f"{differences(self._yardstick, other)} as the others: where machines differ, name the precision "
                "and the plan"
            )

    def _write(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        # A further model is named no sooner than it has rows: a call that found nothing to score changes nothing.
        if self._head_is_due:
            write_head(self._folder, self._yardsticks)
            self._head_is_due = False
        shard = write_shard(self._folder, self._journal.last_shard() + 1, table_of(rows))
        # From here on the rows are safe; should the journal fail to learn of them, it does when it is opened again.
        self._safe += len(rows)
        self._journal.add_shard(shard, entries)
        self._inputs.mark((entry.path for entry in entries if entry.content_hash is not None), done=True)

    def _keep_newest(self, shard: Shard) -> None:
        newest = [self._journal.is_newest(entry, shard.number) for entry in entries_in(shard, self._models)]
        if any(newest):
            rewritten = write_shard(self._folder, shard.number, read_shard(shard).filter(pa.array(newest)))
            self._journal.replace_shard(rewritten, sum(newest))
        else:
            remove_shard(shard)
            self._journal.forget_shard(shard.number)

    @contextmanager
    def _telling_what_is_safe(self, *faults: type[Exception]) -> Iterator[None]:
        try:
            yield
        except faults as error:
            raise ArchiveError(
                f"{printable(str(self._folder))}: {_reason(error)}. {self._safe} rows of this call are safe; once "
                "this is mended, the same command goes on from there"
            ) from error


@contextmanager
def _unusable(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise ArchiveError(f"{printable(str(folder))} is a file: results need a folder") from error
    except (OSError, sqlite3.Error) as error:
        raise ArchiveError(f"{printable(str(folder))} cannot hold results: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _admit(folder: Path, yardstick: Yardstick, *, new_model: bool) -> tuple[Yardstick, ...]:
    # Without rows a head binds nobody: the call that wrote it found nothing to score, or was killed.
    known = read_head(folder) or ()
    return admit(known if shards_in(folder) else (), yardstick, folder, new_model=new_model)


def _places_of(yardsticks: Sequence[Yardstick]) -> dict[str, int]:
    return {yardstick.model: place for place, yardstick in enumerate(yardsticks)}


def _take_in(shards: Sequence[Shard], journal: Journal, models: Mapping[str, int]) -> None:
    known = journal.known_shards()
    for shard in shards:
        if shard.number not in known:
            journal.add_shard(shard, entries_in(shard, models))
