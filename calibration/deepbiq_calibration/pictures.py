"""The pictures of a calibration: where they come from, which of them are used for what, and their manifest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepbiq.datasets import RatedPicture, find_dataset
from deepbiq.datasets.ratings_csv import DEFAULT_FILE
from deepbiq.errors import OptionError
from deepbiq.inputs import pictures_in

UNRATED = float("nan")


@dataclass(frozen=True)
class Source:
    """Where pictures come from.

    Attributes:
        folder: Their folder, or that of a data set in its official layout.
        dataset: Name of the data set; None for `csv` where the folder holds `ratings.csv`, otherwise no data set.
        split: Its split; None takes `train`, or all where it has none.
        rating_scale: Of a csv's ratings.
        held_back_list: File that names the pictures to hold back; None draws them.
    """

    folder: Path
    dataset: str | None = None
    split: str | None = None
    rating_scale: str | None = None
    held_back_list: Path | None = None

    def describe(self) -> dict[str, str]:
        """Says where the pictures come from, without paths of this machine."""
        told = {"dataset": self.dataset or "", "split": self.split or ""}
        told["held_back"] = self.held_back_list.name if self.held_back_list else ""
        return {key: value for key, value in told.items() if value}


@dataclass(frozen=True, eq=False)
class Draw:
    """The pictures of a calibration.

    Attributes:
        folder: What their paths in the manifest are relative to.
        calibration: Ranges and corrections come from these.
        held_back: The budget is checked on these.
        seed: What they were drawn with.
    """

    folder: Path
    calibration: tuple[RatedPicture, ...]
    held_back: tuple[RatedPicture, ...]
    seed: int

    @property
    def held_back_mos(self) -> npt.NDArray[np.float64]:
        """(n,) people's scores of the held-back pictures; NaN where they are not known."""
        return mos_of(self.held_back)

    def manifest(self) -> dict[str, object]:
        """Lists every picture with its SHA-256, score and role; JSON-ready."""
        roles = (("calibration", self.calibration), ("held back", self.held_back))
        return {
            "seed": self.seed,
            "counts": {role: len(pictures) for role, pictures in roles},
            "pictures": [self._entry(picture, role) for role, pictures in roles for picture in pictures],
        }

    def _entry(self, picture: RatedPicture, role: str) -> dict[str, object]:
        return {
            "path": os.path.relpath(picture.path, self.folder),
            "sha256": hashlib.sha256(picture.path.read_bytes()).hexdigest(),
            "mos": None if np.isnan(picture.mos) else picture.mos,
            "role": role,
        }


def mos_of(pictures: Sequence[RatedPicture]) -> npt.NDArray[np.float64]:
    """Returns people's scores, (n,); NaN where they are not known."""
    return np.array([picture.mos for picture in pictures], dtype=np.float64)


def read_pictures(source: Source) -> list[RatedPicture]:
    """Reads the pictures and, where there are any, people's scores.

    Raises:
        OptionError: When there is no picture, or no such data set or split.
        DataSetError: When a data set's folder does not hold what it should.
    """
    if not source.folder.is_dir():
        raise OptionError(f"--images {source.folder} is not a folder")
    name = source.dataset or ("csv" if (source.folder / DEFAULT_FILE).is_file() else None)
    if name is None:
        if source.split or source.rating_scale:
            raise OptionError("--split and --rating-scale are of a data set: name it with --dataset")
        found = [RatedPicture(Path(path), UNRATED) for path in pictures_in(str(source.folder), recursive=True)]
        if not found:
            raise OptionError(f"--images {source.folder} holds no pictures")
        return found
    data_set = find_dataset(name, source.rating_scale)
    return data_set.read(source.folder, source.split or data_set.split_or_all("train"))


def held_back_by_list(source: Source, pictures: Sequence[RatedPicture]) -> npt.NDArray[np.bool_] | None:
    """Says which pictures a list of held-back ones names.

    A line is a path relative to the folder of the pictures, or a file's name where only one picture has it.

    Returns:
        (n,) True for pictures of the list; None where there is no list.

    Raises:
        OptionError: When the list cannot be read, or names what is not there.
    """
    if source.held_back_list is None:
        return None
    try:
        lines = source.held_back_list.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"--held-back {source.held_back_list} cannot be read: {error}") from error
    places: dict[str, list[int]] = {}
    for index, picture in enumerate(pictures):
        for name in {os.path.relpath(picture.path, source.folder), picture.path.name}:
            places.setdefault(name, []).append(index)
    named = np.zeros(len(pictures), dtype=np.bool_)
    for line in filter(None, map(str.strip, lines)):
        found = places.get(line, [])
        if len(found) != 1:
            raise OptionError(f"--held-back {source.held_back_list}: {len(found)} pictures are named {line!r}")
        named[found[0]] = True
    if named.all() or not named.any():
        raise OptionError(f"--held-back {source.held_back_list} must name some of the pictures and leave others")
    return named
