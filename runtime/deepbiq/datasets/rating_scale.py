"""The scale on which people rated, and how it is mapped to deepbiq's 0..100, higher is better."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepbiq.errors import OptionError

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_PATTERN = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(:lower)?")


@dataclass(frozen=True)
class RatingScale:
    """A scale between two finite numbers, mapped linearly.

    Attributes:
        low: The smallest score that the scale allows.
        high: The largest.
        lower_is_better: Whether `low` is the best score, as with differential scores (DMOS).

    Raises:
        OptionError: When `low` is not below `high`.
    """

    low: float
    high: float
    lower_is_better: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise OptionError(f"a rating scale needs two different ends, the smaller first; got {self}")

    @classmethod
    def parse(cls, text: str) -> RatingScale:
        """Reads what a user wrote: `LOW..HIGH`, or `LOW..HIGH:lower` where lower is better.

        Raises:
            OptionError: When it is neither.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise OptionError(f"a rating scale is LOW..HIGH or LOW..HIGH:lower, such as 1..5; got {text!r}")
        return cls(float(match[1]), float(match[2]), lower_is_better=match[3] is not None)

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"

    def __contains__(self, score: float) -> bool:
        return self.low <= score <= self.high

    def to_mos(self, score: float) -> float:
        """Maps a score of this scale to 0..100, higher is better."""
        distance = self.high - score if self.lower_is_better else score - self.low
        return 100.0 * distance / (self.high - self.low)

    def to_points(self, std: float) -> float:
        """Maps a standard deviation on this scale to points of the 0..100 scale."""
        return 100.0 * std / (self.high - self.low)

    def describe(self) -> dict[str, object]:
        """Describes the scale for machines: its ends, its direction, and the mapping as a formula."""
        distance = f"{self.high:g} - score" if self.lower_is_better else f"score - {self.low:g}"
        return {
            "low": self.low,
            "high": self.high,
            "direction": "lower is better" if self.lower_is_better else "higher is better",
            "mapping": f"mos = 100 * ({distance}) / ({self.high:g} - {self.low:g})",
        }
