"""The pictures of an experiment, their scores, and which of them must stay on one side of a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.datasets import DataSet, RatedPicture
from deepbiq.errors import OptionError
from deepbiq_training.scenes import find_scenes

BY_REFERENCE = "reference picture"
"""How `Material.description` calls the groups that a data set itself names."""


@dataclass(frozen=True)
class Choice:
    """Which pictures an experiment takes.

    Attributes:
        data_set: Of its split `train`, or all of it where there is no official split.
        root: Its folder in the official layout.
        pictures: So many, drawn at random; None takes all.
        by_scene: Keep pictures of the same scene on one side, found by looks; a data set's own groups always are.
        seed: Draws the pictures.
    """

    data_set: DataSet
    root: Path
    pictures: int | None = None
    by_scene: bool = False
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Material:
    """What an experiment works on.

    Attributes:
        pictures: N pictures.
        scores: (N,) MOS 0..100.
        stds: (N,) standard deviations of the human scores in score points; None where one picture has none.
        groups: (N,) equal numbers for pictures that stay together.
        description: Where they came from, JSON-ready.
    """

    pictures: Sequence[RatedPicture]
    scores: npt.NDArray[np.float64]
    stds: npt.NDArray[np.float64] | None
    groups: npt.NDArray[np.int64]
    description: dict[str, Any]

    def at(self, numbers: npt.NDArray[np.int64]) -> list[RatedPicture]:
        """Returns the pictures of some numbers."""
        return [self.pictures[number] for number in numbers.tolist()]


def read_material(choice: Choice) -> Material:
    """Reads the data set and draws the pictures.

    Raises:
        DataSetError: When the data set is incomplete or pictures cannot be read.
        OptionError: When there are fewer pictures than wanted.
    """
    split = choice.data_set.split_or_all("train")
    pictures = _draw(choice.data_set.read(choice.root, split), choice.pictures, choice.seed)
    stds = [picture.std for picture in pictures if picture.std is not None]
    groups, rule = _groups(pictures, choice.by_scene)
    return Material(
        pictures,
        np.array([picture.mos for picture in pictures]),
        np.array(stds) if len(stds) == len(pictures) else None,
        groups,
        {
            "dataset": choice.data_set.name,
            "split": split,
            "n": len(pictures),
            "drawn_by_seed": None if choice.pictures is None else choice.seed,
            "split_by": rule,
        },
    )


def _draw(pictures: Sequence[RatedPicture], wanted: int | None, seed: int) -> list[RatedPicture]:
    if wanted is None:
        return list(pictures)
    if wanted > len(pictures):
        raise OptionError(f"{wanted} pictures are wanted, the data set has {len(pictures)}")
    drawn = np.random.default_rng(seed).choice(len(pictures), wanted, replace=False)
    return [pictures[number] for number in np.sort(drawn).tolist()]


def _groups(pictures: Sequence[RatedPicture], by_scene: bool) -> tuple[npt.NDArray[np.int64], str]:
    if all(picture.group for picture in pictures):
        return find_scenes(pictures)[0], BY_REFERENCE
    if by_scene:
        return find_scenes(pictures)[0], "scene"
    return np.arange(len(pictures)), "picture"
