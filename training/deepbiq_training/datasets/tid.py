"""TID2008 and TID2013, the Tampere image databases (Ponomarenko and others) in their common official layout.

`distorted_images/` holds the pictures, named by original, distortion and level: `i01_08_3.bmp`.
`mos_with_names.txt` has a line per picture, MOS and file name; `mos_std.txt` has the standard deviations that the
authors give for these MOS, one per line in the same order. MOS is on 0..9, higher is better, and mapped to 0..100.
TID2008 has 25 originals, 17 distortions and 4 levels; TID2013 25, 24 and 5. The case of file names differs between
table and disk, and between originals. There is no official split.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from deepbiq.datasets import DataSet, DataSetError, RatedPicture, RatingScale
from deepbiq.datasets.collector import RatingCollector
from deepbiq.datasets.data_set import ALL
from deepbiq.datasets.layout import files_by_name, official_layout

_SCALE = RatingScale(0.0, 9.0)
_NAME = re.compile(r"(i\d\d)_(\d\d)_\d\.bmp", flags=re.IGNORECASE)


def read_tid(root: Path, title: str) -> list[RatedPicture]:
    """Reads the distorted pictures of TID2008 or TID2013.

    Args:
        root: The folder that holds `distorted_images/`, `mos_with_names.txt` and `mos_std.txt`.
        title: `TID2008` or `TID2013`, for messages.

    Returns:
        One item per line, in the order of the table; MOS 0..100, higher is better, with its standard deviation; the
        subset is the distortion's number, the group the original's name, `I01` to `I25`.

    Raises:
        DataSetError: When a file is missing, a line malformed, a picture is missing or occurs twice, or a score
            lies outside 0..9; the message lists the faults.
    """
    table = root / "mos_with_names.txt"
    with official_layout(root, title):
        lines, deviations = _read_lines(table), _read_lines(root / "mos_std.txt")
        on_disk = files_by_name(root / "distorted_images")
    if len(lines) != len(deviations):
        raise DataSetError(f"{table} has {len(lines)} lines, mos_std.txt {len(deviations)}")
    found = RatingCollector(table, _SCALE, "distorted_images")
    for number, (line, std) in enumerate(zip(lines, deviations, strict=True), start=1):
        score, _, name = line.partition(" ")
        match = _NAME.fullmatch(name.strip())
        if match is None:
            found.fault(f"line {number}", f"expected a score and a file name, got {line!r}")
        else:
            path = on_disk.get(match[0].lower())
            found.add(f"line {number}", match[0], path, score, std=std, subset=match[2], group=match[1].upper())
    return found.pictures()


def _read_lines(path: Path) -> list[str]:
    text = path.read_text(encoding="latin-1")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


TID2008 = DataSet(
    name="tid2008",
    title="TID2008",
    citation="TID2008: a database for evaluation of full-reference visual quality assessment metrics "
    "(Ponomarenko and others, Advances of Modern Radioelectronics 10, 2009)",
    url="https://www.ponomarenko.info/tid2008.htm",
    scale=_SCALE,
    parts={ALL: partial(read_tid, title="TID2008")},
)

TID2013 = DataSet(
    name="tid2013",
    title="TID2013",
    citation="Image database TID2013: peculiarities, results and perspectives "
    "(Ponomarenko and others, Signal Processing: Image Communication 30, 2015)",
    url="https://www.ponomarenko.info/tid2013.htm",
    scale=_SCALE,
    parts={ALL: partial(read_tid, title="TID2013")},
)
