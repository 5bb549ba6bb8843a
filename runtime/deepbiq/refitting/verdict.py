"""Whether a new head is better: figures before and after with intervals, and the rules by which one is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import agreement
from deepbiq.refitting.svr import Vector

RESAMPLES = 1000
INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap: a 95 % interval."""
SURELY = 0.5
"""Percentile that must lie above chance: ratings without any sense agree with something once in a while."""

Figures = Mapping[str, float]
"""By name."""


@dataclass(frozen=True)
class Measure:
    """One way to compare what heads say with what people said.

    Attributes:
        name: For machines.
        title: For people.
        chance: What a head reaches that knows nothing; None for errors.
        deciding: Whether a proven gain here is reason enough for a new head.
        ranking: Whether a gain that is not proven is, too. Not so of preferences: one figure is all that speaks for
            them, and of senseless ones it does so once in a while.
        turn_round: What to look at where the old head is proven to agree less than chance does; None where another
            measure tells that.
    """

    name: str
    title: str
    chance: float | None
    deciding: bool
    ranking: bool = False
    turn_round: str | None = None


_RANGE = "--range takes the worst score, then the best one, for example --range 100 0 where low is good"
_COLUMNS = "the first column of a preference is the better picture"
SCORE_MEASURES = (
    Measure("plcc", "PLCC", 0.0, deciding=False),
    Measure("srocc", "SROCC", 0.0, deciding=True, ranking=True, turn_round=_RANGE),
    Measure("rmse", "RMSE", None, deciding=False),
    Measure("mae", "MAE", None, deciding=True),
)
PAIR_MEASURES = (Measure("right", "pairs right", 0.5, deciding=True, turn_round=_COLUMNS),)


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """One measure before and after.

    Attributes:
        measure: Which one.
        before: Of the old head.
        after: Of heads that saw none of the pictures that they are measured on.
        gain: By how much the new one is better: above 0 is better, whichever way the measure runs.
        surely_above: What the figure after lies above in all but one of 200 resamples.
    """

    measure: Measure
    before: Estimate
    after: Estimate
    gain: Estimate
    surely_above: float


def compare(
    before: Vector, after: Vector, scores: Vector | None, groups: npt.NDArray[np.int64], seed: int
) -> list[Comparison]:
    """Compares the old head with new ones on the same judgements.

    Args:
        before: (M,) what the old head says: scores, or leads of the better pictures.
        after: (M,) what new heads say.
        scores: (M,) what people said, 0..100; None for preferences.
        groups: (M,) judgements of one group are drawn together.
        seed: Of the bootstrap.
    """
    measures = SCORE_MEASURES if scores is not None else PAIR_MEASURES

    def figures(said: Vector, places: npt.NDArray[np.int64]) -> Figures:
        return _of_pairs(said[places]) if scores is None else _of_scores(said[places], scores[places])

    everything = np.arange(len(before), dtype=np.int64)
    drawn = [everything, *_resamples(groups, np.random.default_rng(seed))]
    olds = [figures(before, places) for places in drawn]
    news = [figures(after, places) for places in drawn]
    return [_comparison(measure, olds, news) for measure in measures]


def fault_of(comparisons: Sequence[Comparison]) -> str | None:
    """Says in one sentence why the new head is refused; None where it is better.

    It must agree with people more than chance does and be proven worse in nothing, both with intervals clear of
    chance and of zero. And it must rank unseen pictures better, or be proven better in a deciding measure. Ratings
    that the old head is proven to contradict are the wrong way round: what learns them is better only by that.
    """
    for item in comparisons:
        if item.measure.chance is not None and item.surely_above <= item.measure.chance:
            return (
                "what a new head says of unseen pictures may agree with the ratings by chance alone "
                f"({item.measure.title} {_interval(item.after)}, chance is {item.measure.chance:g}): are they "
                "about picture quality?"
            )
    for item in comparisons:
        chance = item.measure.chance
        if item.measure.turn_round is not None and chance is not None and item.before.high < chance:
            return (
                f"the old head ranks these pictures the other way round ({item.measure.title} "
                f"{_interval(item.before)}, chance is {chance:g}): are the ratings the right way round? "
                f"{item.measure.turn_round}"
            )
    for item in comparisons:
        if item.gain.high < 0:
            return f"the new head is worse on unseen pictures: {item.measure.title} gains {_interval(item.gain)}"
    deciding = [item for item in comparisons if item.measure.deciding]
    ranks_better = any(item.gain.value > 0 for item in comparisons if item.measure.ranking)
    if not ranks_better and not is_proven(comparisons):
        told = "; ".join(f"{item.measure.title} gains {_interval(item.gain)}" for item in deciding)
        return f"the new head is no better on unseen pictures ({told}): keep the old one, or rate more pictures"
    return None


def is_proven(comparisons: Sequence[Comparison]) -> bool:
    """Tells whether a gain in a deciding measure has its whole interval above zero."""
    return any(item.gain.low > 0 for item in comparisons if item.measure.deciding)


def _comparison(measure: Measure, olds: Sequence[Figures], news: Sequence[Figures]) -> Comparison:
    before = np.array([figures[measure.name] for figures in olds])
    after = np.array([figures[measure.name] for figures in news])
    gain = before - after if measure.chance is None else after - before
    return Comparison(
        measure, _estimate(before), _estimate(after), _estimate(gain), float(np.percentile(after[1:], SURELY))
    )


def _estimate(values: Vector) -> Estimate:
    """Takes the value of everything, which comes first, and the interval of the resamples."""
    low, high = np.percentile(values[1:], INTERVAL)
    return Estimate(float(values[0]), float(low), float(high))


def _resamples(groups: npt.NDArray[np.int64], rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Draws groups with replacement, as many as there are."""
    _, numbers, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(numbers, kind="stable"), np.cumsum(sizes)[:-1])
    for _ in range(RESAMPLES):
        yield np.concatenate([members[place] for place in rng.integers(len(members), size=len(members))])


def _of_scores(said: Vector, scores: Vector) -> Figures:
    found = agreement(said, scores)
    return {"plcc": found.plcc, "srocc": found.srocc, "rmse": found.rmse, "mae": found.mae}


def _of_pairs(leads: Vector) -> Figures:
    """Returns the share of pairs whose better picture scores higher; equal scores count half."""
    return {"right": float(np.mean(leads > 0) + np.mean(leads == 0) / 2)}


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
