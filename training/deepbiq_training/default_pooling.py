"""Choosing the pooling that a plan uses unless its user says otherwise.

It is the better one of the two averages by the mean of PLCC and SROCC on the validation part. Minimum, maximum and
concatenation are offered but never the default: they depend on how many crops or windows there are, so on the
picture's size and shape, and a data set of pictures of one size cannot show what that costs.
"""

from __future__ import annotations

from collections.abc import Mapping

from deepbiq.agreement import Agreement
from deepbiq.pooling import Pooling

CANDIDATES: tuple[Pooling, ...] = ("feature-avg", "prediction-avg")
"""Of equals, as both are under `whole`, the first wins."""
_DIGITS = 4


def default_pooling(agreements: Mapping[Pooling, Agreement]) -> Pooling:
    """Returns the candidate with the highest correlation, to four digits.

    Args:
        agreements: Of one plan, on the validation part, for all seven poolings.
    """
    return max(CANDIDATES, key=lambda pooling: round(agreements[pooling].mean, _DIGITS))
