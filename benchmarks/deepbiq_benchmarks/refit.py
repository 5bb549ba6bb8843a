"""What a refit is worth by the number of ratings, on pictures that no head was fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import Agreement, agreement
from deepbiq.bundle import Bundle
from deepbiq.errors import OptionError
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.plans import Plan
from deepbiq.pooling import head_of
from deepbiq.reference import FP32
from deepbiq.refitting.cross_validation import choose, predict_unseen
from deepbiq.refitting.features import average_features
from deepbiq.refitting.fitting import CANDIDATES
from deepbiq.refitting.grouping import group_pictures
from deepbiq.refitting.material import Material
from deepbiq.refitting.ratings import Ratings
from deepbiq.refitting.refitted import Procedure
from deepbiq.refitting.verdict import compare, fault_of
from deepbiq.regression import LinearRegressor
from deepbiq.setting import settle

OWN_HEAD = "the bundle's own"
PROCEDURE = Procedure(folds=5, seed=0)
WAYS = {
    "old": [choice for choice in CANDIDATES if choice.prior == "old"],
    "zero": [choice for choice in CANDIDATES if choice.prior == "zero"],
    "chosen": list(CANDIDATES),
}
"""By name, what cross-validation may choose from."""


@dataclass(frozen=True, eq=False)
class HeldBack:
    """Pictures that heads are tested on.

    Attributes:
        features: (N, D) float32.
        scores: (N,) 0..100.
    """

    features: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float64]

    def judge(self, head: LinearRegressor) -> Agreement:
        """Compares what a head says with what people said."""
        return agreement(np.clip(head.predict(self.features), SCORE_MIN, SCORE_MAX), self.scores)


def load_material(bundle: Bundle, plan: Plan, ratings: Ratings, advance: Callable[[], None]) -> Material:
    """Computes the features of rated pictures, with the bundle's own head beside them.

    Raises:
        OptionError: When the ratings are preferences.
    """
    if ratings.scores is None:
        raise OptionError(f"{ratings.file}: the benchmark needs scores, not preferences")
    setting = settle(bundle, plan, None, "auto")
    found = average_features(bundle, FP32, plan, ratings.paths, advance)
    groups = group_pictures(ratings, found.content_hashes, PROCEDURE.folds)
    return Material(found.rows, ratings.judged, ratings.scores, groups, setting.heads[head_of(setting.pooling)])


def rows_of_refits(
    pool: Material,
    test: HeldBack,
    *,
    counts: Sequence[int],
    old_pictures: int,
    draws: int,
    advance: Callable[[], None],
) -> list[dict[str, Any]]:
    """Refits two old heads to ever more ratings: the bundle's own, and one that was fitted to a few pictures.

    Args:
        pool: Rated pictures to draw from; whole groups are drawn.
        test: Pictures of which none is in the pool.
        counts: Numbers of ratings, one row each and old head.
        old_pictures: Pictures of the pool that the second old head is fitted to.
        draws: How often ratings are drawn; figures are means over them.
        advance: Called after each refit.
    """
    rows = []
    for old in (OWN_HEAD, f"fitted to {old_pictures} pictures"):
        for count in counts:
            found = []
            for draw in range(draws):
                few, rest = _parted(pool, old_pictures, draw)
                start = pool if old == OWN_HEAD else replace(pool, old=_head_of(pool, few, WAYS["zero"]))
                found.append(_refit(start, rest[:count], test))
                advance()
            rows.append({"old": old, "n": count, "draws": draws, **_means(found)})
    return rows


def refusals_of_random_scores(
    pool: Material, count: int, draws: int, advance: Callable[[], None]
) -> dict[str, int]:
    """Counts how often scores without any sense are refused: uniform ones, of other pictures each time."""
    refused = 0
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        places = np.sort(rng.permutation(len(pool.judged))[:count])
        senseless = replace(pool, scores=rng.uniform(SCORE_MIN, SCORE_MAX, len(pool.judged)))
        refused += _fault(_part(senseless, places)) is not None
        advance()
    return {"n": count, "draws": draws, "refused": refused}


def _parted(pool: Material, count: int, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Orders pictures by chance, whole groups together: the first groups, with at least `count`, and the others."""
    rng = np.random.default_rng(seed)
    ranks = rng.permutation(int(pool.groups.max()) + 1)[pool.groups]
    order = np.argsort(ranks, kind="stable")
    end = int(np.flatnonzero(ranks[order] == ranks[order][count - 1])[-1]) + 1
    return order[:end], order[end:]


def _part(pool: Material, places: npt.NDArray[np.int64]) -> Material:
    assert pool.scores is not None
    return Material(
        pool.features[places], np.arange(len(places))[:, None], pool.scores[places], pool.groups[places], pool.old
    )


def _head_of(pool: Material, places: npt.NDArray[np.int64], candidates: Sequence[Any]) -> LinearRegressor:
    part = _part(pool, places)
    everything = np.arange(len(places))
    return part.fitter(everything).fit(choose(part, everything, PROCEDURE.folds, PROCEDURE.seed, candidates))


def _refit(pool: Material, places: npt.NDArray[np.int64], test: HeldBack) -> dict[str, Any]:
    heads = {way: _head_of(pool, places, candidates) for way, candidates in WAYS.items()}
    judged = {"before": test.judge(pool.old), **{way: test.judge(head) for way, head in heads.items()}}
    figures = {f"{way}_{name}": getattr(found, name) for way, found in judged.items() for name in ("srocc", "mae")}
    return {**figures, "accepted": float(_fault(_part(pool, places)) is None)}


def _fault(part: Material) -> str | None:
    after = predict_unseen(part, PROCEDURE.folds, PROCEDURE.seed, lambda: None)
    before = part.said(part.old, np.arange(len(after)))
    return fault_of(compare(before, after, part.scores, part.groups, PROCEDURE.seed))


def _means(found: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([figures[name] for figures in found])) for name in found[0]}
