"""CSIQ, the categorical subjective image quality database (Larson and Chandler, 2010) in its official layout.

`dst_imgs/` holds 866 distorted pictures, in one folder per distortion or all in one, named by original, distortion
and level: `1600.AWGN.1.png`. The sheet `all_by_image` of `csiq.DMOS.xlsx` has, below some title rows, a heading
with `image`, `dst_idx`, `dst_type`, `dst_lev`, `dmos_std` and `dmos`. The same sheet is accepted as text,
`csiq.DMOS.csv` separated by commas or `csiq_dmos.txt` by tabs, there with or without the heading. DMOS is on 0..1,
lower is better, and mapped to 100..0. There is no official split.
"""

from __future__ import annotations

from pathlib import Path

from deepbiq.datasets import DataSet, RatedPicture, RatingScale
from deepbiq.datasets.collector import RatingCollector
from deepbiq.datasets.data_set import ALL
from deepbiq.datasets.layout import first_present, official_layout
from deepbiq.datasets.tables import find_heading, read_csv_rows, records
from deepbiq_training.datasets.workbook import read_sheet_rows

DISTORTIONS = {
    "noise": "AWGN",
    "blur": "BLUR",
    "contrast": "contrast",
    "fnoise": "fnoise",
    "jpeg": "JPEG",
    "jpeg 2000": "jpeg2000",
}
"""What the sheet calls a distortion, and what file names call it."""

HEADING = ("image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos")
_SHEET = "all_by_image"
_TABLES = ("csiq.DMOS.xlsx", "csiq.DMOS.csv", "csiq_dmos.txt")
_SCALE = RatingScale(0.0, 1.0, lower_is_better=True)
_TITLE = "CSIQ"


def read_csiq(root: Path) -> list[RatedPicture]:
    """Reads the distorted pictures.

    Args:
        root: The folder that holds `dst_imgs/` and the table.

    Returns:
        One item per row, in the order of the table; MOS 0..100, higher is better, with its standard deviation; the
        subset is the distortion as the table calls it, the group the original's name.

    Raises:
        DataSetError: When a file is missing or unreadable, a distortion unknown, a picture is missing or occurs
            twice, or a score lies outside 0..1; the message lists the faults.
    """
    with official_layout(root, _TITLE):
        table = first_present(root, *_TABLES)
        rows = _read_rows(table)
        folder = first_present(root, "dst_imgs")
        on_disk = {path.name.lower(): path for path in folder.rglob("*.*")}
    found = RatingCollector(table, _SCALE, folder.name)
    for number, record in records(table, rows, *HEADING):
        place, original, distortion = f"row {number}", _word(record["image"]), _word(record["dst_type"])
        if distortion not in DISTORTIONS:
            found.fault(place, f"unknown distortion {distortion!r}")
            continue
        name = f"{original}.{DISTORTIONS[distortion]}.{_word(record['dst_lev'])}.png"
        path = on_disk.get(name.lower())
        found.add(
            place, name, path, record["dmos"], std=record["dmos_std"], subset=distortion, group=original.lower()
        )
    return found.pictures()


def _read_rows(table: Path) -> list[list[object]]:
    if table.suffix == ".xlsx":
        return read_sheet_rows(table, _SHEET)
    texts = read_csv_rows(table, delimiter="," if table.suffix == ".csv" else "\t")
    rows: list[list[object]] = [list(row) for row in texts]
    return rows if find_heading(rows, HEADING) is not None else [list(HEADING), *rows]


def _word(cell: object) -> str:
    """Excel keeps the picture `1600` and the levels as numbers."""
    return f"{cell:g}" if isinstance(cell, float) else str(cell).strip()


CSIQ = DataSet(
    name="csiq",
    title=_TITLE,
    citation="Most apparent distortion: full-reference image quality assessment and the role of strategy "
    "(Larson and Chandler, Journal of Electronic Imaging 19(1), 2010)",
    url="https://s2.smu.edu/~eclarson/csiq.html",
    scale=_SCALE,
    parts={ALL: read_csiq},
    modules=("openpyxl",),
)
