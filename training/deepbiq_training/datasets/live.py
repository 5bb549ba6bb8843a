"""LIVE Image Quality Assessment Database, release 2 (Sheikh, Wang, Cormack and Bovik) in its official layout.

Five folders hold the pictures as `img1.bmp`, `img2.bmp` and so on: `jp2k` 227, `jpeg` 233, `wn` 174, `gblur` 174
and `fastfading` 174. In this order, folder after folder, the MATLAB files have 982 entries each:

- `dmos_realigned.mat`: `dmos_new`, `dmos_std` and `orgs`. Taken where it is there: its scores are comparable across
  distortions (Sheikh, Sabir and Bovik, 2006).
- `dmos.mat`: `dmos` and `orgs`, the scores as first released, without standard deviations.
- `refnames_all.mat`: a cell array with the file name in `refimgs/` of the picture that each was made from. Where it
  is missing, each folder's `info.txt` says the same (original, picture and the distortion's parameter, a line
  each).

`orgs` is 1 for undistorted copies of originals; they are left out, which leaves 779 pictures. Scores are DMOS,
lower is better, nominally 0..100; realigned ones go beyond both ends. So that none is clipped, -10..120 is mapped
to 100..0. There is no official split. Source: the release's readme.txt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepbiq.datasets import DataSet, DataSetError, RatedPicture, RatingScale
from deepbiq.datasets.collector import RatingCollector
from deepbiq.datasets.data_set import ALL
from deepbiq.datasets.layout import files_by_name, official_layout
from deepbiq_training.datasets.matlab import read_columns

FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}
_NAMES = tuple(f"{folder}/img{number}.bmp" for folder, count in FOLDERS.items() for number in range(1, count + 1))
_SCALE = RatingScale(-10.0, 120.0, lower_is_better=True)
_TITLE = "LIVE Image Quality Assessment Database, release 2"


def read_live(root: Path) -> list[RatedPicture]:
    """Reads the distorted pictures.

    Args:
        root: The folder that holds the five folders and the MATLAB files.

    Returns:
        One item per picture, in the order of the release; MOS 0..100, higher is better; the subset is the
        distortion's folder, the group the original's name; standard deviations come with the realigned scores only.

    Raises:
        DataSetError: When a file is missing or unreadable, a vector has not 982 entries, a picture is missing or a
            score lies outside -10..120; the message lists the faults.
    """
    with official_layout(root, _TITLE):
        table, scores, deviations, undistorted = _read_scores(root)
        originals = _read_originals(root)
        on_disk = {
            f"{folder}/{name}": path for folder in FOLDERS for name, path in files_by_name(root / folder).items()
        }
    found = RatingCollector(table, _SCALE, root.name)
    for number, (name, dmos, std, original) in enumerate(
        zip(_NAMES, scores, deviations, undistorted, strict=True), start=1
    ):
        if original:
            continue
        if name not in originals:
            found.fault(f"entry {number}", f"{name!r} has no original in info.txt")
            continue
        group = Path(originals[name]).stem.lower()
        found.add(
            f"entry {number}", name, on_disk.get(name), dmos, std=std, subset=name.partition("/")[0], group=group
        )
    return found.pictures()


def _read_scores(root: Path) -> tuple[Path, list[Any], list[Any], list[Any]]:
    """Returns the file, its scores, their standard deviations and which pictures are undistorted."""
    realigned = root / "dmos_realigned.mat"
    if realigned.exists():
        columns = _read_entries(dict.fromkeys(("dmos_new", "dmos_std", "orgs"), realigned))
        return realigned, columns["dmos_new"], columns["dmos_std"], columns["orgs"]
    first = root / "dmos.mat"
    columns = _read_entries(dict.fromkeys(("dmos", "orgs"), first))
    return first, columns["dmos"], [None] * len(_NAMES), columns["orgs"]


def _read_originals(root: Path) -> dict[str, str]:
    """Returns the file name of each picture's original."""
    table = root / "refnames_all.mat"
    if table.exists():
        return dict(zip(_NAMES, map(str, _read_entries({"refnames_all": table})["refnames_all"]), strict=True))
    originals = {}
    for folder in FOLDERS:
        for line in (root / folder / "info.txt").read_text(encoding="latin-1").splitlines():
            original, picture = (*line.split(), "", "")[:2]
            originals[f"{folder}/{picture.lower()}"] = original
    return originals


def _read_entries(sources: dict[str, Path]) -> dict[str, list[Any]]:
    columns = read_columns(sources)
    for name, column in columns.items():
        if len(column) != len(_NAMES):
            raise DataSetError(f"{sources[name]}: {name!r} has {len(column)} entries, expected {len(_NAMES)}")
    return columns


LIVE = DataSet(
    name="live",
    title=_TITLE,
    citation="A statistical evaluation of recent full reference image quality assessment algorithms "
    "(Sheikh, Sabir and Bovik, IEEE Transactions on Image Processing 15(11), 2006)",
    url="https://live.ece.utexas.edu/research/quality/",
    scale=_SCALE,
    parts={ALL: read_live},
    modules=("scipy",),
)
