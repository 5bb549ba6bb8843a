"""What parity is measured on: a data set with human scores, or any pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import MIN_PICTURES
from deepbiq.datasets import find_dataset
from deepbiq.errors import OptionError
from deepbiq_benchmarks.photographs import find_photographs


@dataclass(frozen=True, eq=False)
class Material:
    """Pictures, and what is known of them.

    Attributes:
        dataset: Name of the data set; None where the pictures are of none.
        split: Its split.
        paths: The pictures, at least one.
        mos: (n,) human scores, 0..100; None where there are none.
    """

    dataset: str | None
    split: str | None
    paths: list[Path]
    mos: npt.NDArray[np.float64] | None

    @property
    def words(self) -> tuple[str, ...]:
        """What a results file is named after."""
        return ("images",) if self.dataset is None or self.split is None else (self.dataset, self.split)


def find_material(
    images: Sequence[str], root: Path | None, dataset: str, split: str | None, rating_scale: str | None
) -> Material:
    """Reads the data set at `root`, or takes the pictures as they are named.

    Args:
        images: Files, folders, which are searched to the bottom, and globs.
        root: Folder of a data set.
        dataset: Its name.
        split: Its split; None takes `test`, or `all` where it has none.
        rating_scale: Scale of the ratings in a csv.

    Raises:
        OptionError: When neither or both are given, an argument holds no picture, there is no such data set, or
            its scores are of fewer than three pictures or all equal: nothing correlates with them.
        DataSetError: When the folder does not hold what the data set's layout promises.
    """
    if bool(images) == (root is not None):
        raise OptionError("give either --root with the folder of a data set, or --images")
    if root is None:
        return Material(None, None, find_photographs(images), None)
    data_set = find_dataset(dataset, rating_scale)
    split = split or data_set.split_or_all("test")
    pictures = data_set.read(root, split)
    mos = np.array([picture.mos for picture in pictures])
    if len(mos) < MIN_PICTURES:
        raise OptionError(f"{len(mos)} pictures with scores have no correlation: take at least {MIN_PICTURES}")
    if np.ptp(mos) == 0:
        raise OptionError(f"all pictures have the score {mos[0]:g}, so PLCC and SROCC say nothing: take others")
    return Material(dataset, split, [picture.path for picture in pictures], mos)
