"""Thresholds for the verdict, fitted to scores: to wanted rates, or to what people accepted and rejected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.errors import OptionError

LEAST_PICTURES = 20
"""With fewer, a twentieth of the pictures is less than one."""
LEAST_OF_A_KIND = 5
"""Fewer accepted or rejected pictures say nothing about where the border lies."""
RESAMPLES = 1000
INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap: a 95 % interval."""
DECIMALS = 2

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rates:
    """Which share of pictures gets which verdict, each 0..1, without smoothing and hysteresis."""

    accept: float
    warn: float
    reject: float


@dataclass(frozen=True)
class Border:
    """Where accepted and rejected pictures part.

    Attributes:
        score: The border: pictures from it on are taken as accepted.
        interval: Lower and upper end of its 95 % bootstrap interval, in scores.
        youden: Youden's J at the border, the right share of the accepted plus that of the rejected minus 1.
        balanced_accuracy: The mean of those two shares.
        auc: Chance that an accepted picture scores above a rejected one, ties counted half.
        accepted: How many pictures people accepted.
        rejected: How many they rejected.
    """

    score: float
    interval: tuple[float, float]
    youden: float
    balanced_accuracy: float
    auc: float
    accepted: int
    rejected: int


@dataclass(frozen=True)
class Thresholds:
    """Thresholds for the section `decision`.

    Attributes:
        accept: Score from which on pictures are accepted, 0..100.
        reject: Score below which they are rejected, 0..100.
        n: How many scores they were fitted to.
        rates: What they do to these scores.
        border: What was found where people's verdicts were given; None otherwise.
    """

    accept: float
    reject: float
    n: int
    rates: Rates
    border: Border | None = None


def fit_rates(scores: Scores, reject_rate: float, warn_rate: float) -> Thresholds:
    """Fits thresholds to wanted rates: quantiles of the scores.

    Args:
        scores: (N,) 0..100, of pictures as they usually come.
        reject_rate: Share that should be rejected, 0..1.
        warn_rate: Share that should be warned about, 0..1.

    Raises:
        OptionError: When the rates are no shares, or the scores are too few or all equal.
    """
    if not (reject_rate >= 0 and warn_rate >= 0 and reject_rate + warn_rate <= 1):
        raise OptionError(
            f"reject and warn rate are shares, 0..1, and together at most 1: got {reject_rate} and {warn_rate}"
        )
    _check_enough(scores)
    reject, accept = np.quantile(scores, [reject_rate, min(1.0, reject_rate + warn_rate)])
    return _thresholds(scores, float(accept), float(reject), None)


def fit_labels(scores: Scores, accepted: npt.NDArray[np.bool_]) -> Thresholds:
    """Fits thresholds to pictures that people accepted or rejected.

    The border is where Youden's J, and with it the balanced accuracy, is largest: in the middle between the scores
    on its two sides, and the middle one of several borders that are equally good. `reject` and `accept` are the
    ends of its bootstrap interval: between them the pictures cannot tell, so there it warns. The bootstrap draws
    from each kind as many as there are, always the same.

    Args:
        scores: (N,) 0..100.
        accepted: (N,) True where people accepted the picture, False where they rejected it.

    Raises:
        OptionError: When the scores are too few or all equal, one kind is missing or rare, or accepted pictures do
            not score higher than rejected ones.
    """
    _check_enough(scores)
    good, bad = np.sort(scores[accepted]), np.sort(scores[~accepted])
    if min(len(good), len(bad)) < LEAST_OF_A_KIND:
        raise OptionError(
            f"{len(good)} accepted and {len(bad)} rejected pictures: at least {LEAST_OF_A_KIND} of each are needed"
        )
    auc = _auc(good, bad)
    if auc <= 0.5:
        raise OptionError(
            f"accepted pictures do not score above rejected ones (AUC {auc:.2f}): no threshold parts them; are the "
            "verdicts the right way round?"
        )
    score, youden = _border(good, bad)
    low, high = _interval(good, bad, np.random.default_rng(0))
    low, high = min(low, score), max(high, score)
    interval = (_rounded_down(low), _rounded_down(high))
    border = Border(
        _rounded_down(score), interval, youden, (youden + 1) / 2, auc, accepted=len(good), rejected=len(bad)
    )
    return _thresholds(scores, high, low, border)


def _check_enough(scores: Scores) -> None:
    if len(scores) < LEAST_PICTURES:
        raise OptionError(
            f"{len(scores)} scores are too few to fit thresholds to: at least {LEAST_PICTURES} needed"
        )
    if np.ptp(scores) == 0:
        raise OptionError(f"all {len(scores)} scores are {scores[0]:g}: no threshold parts them")


def _thresholds(scores: Scores, accept: float, reject: float, border: Border | None) -> Thresholds:
    accept, reject = _rounded_down(accept), _rounded_down(reject)
    rates = Rates(
        accept=float(np.mean(scores >= accept)),
        warn=float(np.mean((scores >= reject) & (scores < accept))),
        reject=float(np.mean(scores < reject)),
    )
    return Thresholds(accept, reject, len(scores), rates, border)


def _rounded_down(score: float) -> float:
    """Rounds a threshold; never up, as the picture whose score it is would then lie below it."""
    nearest = round(score, DECIMALS)
    return nearest if nearest <= score else round(nearest - 10**-DECIMALS, DECIMALS)


def _auc(good: Scores, bad: Scores) -> float:
    below = np.searchsorted(bad, good, "left") + np.searchsorted(bad, good, "right")
    return float(below.mean() / (2 * len(bad)))


def _border(good: Scores, bad: Scores) -> tuple[float, float]:
    """Returns the score with the largest Youden's J, and that J; both arguments are sorted."""
    levels = np.unique(np.concatenate([good, bad]))
    borders = (levels[:-1] + levels[1:]) / 2
    youden = np.searchsorted(bad, borders) / len(bad) - np.searchsorted(good, borders) / len(good)
    best = np.flatnonzero(youden >= youden.max() - 1e-12)
    middle = best[len(best) // 2]
    return float(borders[middle]), float(youden[middle])


def _interval(good: Scores, bad: Scores, random: np.random.Generator) -> tuple[float, float]:
    found = [_border(_resample(good, random), _resample(bad, random))[0] for _ in range(RESAMPLES)]
    low, high = np.percentile(found, INTERVAL)
    return float(low), float(high)


def _resample(scores: Scores, random: np.random.Generator) -> Scores:
    drawn: Scores = np.sort(random.choice(scores, len(scores)))
    return drawn
