"""Which pictures the page shows: the best, the worst, and the largest groups of pictures that show the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from deepbiq.archive.report.grouping import Group
from deepbiq.archive.report.records import Records
from deepbiq.archive.report.thumbnails import Thumbnail, thumbnail
from deepbiq.cores import usable_cores
from deepbiq.lookahead import map_ahead

_GROUPS_SHOWN = 24
MEMBERS_SHOWN = 6


@dataclass(frozen=True)
class Gallery:
    """Rows that the page shows as pictures.

    Attributes:
        best: The best first; one of each group.
        worst: The worst first; one of each group.
        groups: The largest, the largest first; of each the first `MEMBERS_SHOWN` are shown.
    """

    best: list[int]
    worst: list[int]
    groups: list[Group]

    def rows(self) -> list[int]:
        """Lists all rows that are shown, each once."""
        members = [row for group in self.groups for row in shown_members(group)]
        return sorted({*self.best, *self.worst, *members})


def shown_members(group: Group) -> tuple[int, ...]:
    """Returns the rows of a group that are shown, its best first."""
    return (group.best, *group.others)[:MEMBERS_SHOWN]


def choose_pictures(scored: int, groups: Sequence[Group], contact: int) -> Gallery:
    """Chooses the pictures of the page.

    Args:
        scored: Rows with a score, by rising score.
        groups: All groups.
        contact: Pictures on a contact sheet.
    """
    best_of = {row: group.best for group in groups for row in group.others}

    def sheet(rows: Iterable[int]) -> list[int]:
        chosen: dict[int, int] = {}
        for row in rows:
            if len(chosen) == contact:
                break
            chosen.setdefault(best_of.get(row, row), row)
        return list(chosen.values())

    largest = sorted(groups, key=lambda group: -len(group.others))[:_GROUPS_SHOWN]
    return Gallery(sheet(reversed(range(scored))), sheet(range(scored)), largest)


def draw_thumbnails(records: Records, rows: Sequence[int]) -> Iterator[tuple[int, Thumbnail]]:
    """Makes the thumbnails of some rows, several at once; yields each with its row."""

    def draw(row: int) -> tuple[int, Thumbnail]:
        return row, thumbnail(records.paths[row], records.table["content_hash"][row].as_py())

    cores = usable_cores()
    return map_ahead(draw, rows, 2 * cores, workers=cores)
