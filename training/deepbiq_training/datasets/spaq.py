"""SPAQ, smartphone photography attribute and quality (Fang, Zhu, Zeng, Ma and Wang, 2020) in its official layout.

`TestImage/` holds 11,125 photographs. The first sheet of `MOS and Image attribute scores.xlsx`, in `Annotations/`
or beside it, has a heading with `Image name` and `MOS` (and attributes, which are not read). MOS is on 0..100,
higher is better, and stays as it is. There are no standard deviations and no official split.
"""

from __future__ import annotations

from pathlib import Path

from deepbiq.datasets import DataSet, RatedPicture, RatingScale
from deepbiq.datasets.collector import RatingCollector
from deepbiq.datasets.data_set import ALL
from deepbiq.datasets.layout import files_by_name, first_present, official_layout
from deepbiq.datasets.tables import records
from deepbiq_training.datasets.workbook import read_sheet_rows

WORKBOOK = "MOS and Image attribute scores.xlsx"
_SCALE = RatingScale(0.0, 100.0)
_TITLE = "SPAQ"


def read_spaq(root: Path) -> list[RatedPicture]:
    """Reads all pictures.

    Args:
        root: The folder that holds `TestImage/` and the workbook.

    Returns:
        One item per row, in the order of the workbook; MOS 0..100, higher is better.

    Raises:
        DataSetError: When a file is missing or unreadable, a picture is missing or occurs twice, or a score lies
            outside 0..100; the message lists the faults.
    """
    with official_layout(root, _TITLE):
        table = first_present(root, f"Annotations/{WORKBOOK}", WORKBOOK)
        rows = read_sheet_rows(table)
        on_disk = files_by_name(root / "TestImage")
    found = RatingCollector(table, _SCALE, "TestImage")
    for number, record in records(table, rows, "Image name", "MOS"):
        name = str(record["Image name"])
        found.add(f"row {number}", name, on_disk.get(name.lower()), record["MOS"])
    return found.pictures()


SPAQ = DataSet(
    name="spaq",
    title=_TITLE,
    citation="Perceptual quality assessment of smartphone photography "
    "(Fang, Zhu, Zeng, Ma and Wang, IEEE/CVF Conference on Computer Vision and Pattern Recognition, 2020)",
    url="https://github.com/h4nwei/SPAQ",
    scale=_SCALE,
    parts={ALL: read_spaq},
    modules=("openpyxl",),
)
