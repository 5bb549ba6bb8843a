"""Anyone's own ratings: a CSV file with the columns `path`, `mos` and, if wanted, `std` and `group`.

The heading names the columns, in any order. `path` is relative to the CSV's folder or absolute. `mos` and `std`
are on the scale that the caller states, 0..100 with higher is better unless told otherwise. Pictures of one `group`
(the same scene, the same undistorted original) are kept on one side of a split; where there are groups, every
picture has one.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from deepbiq.datasets.collector import RatingCollector
from deepbiq.datasets.data_set import ALL, DataSet
from deepbiq.datasets.rated import DataSetError, RatedPicture
from deepbiq.datasets.rating_scale import RatingScale
from deepbiq.datasets.tables import read_csv_rows, records

DEFAULT_SCALE = RatingScale(0.0, 100.0)
DEFAULT_FILE = "ratings.csv"
_REQUIRED = ("path", "mos")
_OPTIONAL = ("std", "group")


def read_ratings_csv(table: Path, scale: RatingScale = DEFAULT_SCALE) -> list[RatedPicture]:
    """Reads a CSV of ratings.

    Args:
        table: The CSV file, or a folder that holds it as `ratings.csv`.
        scale: The scale of `mos` and `std`.

    Returns:
        One item per row, in the order of the CSV; MOS 0..100, higher is better.

    Raises:
        DataSetError: When the file is missing or has other columns, a picture is missing or occurs twice, or a
            score lies outside the scale; the message lists the faults.
    """
    table = table / DEFAULT_FILE if table.is_dir() else table
    try:
        rows = read_csv_rows(table)
    except OSError as error:
        raise DataSetError(f"{table} cannot be read: {error}") from error
    columns = _columns(table, rows)
    found = RatingCollector(table, scale, str(table.parent))
    for number, record in records(table, rows, *columns):
        place, name, group = f"line {number}", str(record["path"] or ""), str(record.get("group") or "")
        if "group" in columns and not group:
            found.fault(place, f"{name!r} has no group")
            continue
        path = table.parent / name
        file = path if path.is_file() else None
        found.add(place, name, file, record["mos"], std=record.get("std"), group=group)
    return found.pictures()


def _columns(table: Path, rows: list[list[str]]) -> list[str]:
    """Refuses columns that would be passed over in silence, such as a misspelt `std`."""
    names = [cell.strip().lower() for cell in rows[0]] if rows else []
    if not set(_REQUIRED) <= set(names) <= {*_REQUIRED, *_OPTIONAL} or len(set(names)) < len(names):
        raise DataSetError(f"{table}: the heading must be path,mos[,std][,group]; got {','.join(names)!r}")
    return names


def ratings_csv(scale: RatingScale = DEFAULT_SCALE) -> DataSet:
    """Makes the data set `csv` for ratings on a scale."""
    return DataSet(
        name="csv",
        title="ratings in a CSV file",
        citation="the user's own ratings",
        url="",
        scale=scale,
        parts={ALL: partial(read_ratings_csv, scale=scale)},
        rescaled=ratings_csv,
    )


RATINGS_CSV = ratings_csv()
