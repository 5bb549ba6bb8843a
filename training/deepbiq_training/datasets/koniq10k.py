"""KonIQ-10k (Hosu, Lin, Sziranyi and Saupe, 2020) in its official layout.

`1024x768/` holds 10,073 photographs, `512x384/` the same at half size; the first is taken where both are there.
Scores come from one of two CSV files, the first where both are there:

- `koniq10k_distributions_sets.csv`: `image_name`, the distribution of ratings, `MOS`, `SD` and `set`, which is
  `training`, `validation` or `test`, here the splits `train`, `validation` and `test`.
- `koniq10k_scores_and_distributions.csv`: the same with `MOS` on 1..5 and no `set`, but the score of the other file
  as `MOS_zscore`; it can only be read as a whole.

The score is the MOS of raters' z-scores on 1..100, higher is better, mapped to 0..100. `SD` is in both files the
standard deviation of the raw ratings on 1..5; so that it is comparable, it is stretched as 1..5 is to 1..100.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from deepbiq.datasets import DataSet, DataSetError, RatedPicture, RatingScale
from deepbiq.datasets.collector import RatingCollector
from deepbiq.datasets.data_set import ALL
from deepbiq.datasets.layout import files_by_name, first_present, official_layout
from deepbiq.datasets.tables import find_heading, read_csv_rows, records

SETS_TABLE = "koniq10k_distributions_sets.csv"
SCORES_TABLE = "koniq10k_scores_and_distributions.csv"
OFFICIAL_SETS = {"train": "training", "validation": "validation", "test": "test"}
_SCALE = RatingScale(1.0, 100.0)
_RAW_RATINGS = RatingScale(1.0, 5.0)
_TITLE = "KonIQ-10k"


def read_koniq10k(root: Path, split: str) -> list[RatedPicture]:
    """Reads one official set, or all of them.

    Args:
        root: The folder that holds the pictures' folder and a CSV file.
        split: `train`, `validation`, `test` or `all`.

    Returns:
        One item per row, in the order of the CSV; MOS 0..100, higher is better, with its standard deviation; the
        subset is the official set where the file names it.

    Raises:
        DataSetError: When a file is missing or lacks columns, a set is unknown, a picture is missing or occurs
            twice, or a score lies outside 1..100; the message lists the faults.
    """
    with official_layout(root, _TITLE):
        table = first_present(root, SETS_TABLE, SCORES_TABLE)
        rows = read_csv_rows(table)
        folder = first_present(root, "1024x768", "512x384")
        on_disk = files_by_name(folder)
    has_sets = find_heading(rows, ["set"]) is not None
    if split != ALL and not has_sets:
        raise DataSetError(f"{table} does not say which set a picture belongs to: put {SETS_TABLE} beside it")
    score = "MOS" if has_sets else "MOS_zscore"
    found = RatingCollector(table, _SCALE, folder.name)
    for number, record in records(table, rows, "image_name", score, "SD", *(["set"] if has_sets else [])):
        place, name, subset = f"line {number}", str(record["image_name"]), str(record.get("set", ""))
        if has_sets and subset not in OFFICIAL_SETS.values():
            found.fault(place, f"{name!r} is in the unknown set {subset!r}")
        elif split == ALL or subset == OFFICIAL_SETS[split]:
            std = _stretched(record["SD"])
            found.add(place, name, on_disk.get(name.lower()), record[score], std=std, subset=subset)
    return found.pictures()


def _stretched(std: object) -> object:
    """Returns a standard deviation of raw ratings on the scale of the score; what is no number stays as it is."""
    try:
        return float(str(std)) * (_SCALE.high - _SCALE.low) / (_RAW_RATINGS.high - _RAW_RATINGS.low)
    except ValueError:
        return std


KONIQ10K = DataSet(
    name="koniq10k",
    title=_TITLE,
    citation="KonIQ-10k: an ecologically valid database for deep learning of blind image quality assessment "
    "(Hosu, Lin, Sziranyi and Saupe, IEEE Transactions on Image Processing 29, 2020)",
    url="https://database.mmsp-kn.de/koniq-10k-database.html",
    scale=_SCALE,
    parts={split: partial(read_koniq10k, split=split) for split in (*OFFICIAL_SETS, ALL)},
)
