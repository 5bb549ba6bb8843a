"""BIQ2021 (Ahmed and Asif, 2022) in its official layout.

`Images/` holds the pictures, `Train (Images and MOS).csv` and `Test (Images and MOS).csv` the official split:
a heading, then file name and MOS on 0..1, higher is better, here multiplied by 100. The training CSV carries
two empty columns, and file-name case differs between CSV and disk for some pictures; both are accepted.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Literal, get_args

from deepbiq.datasets.rated import DataSetError, RatedPicture

Biq2021Split = Literal["train", "test"]
SPLITS: tuple[Biq2021Split, ...] = get_args(Biq2021Split)
_MOS_SCALE = 100.0
_LISTED = 10
"""How many faults an error lists before it only counts the rest."""


def read_biq2021(root: Path, split: Biq2021Split) -> list[RatedPicture]:
    """Reads one half of the official split.

    Args:
        root: The folder that holds `Images/` and the two CSV files.
        split: `train` or `test`.

    Returns:
        One item per row, in the order of the CSV; MOS 0..100; the subset is `ss01`, `ss02` or `ss03`.

    Raises:
        DataSetError: When the folder or CSV is missing, a row is malformed or occurs twice, a score lies outside
            0..1, or a picture is missing; the message lists the faults.
    """
    table = root / f"{split.capitalize()} (Images and MOS).csv"
    try:
        rows = list(csv.reader(table.read_text(encoding="utf-8-sig").splitlines()))[1:]
        on_disk = {path.name.lower(): path for path in (root / "Images").iterdir()}
    except OSError as error:
        raise DataSetError(f"{root} is not BIQ2021's official layout: {error}") from error
    pictures: dict[str, RatedPicture] = {}
    faults: list[str] = []
    for number, row in enumerate(rows, start=2):
        picture = _read_row(row, on_disk)
        if isinstance(picture, str):
            faults.append(f"line {number}: {picture}")
        elif picture.path.name in pictures:
            faults.append(f"line {number}: {row[0]!r} occurs twice")
        else:
            pictures[picture.path.name] = picture
    if faults or not pictures:
        raise DataSetError(_summary(table, faults or ["no rows"]))
    return list(pictures.values())


def _read_row(row: list[str], on_disk: dict[str, Path]) -> RatedPicture | str:
    """Returns the picture of a row, or what is wrong with it."""
    if len(row) < 2 or any(row[2:]):
        return f"expected a file name and a score, got {row}"
    name, text = row[0].strip(), row[1].strip()
    try:
        mos = float(text)
    except ValueError:
        mos = math.nan
    if not 0.0 <= mos <= 1.0:
        return f"{name!r} has score {text!r}, expected 0..1"
    if name.lower() not in on_disk:
        return f"{name!r} is missing from Images"
    return RatedPicture(on_disk[name.lower()], mos * _MOS_SCALE, subset=name.partition(" ")[0].lower())


def _summary(table: Path, faults: list[str]) -> str:
    more = f"; and {len(faults) - _LISTED} more" if len(faults) > _LISTED else ""
    return f"{table}: {'; '.join(faults[:_LISTED])}{more}"
