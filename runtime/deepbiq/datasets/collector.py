"""What all readers do with a row: check it, map its score, remember its picture or its fault."""

from __future__ import annotations

import math
import os
from pathlib import Path

from deepbiq.datasets.faults import list_faults
from deepbiq.datasets.rated import DataSetError, RatedPicture
from deepbiq.datasets.rating_scale import RatingScale


class RatingCollector:
    """Collects the pictures of a table and everything that is wrong with it.

    Args:
        table: The file that the scores come from, for messages.
        scale: Its scale.
        folder: Name of the folder of its pictures, for messages.
    """

    def __init__(self, table: Path, scale: RatingScale, folder: str) -> None:
        self._table = table
        self._scale = scale
        self._folder = folder
        self._pictures: dict[str, RatedPicture] = {}
        self._faults: list[str] = []

    def fault(self, place: str, fault: str) -> None:
        """Notes what is wrong with a row, such as that it is malformed."""
        self._faults.append(f"{place}: {fault}")

    def add(
        self,
        place: str,
        name: str,
        path: Path | None,
        score: object,
        *,
        std: object = None,
        subset: str = "",
        group: str = "",
    ) -> None:
        """Checks one row and keeps its picture, or notes its first fault.

        Args:
            place: Where the row is, such as `line 7`.
            name: The picture's name as the row spells it.
            path: Its file; None where there is no such file.
            score: A number or its text, on the table's scale.
            std: Standard deviation, likewise; None or empty text where there is none.
            subset: See `RatedPicture`.
            group: See `RatedPicture`.
        """
        value = _number(score)
        deviation = None if std is None or std == "" else _number(std)
        if value not in self._scale:
            self.fault(place, f"{name!r} has score {score!r}, expected {self._scale}")
        elif deviation is not None and not 0.0 <= deviation <= self._scale.high - self._scale.low:
            self.fault(place, f"{name!r} has standard deviation {std!r}")
        elif path is None:
            self.fault(place, f"{name!r} is missing from {self._folder}")
        elif (file := os.path.normpath(path.absolute())) in self._pictures:
            self.fault(place, f"{name!r} occurs twice")
        else:
            points = None if deviation is None else self._scale.to_points(deviation)
            self._pictures[file] = RatedPicture(path, self._scale.to_mos(value), subset, points, group)

    def pictures(self) -> list[RatedPicture]:
        """Returns the pictures in the order in which they were added.

        Raises:
            DataSetError: When there was a fault, or no picture at all; the message lists the faults.
        """
        if self._faults or not self._pictures:
            raise DataSetError(f"{self._table}: {list_faults(self._faults or ['no rows'])}")
        return list(self._pictures.values())


def _number(value: object) -> float:
    """Returns NaN, which no scale contains, for what is not a number."""
    try:
        return float(value) if isinstance(value, (str, int, float)) else math.nan
    except ValueError:
        return math.nan
