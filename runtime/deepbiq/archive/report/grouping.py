"""Pictures that show the same: copies of one picture, and the shots of a burst, each group with its best picture.

Groups are built around their best: the best picture that is in no group yet takes in everything that is alike *to
it*. So whatever is put aside has a better picture that shows the same, and no chain of small steps can swallow an
archive, as it can where likeness is passed on from member to member.

The constants were measured in November 2026 on BIQ2021 (7,200 pictures, see `likeness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepbiq.archive.likeness import HASH_BITS
from deepbiq.archive.report.records import Records

COPY_BITS = 12
"""Two pictures are copies if their hashes differ in at most so many of 256 bits. 99 % of recompressed or shrunken
copies do; in ss01, which shows scenes under many camera settings, 44 pairs lie at 8 or below, none up to 12, and
the next ten, the same scene in other light, between 13 and 16. Unrelated pictures begin at 77."""
BURST_BITS = 72
"""The same for two shots of a burst, where camera and time agree as well: the same scene re-framed, refocused or
differently exposed reaches into the seventies, and unrelated pictures begin at 77."""
BURST_GAP_S = 3
"""Seconds from one shot of a burst to the next. A choice: BIQ2021 has no times. Most cameras write whole seconds,
so shots less than three seconds apart always count and shots of four never do."""

_Rows = npt.NDArray[np.int32]
_BITS_SET = np.array([value.bit_count() for value in range(1 << 16)], np.uint8)


@dataclass(frozen=True)
class Group:
    """Pictures that show the same.

    Attributes:
        kind: `duplicates` where all are copies of the best, `burst` otherwise.
        best: Its row: the highest score, of equal ones the most pixels, of these the first path.
        others: The other rows, best first.
    """

    kind: Literal["duplicates", "burst"]
    best: int
    others: tuple[int, ...]


def find_groups(records: Records) -> list[Group]:
    """Finds pictures that show the same, among those that have a score.

    Time and memory grow about as the number of pictures: every picture is compared only with those that share one
    of 13 parts of its hash (a copy must: 12 bits cannot touch 13 parts), its content, or its burst.

    Returns:
        Groups of at least two, best picture first; every row is in one at most.
    """
    finder = _Finder(records)
    candidates = finder.ranking[finder.has_company[finder.ranking]].tolist()
    groups = (finder.around(best) for best in candidates if not finder.grouped[best])
    return [group for group in groups if group is not None]


class _Buckets:
    """Rows by a key, so that those with the same key are found at once.

    Args:
        keys: (n,), of each row; negative for rows that have none.
    """

    def __init__(self, keys: npt.NDArray[np.int64]) -> None:
        self._order: _Rows = np.argsort(keys, kind="stable").astype(np.int32)
        in_order = keys[self._order]
        self._begin: _Rows = np.searchsorted(in_order, keys, "left").astype(np.int32)
        self._end: _Rows = np.searchsorted(in_order, keys, "right").astype(np.int32)
        self._begin[keys < 0] = self._end[keys < 0]
        self.shared: npt.NDArray[np.bool_] = self._end - self._begin > 1

    def mates(self, row: int) -> _Rows:
        """Returns the rows with the same key, with the row itself."""
        return self._order[self._begin[row] : self._end[row]]


class _Finder:
    """What it takes to find a picture's group: indexes, and which rows are in a group already."""

    def __init__(self, records: Records) -> None:
        table = records.table.slice(0, records.scored)
        codes = _codes_of(table)
        coded = codes.any(axis=1)
        self._codes = np.ascontiguousarray(codes).view(np.uint16)
        self._content = _Buckets(_numbered(table["content_hash"]))
        self._parts = [_Buckets(np.where(coded, keys, -1)) for keys in _parts_of(codes)]
        self._bursts = _Buckets(np.where(coded, _burst_numbers(table), -1))
        self.ranking = _ranking_of(table)
        self.place = np.empty_like(self.ranking)
        self.place[self.ranking] = np.arange(len(self.ranking))
        self.grouped = np.zeros(len(self.ranking), np.bool_)
        self.has_company = np.any([index.shared for index in (self._content, self._bursts, *self._parts)], axis=0)

    def around(self, best: int) -> Group | None:
        """Makes the group of a row that is in none yet; None where it stands alone."""
        similar = np.concatenate([part.mates(best) for part in self._parts])
        copies = [self._free(self._content.mates(best)), self._within(best, similar, COPY_BITS)]
        shots = self._within(best, self._bursts.mates(best), BURST_BITS)
        members = np.union1d(np.concatenate(copies), shots)
        others = members[members != best]
        if not len(others):
            return None
        self.grouped[members] = True
        kind: Literal["duplicates", "burst"] = (
            "burst" if len(np.setdiff1d(others, np.concatenate(copies))) else "duplicates"
        )
        return Group(kind, best, tuple(others[np.argsort(self.place[others])].tolist()))

    def _free(self, rows: _Rows) -> _Rows:
        return rows[~self.grouped[rows]]

    def _within(self, best: int, rows: _Rows, bits: int) -> _Rows:
        free = self._free(rows)
        return free[differing_bits(self._codes[free], self._codes[best]) <= bits]


def differing_bits(codes: npt.NDArray[np.uint16], code: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """Counts the bits in which hashes differ from one.

    Args:
        codes: (n, 16) uint16.
        code: (16,) uint16.

    Returns:
        (n,), 0..256.
    """
    differing: npt.NDArray[np.int64] = _BITS_SET[codes ^ code].sum(axis=1, dtype=np.int64)
    return differing


def _codes_of(table: pa.Table) -> npt.NDArray[np.uint8]:
    """Returns (n, 32) uint8: the hashes, zeros where there is none."""
    length = HASH_BITS // 8
    nothing = bytes(length)
    hashes: Sequence[bytes | None] = table["perceptual_hash"].to_pylist()
    joined = b"".join(code if code is not None and len(code) == length else nothing for code in hashes)
    return np.frombuffer(joined, np.uint8).reshape(-1, length)


def _parts_of(codes: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.int64]]:
    """Cuts hashes into one part more than copies may differ in bits: one at least is the same in both."""
    borders = np.linspace(0, HASH_BITS, COPY_BITS + 2).astype(int)
    parts = []
    for begin, end in pairwise(borders):
        first = begin // 8
        bits = np.unpackbits(codes[:, first : (end + 7) // 8], axis=1)[:, begin - 8 * first : end - 8 * first]
        parts.append(bits @ (1 << np.arange(end - begin)))
    return parts


def _numbered(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Gives equal values equal numbers from 0 on, and nothing -1."""
    indices = column.combine_chunks().dictionary_encode().indices.fill_null(-1)
    return np.asarray(indices.to_numpy(zero_copy_only=False), np.int64)


def _burst_numbers(table: pa.Table) -> npt.NDArray[np.int64]:
    """Numbers the runs of one camera's shots that follow each other closely; -1 without camera or time."""
    cameras = _numbered(table["camera"])
    times = table["taken"].to_numpy().astype("datetime64[us]")
    known = np.flatnonzero((cameras >= 0) & ~np.isnat(times))
    numbers = np.full(len(cameras), -1, np.int64)
    order = known[np.lexsort((times[known], cameras[known]))]
    apart = np.diff(times[order]) > np.timedelta64(BURST_GAP_S, "s")
    breaks = apart | (np.diff(cameras[order]) != 0)
    numbers[order[:1]] = 0
    numbers[order[1:]] = np.cumsum(breaks)
    return numbers


def _ranking_of(table: pa.Table) -> _Rows:
    """Orders rows from the best to the worst; the table itself is by rising score, equal ones by path."""
    scores = table["score"].to_numpy()
    sides = [
        np.asarray(table[side].cast(pa.int64()).fill_null(0).to_numpy(), np.int64) for side in ("width", "height")
    ]
    return np.lexsort((np.arange(len(scores)), -sides[0] * sides[1], -scores)).astype(np.int32)
