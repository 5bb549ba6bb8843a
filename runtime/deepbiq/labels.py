"""The score scale and its five labels.

The scale is the predicted mean opinion score (MOS), 0 (bad) to 100 (excellent). The labels are the crisp
partition of Bianco et al., "On the use of deep learning for blind image quality assessment" (2016), section 3.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

SCORE_MIN = 0.0
SCORE_MAX = 100.0
LABELS = ("bad", "poor", "fair", "good", "excellent")
LABEL_BORDERS = (20.0, 40.0, 60.0, 80.0)
"""Upper border of every label but the last; a border belongs to the label below it: bad [0,20], poor ]20,40]."""


def clip_score(raw: float) -> float:
    """Clips a regressor's output to the score range.

    Args:
        raw: Any finite number, in score points.

    Returns:
        The score, 0..100.

    Raises:
        ValueError: When `raw` is NaN or infinite: such a number is a fault, not a quality.
    """
    if not math.isfinite(raw):
        raise ValueError(f"the score is {raw}, not a finite number")
    return min(max(float(raw), SCORE_MIN), SCORE_MAX)


def label_of(score: float) -> str:
    """Names the class of the crisp partition that a score falls into.

    Args:
        score: 0..100.

    Returns:
        One of `LABELS`.

    Raises:
        ValueError: When the score is outside 0..100 or NaN.
    """
    if not SCORE_MIN <= score <= SCORE_MAX:
        raise ValueError(f"a score lies in 0..100, got {score}")
    return LABELS[sum(score > border for border in LABEL_BORDERS)]


def label_numbers(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Returns the place in `LABELS` of each score's label; (n,) of (n,) scores, 0..100."""
    return np.searchsorted(LABEL_BORDERS, scores, side="left")
