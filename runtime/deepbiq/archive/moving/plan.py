"""Which files are to be moved aside, and which are not and why. Nothing is changed here."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepbiq.archive.moving.links import parting_moves
from deepbiq.archive.moving.placing import TAKEN, Stamp, stamp_of
from deepbiq.archive.remote import is_remote
from deepbiq.archive.report.grouping import Group
from deepbiq.archive.report.records import Records
from deepbiq.errors import ArchiveError
from deepbiq.imaging import printable

CHANGED = "it has changed since it was scored"


@dataclass(frozen=True)
class Wish:
    """A picture that somebody wants in another folder.

    Attributes:
        row: Its row.
        folder: Where to; absolute.
        instead_of: The row of the better picture that stays; None where it is not moved for the sake of one.
    """

    row: int
    folder: Path
    instead_of: int | None = None


@dataclass(frozen=True)
class Move:
    """A file that can be moved."""

    source: Path
    target: Path
    stamp: Stamp
    score: float


@dataclass(frozen=True)
class Refusal:
    """A file that stays where it is."""

    source: str
    reason: str


def below(records: Records, threshold: float, folder: Path) -> Iterator[Wish]:
    """Wants every picture with a lower score in a folder."""
    rows = int(np.searchsorted(records.scores, threshold, "left"))
    return (Wish(row, folder) for row in range(rows))


def all_but_best(groups: Sequence[Group], folder: Path) -> Iterator[Wish]:
    """Wants all pictures but the best of every group in a folder."""
    return (Wish(row, folder, group.best) for group in groups for row in group.others)


def plan_moves(records: Records, wishes: Iterable[Wish]) -> tuple[list[Move], list[Refusal]]:
    """Finds out which wishes can be fulfilled; of several for one picture the first counts.

    A file keeps its path below the deepest folder that all local files of the archive share. Where a link and what
    it leads to would be parted, they stay.
    """
    root = _common_root(records)
    moves, refusals = [], []
    wanted: dict[int, Wish] = {}
    for wish in wishes:
        wanted.setdefault(wish.row, wish)
    for wish in wanted.values():
        path = records.paths[wish.row]
        try:
            moves.append(_move_of(records, wish, root))
        except _RefusedError as refused:
            refusals.append(Refusal(path, str(refused)))
        except OSError as error:
            refusals.append(Refusal(path, error.strerror or str(error)))
    parting = parting_moves(
        {move.source: move.target for move in moves}, _staying(records, wanted.values(), moves, refusals)
    )
    refusals += [Refusal(str(source), reason) for source, reason in parting.items()]
    return [move for move in moves if move.source not in parting], refusals


def target_folder(folder: Path) -> Path:
    """Checks a folder that files are to be moved to; it may be missing.

    Raises:
        ArchiveError: When something else is there, or nobody may look.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100  # Path.resolve would follow links
    name = printable(str(folder))
    try:
        taken = folder.exists() and not folder.is_dir()
    except OSError as error:
        raise ArchiveError(f"{name}: nothing can be moved there: {error.strerror or error}") from error
    if taken:
        raise ArchiveError(f"{name} is not a folder: nothing can be moved there")
    return folder


class _RefusedError(Exception):
    """Why a picture is not moved."""


def _common_root(records: Records) -> Path:
    folders = {path.rpartition("/")[0] or "/" for path in records.paths if not is_remote(path)}
    return Path(os.path.commonpath(folders)) if folders else Path("/")


def _staying(
    records: Records, wishes: Iterable[Wish], moves: Iterable[Move], refusals: Iterable[Refusal]
) -> list[Path]:
    """Lists the local pictures that stay although moves are about them: the best of groups, and what is refused."""
    better = (records.paths[wish.instead_of] for wish in wishes if wish.instead_of is not None)
    staying = {*better, *(refusal.source for refusal in refusals)} - {str(move.source) for move in moves}
    return [Path(path) for path in staying if not is_remote(path)]


def _move_of(records: Records, wish: Wish, root: Path) -> Move:
    path = records.paths[wish.row]
    if is_remote(path):
        raise _RefusedError("it is remote; only local files are moved")
    source = Path(path)
    stamp = _unchanged(records, wish.row)
    if wish.instead_of is not None:
        _check_best(records, wish.instead_of)
    if source.is_relative_to(wish.folder):
        raise _RefusedError(f"it lies in {printable(str(wish.folder))} already")
    target = wish.folder / source.relative_to(root)
    if stamp_of(target) is not None:
        raise _RefusedError(f"{TAKEN}: {printable(str(target))}")
    return Move(source, target, stamp, float(records.scores[wish.row]))


def _unchanged(records: Records, row: int) -> Stamp:
    """Returns the stamp of a picture that is as it was when it was scored; of a link its own."""
    path = Path(records.paths[row])
    stamp = stamp_of(path)
    if stamp is None:
        raise _RefusedError("it is no longer there")
    try:
        status = path.stat()
    except FileNotFoundError:
        raise _RefusedError("it is a link that leads nowhere any more") from None
    scored = records.sizes[row], records.mtimes_ns[row]
    if not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != scored:
        raise _RefusedError(CHANGED)
    return stamp


def _check_best(records: Records, best: int) -> None:
    try:
        if not is_remote(records.paths[best]):
            _unchanged(records, best)
    except _RefusedError as refused:
        path = printable(records.paths[best])
        raise _RefusedError(f"the best of its group, {path}, is not as it was: {refused}") from None
