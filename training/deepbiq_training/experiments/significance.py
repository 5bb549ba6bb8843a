"""Choosing the best number of crops: the fewest that a two-sample t-test cannot tell from the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

LEVEL = 0.05
"""Differences with a smaller p-value count as real."""


def fewest_as_good(values: Mapping[int, Sequence[float]]) -> int:
    """Chooses a number of crops.

    Args:
        values: For each number of crops the SROCC of every split, two or more.

    Returns:
        The smallest number whose values Student's two-sample t-test (two-sided, equal variances) cannot tell from
        those of the number with the highest mean.
    """
    from scipy.stats import ttest_ind

    best = max(values, key=lambda count: fmean(values[count]))
    # Where all values are equal there is no p-value: nothing tells them apart.
    return min(count for count in values if not ttest_ind(values[count], values[best]).pvalue < LEVEL)
