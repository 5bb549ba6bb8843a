"""Lines by least squares: what one more of something costs, and what it costs in any case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """A line by least squares.

    Attributes:
        slope: Units of y per unit of x.
        intercept: y at x = 0.
        r2: Share of the variance that the line explains, at most 1.
    """

    slope: float
    intercept: float
    r2: float


def fit_line(x: Sequence[float], y: Sequence[float]) -> Line | None:
    """Fits y = slope x + intercept by least squares; None for fewer than two different x.

    Args:
        x: (n,).
        y: (n,).
    """
    if len(set(x)) < 2:
        return None
    across, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    slope, intercept = np.polyfit(across, up, 1)
    total = float(((up - up.mean()) ** 2).sum())
    left = float(((up - slope * across - intercept) ** 2).sum())
    return Line(float(slope), float(intercept), 1.0 if total == 0 else 1 - left / total)
