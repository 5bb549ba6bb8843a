"""BIQ2021 (Ahmed and Asif, 2022) in its official layout.

`Images/` holds the pictures, `Train (Images and MOS).csv` and `Test (Images and MOS).csv` the official split:
a heading, then file name and MOS on 0..1, higher is better, here multiplied by 100. The training CSV carries
two empty columns, and file-name case differs between CSV and disk for some pictures; both are accepted.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal, get_args

from deepbiq.datasets.collector import RatingCollector
from deepbiq.datasets.data_set import DataSet
from deepbiq.datasets.layout import files_by_name, official_layout
from deepbiq.datasets.rated import RatedPicture
from deepbiq.datasets.rating_scale import RatingScale
from deepbiq.datasets.tables import read_csv_rows

Biq2021Split = Literal["train", "test"]
SPLITS: tuple[Biq2021Split, ...] = get_args(Biq2021Split)
_SCALE = RatingScale(0.0, 1.0)


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
    with official_layout(root, "BIQ2021"):
        rows = read_csv_rows(table)[1:]
        on_disk = files_by_name(root / "Images")
    found = RatingCollector(table, _SCALE, "Images")
    for number, row in enumerate(rows, start=2):
        place = f"line {number}"
        if len(row) < 2 or any(row[2:]):
            found.fault(place, f"expected a file name and a score, got {row}")
        else:
            name = row[0].strip()
            subset = name.partition(" ")[0].lower()
            found.add(place, name, on_disk.get(name.lower()), row[1].strip(), subset=subset)
    return found.pictures()


BIQ2021 = DataSet(
    name="biq2021",
    title="BIQ2021",
    citation="BIQ2021: a large-scale blind image quality assessment database (Ahmed and Asif, 2022)",
    url="https://github.com/nisarahmedrana/BIQ2021",
    scale=_SCALE,
    parts={split: partial(read_biq2021, split=split) for split in SPLITS},
)
