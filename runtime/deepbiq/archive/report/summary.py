"""What a report says in numbers: the histogram, the labels, folders, cameras, and errors by kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepbiq.labels import LABEL_BORDERS, SCORE_MAX, label_of

BIN_WIDTH = 2.0
"""Score points: borders of labels are borders of bins, and 50 bars fit on a telephone."""
LOW_SCORE = LABEL_BORDERS[1]
"""Below it pictures are bad or poor."""
_EXAMPLES = 3
_NAME_IN_FAULT = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_NUMBER_IN_FAULT = re.compile(r"\b0x[0-9a-fA-F]+\b|\d+(?:[.,:]\d+)*")


@dataclass(frozen=True)
class Bar:
    """A bar of the histogram: scores above `low` up to `high`; the first holds 0 as well."""

    low: float
    high: float
    label: str
    count: int


@dataclass(frozen=True)
class Part:
    """What the rows that share a folder or a camera have in common.

    Attributes:
        name: The folder or camera; None where a file does not say its camera.
        count: Rows with a score.
        mean: Of the scores; None where there are none.
        median: Of the scores; None where there are none.
        low: Share of the scores below `LOW_SCORE`; None where there are none.
        errors: Rows without a score.
    """

    name: str | None
    count: int
    mean: float | None
    median: float | None
    low: float | None
    errors: int


@dataclass
class ErrorKind:
    """Faults that are the same but for names and numbers.

    Attributes:
        fault: With `…` for every name and number.
        count: How many rows have it.
        examples: The first rows with it.
    """

    fault: str
    count: int = 0
    examples: list[int] = field(default_factory=list)


def histogram(scores: npt.NDArray[np.float64]) -> list[Bar]:
    """Counts scores in bins of `BIN_WIDTH`, closed above as the labels are."""
    count = round(SCORE_MAX / BIN_WIDTH)
    places = np.clip(np.ceil(scores / BIN_WIDTH).astype(np.int64) - 1, 0, count - 1)
    counts = np.bincount(places, minlength=count).tolist()
    highs = [BIN_WIDTH * (place + 1) for place in range(count)]
    return [Bar(high - BIN_WIDTH, high, label_of(high), n) for high, n in zip(highs, counts, strict=True)]


def parts_of(names: Sequence[str | None], scores: npt.NDArray[np.float64]) -> list[Part]:
    """Summarises rows by a name that they share, the largest part first.

    Args:
        names: Of every row; the first `len(scores)` rows have a score.
        scores: (scored,) float64.
    """
    rows: dict[str | None, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    parts = [_part(name, np.array(members), scores) for name, members in rows.items()]
    return sorted(parts, key=lambda part: (-part.count - part.errors, part.name or ""))


def errors_by_kind(errors: Sequence[str], first_row: int) -> list[ErrorKind]:
    """Sorts errors by what went wrong, the most frequent first.

    Args:
        errors: Of the rows without a score.
        first_row: The first of these rows.
    """
    kinds: dict[str, ErrorKind] = {}
    for row, error in enumerate(errors, first_row):
        fault = kind_of(error)
        kind = kinds.setdefault(fault, ErrorKind(fault))
        kind.count += 1
        if len(kind.examples) < _EXAMPLES:
            kind.examples.append(row)
    return sorted(kinds.values(), key=lambda kind: (-kind.count, kind.fault))


def kind_of(error: str) -> str:
    """Takes names and numbers out of an error."""
    return _NUMBER_IN_FAULT.sub("…", _NAME_IN_FAULT.sub("…", error))


def _part(name: str | None, rows: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> Part:
    own = scores[rows[rows < len(scores)]]
    errors = len(rows) - len(own)
    if not len(own):
        return Part(name, 0, None, None, None, errors)
    return Part(name, len(own), float(own.mean()), float(np.median(own)), float((own < LOW_SCORE).mean()), errors)
