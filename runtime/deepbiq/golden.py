"""Golden pictures: the bundle's proof that this machine computes the scores that its makers saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepbiq.bundle import Bundle

TOLERANCE = {"fp32": 0.1}
"""Largest difference in score points by precision. FP32 kernels differ between CPUs by rounding only, some
1e-4 points; 0.1 leaves room for the rounding of a decoded pixel and is far below what anybody sees."""


@dataclass(frozen=True)
class GoldenCheck:
    """One golden picture scored here.

    Attributes:
        file: The picture's path inside the bundle.
        plan: The sampling plan.
        expected: The score that the bundle's makers saw.
        score: The score here.
    """

    file: str
    plan: str
    expected: float
    score: float

    def passes(self, precision: str) -> bool:
        """Says whether the score is within the tolerance of the precision."""
        return abs(self.score - self.expected) <= TOLERANCE[precision]


def check_golden(bundle: Bundle, score_of: Callable[[bytes, str], float]) -> list[GoldenCheck]:
    """Scores every golden picture of a bundle with every plan that an expected score is recorded for.

    Args:
        bundle: The opened bundle.
        score_of: Scores the bytes of a picture with a plan.

    Returns:
        One item per picture and plan; a bundle without golden pictures gives none.
    """
    return [
        GoldenCheck(entry["file"], plan, expected, score_of(bundle.read(entry["file"]), plan))
        for entry in bundle.manifest.get("golden", ())
        for plan, expected in entry["scores"].items()
    ]
