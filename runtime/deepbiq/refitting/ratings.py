"""What a user thinks of pictures, read from a CSV file: scores, or which of two pictures is the better one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepbiq.datasets.collector import RatingCollector
from deepbiq.datasets.faults import list_faults
from deepbiq.datasets.rated import DataSetError
from deepbiq.datasets.rating_scale import RatingScale
from deepbiq.datasets.tables import find_heading, read_csv_rows, records

SCORE_HEADINGS = (("path", "score"), ("path", "mos"))
PAIR_HEADING = ("better", "worse")
GROUP = "group"


@dataclass(frozen=True, eq=False)
class Ratings:
    """Judgements of pictures, all scores or all preferences.

    Attributes:
        file: The CSV file.
        sha256: Of its bytes.
        paths: Each picture once.
        groups: Of each picture the group that its user put it into; empty names where there is none.
        judged: (M, 1) the picture of each score, or (M, 2) the better and the worse picture of each preference,
            as indices into `paths`.
        scores: (M,) 0..100, higher is better; None for preferences.
        scale: The scale that the file's scores are on; None for preferences.
    """

    file: Path
    sha256: str
    paths: tuple[Path, ...]
    groups: tuple[str, ...]
    judged: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64] | None
    scale: RatingScale | None


def read_ratings(file: Path, scale: RatingScale) -> Ratings:
    """Reads ratings.

    The heading says what they are: `path,score` (or `path,mos`), with `group` if wanted, or `better,worse`; other
    columns are passed over. Paths are absolute or relative to the folder of the CSV file.

    Args:
        file: A CSV file in UTF-8.
        scale: The scale of scores; preferences have none.

    Raises:
        DataSetError: When the file cannot be read, its heading says neither or both, a score is no number or
            outside the scale, a picture has two scores, is preferred to itself, or is missing; the message lists
            the faults.
    """
    try:
        data = file.read_bytes()
        rows = read_csv_rows(file)
    except OSError as error:
        raise DataSetError(f"{file} cannot be read: {error.strerror or error}") from error
    sha256 = hashlib.sha256(data).hexdigest()
    heading = _heading(file, rows)
    if heading == PAIR_HEADING:
        return _read_preferences(file, sha256, rows)
    return _read_scores(file, sha256, rows, heading, scale)


def _heading(file: Path, rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    found = [names for names in (*SCORE_HEADINGS, PAIR_HEADING) if find_heading(rows, names) is not None]
    if len(found) != 1:
        first = ",".join(rows[0]) if rows else "an empty file"
        raise DataSetError(
            f"{file}: the first line must name the columns path and score, or better and worse; got {first!r}"
        )
    return found[0]


def _read_scores(
    file: Path, sha256: str, rows: list[list[str]], heading: tuple[str, ...], scale: RatingScale
) -> Ratings:
    grouped = find_heading(rows, (*heading, GROUP)) is not None
    found = RatingCollector(file, scale, str(file.parent))
    for place, record in _records(file, rows, *heading, *([GROUP] if grouped else [])):
        name = record["path"]
        found.add(place, name, _picture(file, name), record[heading[1]], group=record.get(GROUP, ""))
    pictures = found.pictures()
    return Ratings(
        file=file,
        sha256=sha256,
        paths=tuple(picture.path for picture in pictures),
        groups=tuple(picture.group for picture in pictures),
        judged=np.arange(len(pictures), dtype=np.int64)[:, None],
        scores=np.array([picture.mos for picture in pictures]),
        scale=scale,
    )


def _read_preferences(file: Path, sha256: str, rows: list[list[str]]) -> Ratings:
    numbers: dict[Path, int] = {}
    judged: list[list[int]] = []
    faults: list[str] = []
    for place, record in _records(file, rows, *PAIR_HEADING):
        names = [record[column] for column in PAIR_HEADING]
        pictures = [_picture(file, name) for name in names]
        missing = [name for name, picture in zip(names, pictures, strict=True) if picture is None]
        if missing:
            faults += [f"{place}: {name!r} is missing from {file.parent}" for name in missing]
        elif pictures[0] == pictures[1]:
            faults.append(f"{place}: {names[0]!r} cannot be better than itself")
        else:
            judged.append([numbers.setdefault(picture, len(numbers)) for picture in pictures if picture])
    if faults or not judged:
        raise DataSetError(f"{file}: {list_faults(faults or ['no rows'])}")
    return Ratings(file, sha256, tuple(numbers), ("",) * len(numbers), np.array(judged, np.int64), None, None)


def _records(file: Path, rows: list[list[str]], *names: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Names the line of each record; what is not there is empty."""
    for number, record in records(file, rows, *names):
        yield f"line {number}", {name: str(record[name] or "") for name in names}


def _picture(file: Path, name: str) -> Path | None:
    path = file.parent / name
    # Unlike Path's, this takes any text, such as a cell that is too long for a name.
    return path if os.path.isfile(path) else None  # noqa: PTH113
