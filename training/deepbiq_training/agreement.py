"""How well predictions agree with human scores: Pearson's (PLCC) and Spearman's (SROCC) correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.labels import SCORE_MAX, SCORE_MIN


@dataclass(frozen=True)
class Agreement:
    """Agreement over a set of pictures.

    Attributes:
        n: Number of pictures.
        plcc: Pearson's correlation, -1..1, of the predictions as they are: no curve is fitted first.
        srocc: Spearman's rank correlation, -1..1.
    """

    n: int
    plcc: float
    srocc: float

    @property
    def correlation(self) -> float:
        """The mean of PLCC and SROCC: what is maximised, since both are what methods are compared by."""
        return (self.plcc + self.srocc) / 2


def agreement(predictions: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> Agreement:
    """Compares predictions, clipped to the score range first, with human scores.

    Args:
        predictions: (N,) in score points.
        scores: (N,) MOS 0..100.

    Returns:
        Correlations; 0 where the predictions or the scores are all equal, as nothing agrees then.
    """
    return correlations(np.clip(predictions, SCORE_MIN, SCORE_MAX), scores)


def correlations(predictions: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> Agreement:
    """Compares predictions on any scale with human scores.

    Args:
        predictions: (N,), the higher the better.
        scores: (N,) MOS.

    Returns:
        Correlations; 0 where the predictions or the scores are all equal, as nothing agrees then.
    """
    from scipy.stats import pearsonr, spearmanr

    if np.ptp(predictions) == 0 or np.ptp(scores) == 0:
        return Agreement(len(scores), 0.0, 0.0)
    return Agreement(
        len(scores), float(pearsonr(predictions, scores).statistic), float(spearmanr(predictions, scores).statistic)
    )
