"""Choosing the pooling that a plan uses unless its user says otherwise.

It is the one with the highest mean of PLCC and SROCC on the validation part, concatenation left out: it fixes the
number of crops and learns their places, and what it gains on pictures of the same kind it loses on others.
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
    """Returns the candidate with the highest correlation, to four digits.

    Args:
        agreements: Of one plan, on the validation part, for all seven poolings.
    """
    return max(CANDIDATES, key=lambda pooling: round(agreements[pooling].correlation, _DIGITS))
