"""LIVE In the Wild Image Quality Challenge Database (Ghadiyaram and Bovik, 2015) in its official layout.

`Images/` holds 1,162 photographs from phones and tablets, `Data/` three MATLAB files with one variable each, named
like the file: `AllImages_release.mat` (a cell array of file names), `AllMOS_release.mat` and
`AllStdDev_release.mat` (vectors in the same order). MOS and the standard deviation of the raw ratings are on
0..100, higher is better, and stay as they are. The first seven names, `t1.bmp` to `t7.bmp` (in
`Images/trainingImages/`), were shown to raters as examples; they are left out. There is no official split. Source:
the release's README.
"""

from __future__ import annotations

from pathlib import Path

from deepbiq.datasets import DataSet, RatedPicture, RatingScale
from deepbiq.datasets.collector import RatingCollector
from deepbiq.datasets.data_set import ALL
from deepbiq.datasets.layout import files_by_name, official_layout
from deepbiq_training.datasets.matlab import read_columns

TRAINING_PICTURES = tuple(f"t{number}.bmp" for number in range(1, 8))
_SCALE = RatingScale(0.0, 100.0)
_TITLE = "LIVE In the Wild Image Quality Challenge Database"
_NAMES, _MOS, _STD = "AllImages_release", "AllMOS_release", "AllStdDev_release"


def read_live_challenge(root: Path) -> list[RatedPicture]:
    """Reads all pictures but the seven training pictures.

    Args:
        root: The folder that holds `Images/` and `Data/`.

    Returns:
        One item per picture, in the order of the release; MOS 0..100, higher is better, with its standard
        deviation.

    Raises:
        DataSetError: When a file is missing or unreadable, a picture is missing or occurs twice, or a score lies
            outside 0..100; the message lists the faults.
    """
    data = root / "Data"
    with official_layout(root, _TITLE):
        columns = read_columns({name: data / f"{name}.mat" for name in (_NAMES, _MOS, _STD)})
        on_disk = files_by_name(root / "Images")
    found = RatingCollector(data / f"{_MOS}.mat", _SCALE, "Images")
    rows = zip(map(str, columns[_NAMES]), columns[_MOS], columns[_STD], strict=True)
    for number, (name, mos, std) in enumerate(rows, start=1):
        if name.lower() not in TRAINING_PICTURES:
            found.add(f"entry {number}", name, on_disk.get(name.lower()), mos, std=std)
    return found.pictures()


LIVE_CHALLENGE = DataSet(
    name="live-challenge",
    title=_TITLE,
    citation="Massive online crowdsourced study of subjective and objective picture quality "
    "(Ghadiyaram and Bovik, IEEE Transactions on Image Processing 25(1), 2016)",
    url="https://live.ece.utexas.edu/research/ChallengeDB/",
    scale=_SCALE,
    parts={ALL: read_live_challenge},
    modules=("scipy",),
)
