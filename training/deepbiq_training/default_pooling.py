"""Choosing the pooling that a plan uses unless its user says otherwise.

It is the one with the highest SROCC on the validation part, concatenation left out. Concatenation fixes the number
of crops and learns their places; what it gains on a validation part of the same kind it loses elsewhere. SROCC of
`dense` on BIQ2021: 0.788 against 0.785 of `feature-max` on the validation part; but trained without ss01 and judged
on it 0.794 against 0.808, and 0.749 against 0.791 with the windows of the middle 384 pixels of width only.
"""

from __future__ import annotations

from collections.abc import Mapping

from deepbiq.pooling import Pooling
from deepbiq_training.agreement import Agreement

CANDIDATES: tuple[Pooling, ...] = (
    "feature-avg",
    "prediction-avg",
    "feature-max",
    "prediction-max",
    "feature-min",
    "prediction-min",
)
"""Of equals, as all are under `whole`, the first wins."""
_DIGITS = 4


def default_pooling(agreements: Mapping[Pooling, Agreement]) -> Pooling:
    """Returns the candidate with the highest SROCC, to four digits.

    Args:
        agreements: Of one plan, on the validation part, for all seven poolings.
    """
    return max(CANDIDATES, key=lambda pooling: round(agreements[pooling].srocc, _DIGITS))
