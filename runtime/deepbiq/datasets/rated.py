"""One picture with its human score, on deepbiq's own scale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepbiq.errors import DeepBIQError


class DataSetError(DeepBIQError, ValueError):
    """A data set's folder does not hold what its layout promises; the message lists what is wrong."""


@dataclass(frozen=True)
class RatedPicture:
    """A picture and what people thought of it.

    Attributes:
        path: The file.
        mos: Mean opinion score mapped to 0..100, higher is better.
        subset: Name of the part of the data set that it belongs to; empty where there are no parts.
        std: Standard deviation that the data set gives for the score, in points of the 0..100 scale; None where it
            gives none.
        group: Name of what pictures have in common that must not be on both sides of a split, such as the
            undistorted picture they were made from; empty where there is none.
    """

    path: Path
    mos: float
    subset: str = ""
    std: float | None = None
    group: str = ""
