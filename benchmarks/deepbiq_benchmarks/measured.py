"""How well predicted scores agree with human ones, with KROCC and bootstrap intervals.

PLCC is Pearson's correlation of the predictions as they are: no logistic curve is fitted to them first, which
would flatter it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from deepbiq.agreement import MIN_PICTURES, Agreement, agreement
from deepbiq.errors import OptionError

BOOTSTRAP_RESAMPLES = 2000
BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Measured(Agreement):
    """Agreement of predictions with mean opinion scores, and how sure it is.

    Attributes:
        krocc: Kendall's tau-b, -1..1, higher is better.
        plcc_ci95: Percentile bootstrap interval of `plcc` over pictures.
        srocc_ci95: The same of `srocc`.
    """

    krocc: float
    plcc_ci95: tuple[float, float]
    srocc_ci95: tuple[float, float]


def measure(predicted: npt.NDArray[np.float64], mos: npt.NDArray[np.float64]) -> Measured:
    """Compares predictions with human scores.

    Args:
        predicted: (n,) score points.
        mos: (n,) score points, the same pictures in the same order.

    Raises:
        OptionError: With fewer than three pictures, or when one side is constant: there is no correlation then.
    """
    if len(mos) < MIN_PICTURES or np.ptp(mos) == 0 or np.ptp(predicted) == 0:
        raise OptionError(f"{len(mos)} pictures with these scores have no correlation: take more of them")
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    resamples = rng.integers(len(mos), size=(BOOTSTRAP_RESAMPLES, len(mos)))
    drawn_predicted, drawn_mos = predicted[resamples], mos[resamples]
    ranked = stats.rankdata(drawn_predicted, axis=1), stats.rankdata(drawn_mos, axis=1)
    return Measured(
        **asdict(agreement(predicted, mos)),
        krocc=float(stats.kendalltau(predicted, mos).statistic),
        plcc_ci95=_interval(_row_correlations(drawn_predicted, drawn_mos)),
        srocc_ci95=_interval(_row_correlations(*ranked)),
    )


def _row_correlations(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pearson's correlation of each row; a resample that is constant by chance gives NaN."""
    left = left - left.mean(axis=1, keepdims=True)
    right = right - right.mean(axis=1, keepdims=True)
    scale = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    product = (left * right).sum(axis=1)
    return np.asarray(np.divide(product, scale, out=np.full(len(left), np.nan), where=scale > 0))


def _interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)
