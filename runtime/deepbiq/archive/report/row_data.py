"""The rows of the page's table, as the JSON that its script reads: columns, texts that repeat only once."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

from markupsafe import Markup

from deepbiq.archive.report.grouping import Group
from deepbiq.archive.report.links import href_of
from deepbiq.archive.report.records import Records
from deepbiq.imaging import printable
from deepbiq.labels import LABELS

TABLE_ROWS = 50_000
"""Rows that the table holds at most: about 5 MB, and a browser still sorts them at once."""
Value = TypeVar("Value", bound=Hashable)


def rows_in_table(records: Records) -> list[int]:
    """Returns the rows that the table holds: all, or the worst and the best and as many errors as fit."""
    scored = list(range(records.scored))
    if len(scored) > TABLE_ROWS:
        half = TABLE_ROWS // 2
        scored = scored[:half] + scored[-half:]
    errors = range(records.scored, len(records))
    return [*scored, *errors[: TABLE_ROWS - len(scored)]]


def row_data(records: Records, groups: Sequence[Group], rows: Sequence[int]) -> dict[str, Any]:
    """Returns the table's rows as columns.

    `folders`, `cameras`, `notes` and `labels` hold texts, the columns of the same names in the singular their
    numbers, -1 for none. `group` is the number of a group from 1 on, negative for all but its best; 0 is none.
    `bursts` are the numbers of those that are bursts. `hrefs` holds, by row, the addresses that a script cannot
    make from folder and name.
    """
    table = records.table
    paths = [records.paths[row] for row in rows]
    columns = {name: _taken(table[name].to_pylist(), rows) for name in ("width", "height", "size", "label")}
    folders, folder = _numbered(printable(path.rpartition("/")[0]) for path in paths)
    cameras, camera = _numbered(map(_printable, _taken(table["camera"].to_pylist(), rows)))
    notes, note = _numbered(_notes(table["error"].to_pylist(), table["warnings"].to_pylist(), rows))
    membership = _membership(groups)
    numbers = [membership.get(row, 0) for row in rows]
    taken = [
        None if time is None else f"{time:%Y-%m-%d %H:%M:%S}" for time in _taken(table["taken"].to_pylist(), rows)
    ]
    return {
        "labels": LABELS,
        "bursts": sorted({abs(number) for number in numbers if number and groups[abs(number) - 1].kind == "burst"}),
        "folders": folders,
        "cameras": cameras,
        "notes": notes,
        "name": [printable(path.rpartition("/")[2]) for path in paths],
        "folder": folder,
        "score": [_rounded(score) for score in _taken(table["score"].to_pylist(), rows)],
        "spread": [_rounded(spread) for spread in _taken(table["spread"].to_pylist(), rows)],
        "label": [-1 if label is None else LABELS.index(label) for label in columns["label"]],
        "width": columns["width"],
        "height": columns["height"],
        "size": columns["size"],
        "camera": camera,
        "taken": taken,
        "note": note,
        "error": [int(row >= records.scored) for row in rows],
        "group": numbers,
        "hrefs": {place: href_of(path) for place, path in enumerate(paths) if printable(path) != path},
    }


def as_script(data: dict[str, Any]) -> Markup:
    """Writes data as JSON that may stand in a script element whatever it holds."""
    text = json.dumps(data, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  # nothing is left in it that HTML would take for its own


def _membership(groups: Sequence[Group]) -> dict[int, int]:
    numbers: dict[int, int] = {}
    for number, group in enumerate(groups, 1):
        numbers[group.best] = number
        numbers |= dict.fromkeys(group.others, -number)
    return numbers


def _taken(values: Sequence[Any], rows: Sequence[int]) -> list[Any]:
    return [values[row] for row in rows]


def _notes(
    errors: Sequence[str | None], warnings: Sequence[list[str]], rows: Sequence[int]
) -> Iterable[str | None]:
    return (_printable(errors[row] or "; ".join(warnings[row]) or None) for row in rows)


def _printable(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _numbered(values: Iterable[Value | None]) -> tuple[list[Value], list[int]]:
    """Returns the different values and, for each, its number; -1 for None."""
    numbers: dict[Value, int] = {}
    places = [-1 if value is None else numbers.setdefault(value, len(numbers)) for value in values]
    return list(numbers), places
