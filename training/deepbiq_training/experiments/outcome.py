"""What a split says about a method, and what many splits say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import agreement
from deepbiq.labels import SCORE_MAX, SCORE_MIN

STANDARD_DEVIATIONS = (1, 2, 3)


@dataclass(frozen=True)
class Outcome:
    """Agreement on the test part of a split, or the median of many.

    Attributes:
        plcc: Pearson's correlation, -1..1, without a fitted curve.
        srocc: Spearman's rank correlation, -1..1.
        rmse: Root mean square error in score points.
        mae: Mean absolute error in score points.
        within: Shares of the pictures, 0..1, whose error is at most one, two and three standard deviations of their
            own human scores; None where the data set does not give those.
    """

    plcc: float
    srocc: float
    rmse: float
    mae: float
    within: tuple[float, float, float] | None


def outcome_of(
    predictions: npt.NDArray[np.float64],
    scores: npt.NDArray[np.float64],
    stds: npt.NDArray[np.float64] | None,
) -> Outcome:
    """Compares predictions, clipped to the score range first, with human scores.

    Args:
        predictions: (N,) in score points.
        scores: (N,) MOS 0..100.
        stds: (N,) standard deviations of the human scores in score points; None where there are none.
    """
    clipped = np.clip(predictions, SCORE_MIN, SCORE_MAX)
    found = agreement(clipped, scores)
    within = None if stds is None else _shares_within(np.abs(clipped - scores), stds)
    return Outcome(found.plcc, found.srocc, found.rmse, found.mae, within)


def _shares_within(errors: npt.NDArray[np.float64], stds: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    one, two, three = (float(np.mean(errors <= times * stds)) for times in STANDARD_DEVIATIONS)
    return one, two, three


def median_outcome(outcomes: Sequence[Outcome]) -> Outcome:
    """Takes the median of each measure by itself, as the paper does.

    Args:
        outcomes: At least one, all with shares or all without.
    """
    shares = [outcome.within for outcome in outcomes if outcome.within is not None]
    within = tuple(map(median, zip(*shares, strict=True))) if shares else None
    plcc, srocc, rmse, mae = (
        median(getattr(outcome, name) for outcome in outcomes) for name in ("plcc", "srocc", "rmse", "mae")
    )
    return Outcome(plcc, srocc, rmse, mae, within)


def describe_outcomes(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Returns the median and all splits, JSON-ready."""
    return {"median": asdict(median_outcome(outcomes)), "splits": [asdict(outcome) for outcome in outcomes]}
