"""How well predictions agree with human scores: Pearson's (PLCC) and Spearman's (SROCC) correlation, and errors.

In NumPy, because it is also measured on devices, where scipy is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MIN_PICTURES = 3
"""Below three pictures no correlation says anything."""


@dataclass(frozen=True)
class Correlations:
    """Agreement over a set of pictures, whatever the predictions' scale.

    Attributes:
        n: Number of pictures.
        plcc: Pearson's correlation, -1..1, of the predictions as they are: no curve is fitted first.
        srocc: Spearman's rank correlation, -1..1.
    """

    n: int
    plcc: float
    srocc: float

    @property
    def mean(self) -> float:
        """The mean of PLCC and SROCC: what is maximised, since both are what methods are compared by."""
        return (self.plcc + self.srocc) / 2


@dataclass(frozen=True)
class Agreement(Correlations):
    """Agreement of predictions on the score range.

    Attributes:
        rmse: Root mean square error in score points.
        mae: Mean absolute error in score points.
    """

    rmse: float
    mae: float


def agreement(predictions: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> Agreement:
    """Compares predictions with human scores.

    Args:
        predictions: (N,) in score points.
        scores: (N,) MOS 0..100.

    Returns:
        Correlations, 0 where the predictions or the scores are all equal, as nothing agrees then; and errors.
    """
    found = correlations(predictions, scores)
    errors = predictions - scores
    return Agreement(
        n=found.n,
        plcc=found.plcc,
        srocc=found.srocc,
        rmse=float(np.sqrt(np.mean(errors**2))),
        mae=float(np.mean(np.abs(errors))),
    )


def correlations(predictions: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> Correlations:
    """Compares predictions on any scale with human scores.

    Args:
        predictions: (N,), the higher the better.
        scores: (N,) MOS.

    Returns:
        Correlations; 0 where the predictions or the scores are all equal, as nothing agrees then.
    """
    return Correlations(len(scores), _pearson(predictions, scores), _pearson(_ranks(predictions), _ranks(scores)))


def _pearson(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float:
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return 0.0
    left, right = left - left.mean(), right - right.mean()
    return float(left @ right / np.sqrt((left @ left) * (right @ right)))


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Numbers values from 1 by size; equal ones share the mean of their numbers."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: npt.NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks
