"""What deepbiq knows of a data set: where it comes from, its scale, its splits and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deepbiq.datasets.rated import RatedPicture
from deepbiq.datasets.rating_scale import RatingScale
from deepbiq.errors import OptionError
from deepbiq.extras import require_extra

ALL = "all"
"""The split of data sets that have no official one."""


@dataclass(frozen=True)
class DataSet:
    """A data set that can be read by name.

    Attributes:
        name: What `--dataset` takes.
        title: What its authors call it.
        citation: Who to cite.
        url: Where its authors publish it; empty for the user's own.
        scale: The scale of its scores and how they are mapped.
        parts: A reader for each split: takes the data set's folder, returns its pictures or raises DataSetError.
        modules: Packages beyond the runtime's that the readers import; the extras `bench` and `train` bring them.
        rescaled: Makes the same data set on another scale, where the user has to say which; None where it is fixed.
    """

    name: str
    title: str
    citation: str
    url: str
    scale: RatingScale
    parts: Mapping[str, Callable[[Path], list[RatedPicture]]]
    modules: tuple[str, ...] = ()
    rescaled: Callable[[RatingScale], DataSet] | None = None

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of its splits."""
        return tuple(self.parts)

    def split_or_all(self, wanted: str) -> str:
        """Returns the wanted split where the data set has it, otherwise `all`."""
        return wanted if wanted in self.parts else ALL

    def read(self, root: Path, split: str) -> list[RatedPicture]:
        """Reads one split.

        Args:
            root: The data set's folder in its official layout.
            split: One of `splits`.

        Returns:
            The pictures in the order of the data set's own table.

        Raises:
            OptionError: When there is no such split.
            MissingExtraError: When a package is missing; the message names the extra.
            DataSetError: When the folder does not hold what the layout promises; the message lists the faults.
        """
        if split not in self.parts:
            raise OptionError(f"{self.name} has no split {split!r}: use {' or '.join(self.splits)}")
        require_extra("bench", *self.modules)
        return self.parts[split](root)

    def describe(self) -> dict[str, object]:
        """Describes the data set for machines; JSON-ready."""
        return {
            "name": self.name,
            "title": self.title,
            "citation": self.citation,
            "url": self.url,
            "scale": self.scale.describe(),
            "splits": list(self.splits),
        }
