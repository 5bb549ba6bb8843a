"""One plan refitted: from the features of rated pictures to a new head that is better, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deepbiq.bundle import Bundle
from deepbiq.errors import BundleError
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.plans import Plan
from deepbiq.pooling import Pooling, head_of
from deepbiq.reference import FP32
from deepbiq.refitting.cross_validation import choose, predict_unseen
from deepbiq.refitting.features import average_features
from deepbiq.refitting.fitting import Choice
from deepbiq.refitting.grouping import group_pictures
from deepbiq.refitting.material import Material
from deepbiq.refitting.precisions import Judged, judge_int8
from deepbiq.refitting.proof import unproven_graphs
from deepbiq.refitting.ratings import Ratings
from deepbiq.refitting.refusal import RefusalError
from deepbiq.refitting.verdict import Comparison, compare, fault_of
from deepbiq.regression import LinearRegressor
from deepbiq.setting import settle

AVERAGES: tuple[Pooling, ...] = ("feature-avg", "prediction-avg")


@dataclass(frozen=True)
class Procedure:
    """How heads are chosen and judged.

    Attributes:
        folds: Folds of cross-validation.
        seed: Deals pictures to folds and draws the bootstrap.
    """

    folds: int
    seed: int


@dataclass(frozen=True, eq=False)
class Refitted:
    """A plan with its new head.

    Attributes:
        plan: The sampling plan.
        pooling: The bundle's for the plan.
        head: Fitted to all ratings.
        choice: How.
        groups: Groups of pictures that cross-validation kept together.
        tested: Judgements that could be tested on unseen pictures.
        comparisons: Before and after, on these.
        int8: What INT8 costs with the new head.
        unproven: Graphs that do not reproduce their golden scores on this machine, with the reason.
    """

    plan: Plan
    pooling: Pooling
    head: LinearRegressor
    choice: Choice
    groups: int
    tested: int
    comparisons: tuple[Comparison, ...]
    int8: tuple[Judged, ...]
    unproven: Mapping[str, str]

    def describe(self) -> dict[str, Any]:
        """Tells everything but the weights; JSON-ready."""
        return {
            "plan": str(self.plan),
            "pooling": self.pooling,
            **asdict(self.choice),
            "groups": self.groups,
            "tested": self.tested,
            "figures": {
                item.measure.name: {key: asdict(getattr(item, key)) for key in ("before", "after", "gain")}
                for item in self.comparisons
            },
            "int8": [asdict(judged) for judged in self.int8],
        }


def refit_plan(
    bundle: Bundle, plan: Plan, ratings: Ratings, procedure: Procedure, advance: Callable[[], None]
) -> Refitted:
    """Refits the head of a plan.

    Args:
        bundle: The bundle.
        plan: The sampling plan.
        ratings: What people said.
        procedure: How heads are chosen and judged.
        advance: Called after each picture and each fit.

    Raises:
        RefusalError: When the ratings do not support a better head.
        DataSetError: When pictures cannot be read.
        BundleError: When the plan's pooling is no average.
        EngineError: When FP32 does not compute here what the bundle's makers saw.
    """
    pooling, old = _old_head(bundle, plan)
    unproven = unproven_graphs(bundle, plan)
    found = average_features(bundle, FP32, plan, ratings.paths, advance)
    groups = group_pictures(ratings, found.content_hashes, procedure.folds)
    count = int(groups.max()) + 1
    if count < procedure.folds:
        raise RefusalError(
            f"the pictures form {count} groups that belong together, {procedure.folds} folds need as many: rate "
            "other pictures too"
        )
    material = Material(found.rows, ratings.judged, ratings.scores, groups, old)
    comparisons, tested = _judge(material, plan, procedure, advance)
    everything = np.arange(len(ratings.judged), dtype=np.int64)
    choice = choose(material, everything, procedure.folds, procedure.seed)
    head = material.fitter(everything).fit(choice)
    said = np.clip(head.predict(found.rows), SCORE_MIN, SCORE_MAX)
    int8 = judge_int8(bundle, plan, ratings.paths, said, ratings.scores, head, unproven, advance)
    return Refitted(plan, pooling, head, choice, count, tested, tuple(comparisons), tuple(int8), unproven)


def _old_head(bundle: Bundle, plan: Plan) -> tuple[Pooling, LinearRegressor]:
    setting = settle(bundle, plan, None, "auto")
    if setting.pooling not in AVERAGES:
        raise BundleError(
            f"{bundle.path}: pools {plan} by {setting.pooling}: only {' and '.join(AVERAGES)} can be refitted"
        )
    return setting.pooling, setting.heads[head_of(setting.pooling)]


def _judge(
    material: Material, plan: Plan, procedure: Procedure, advance: Callable[[], None]
) -> tuple[list[Comparison], int]:
    """Compares the old head with new ones on unseen pictures; refuses where they are not better."""
    after = predict_unseen(material, procedure.folds, procedure.seed, advance)
    tested = np.flatnonzero(np.isfinite(after))
    if len(tested) < len(after) / 2:
        raise RefusalError(
            f"only {len(tested)} of {len(after)} preferences can be tested on unseen pictures: most are "
            "about the same few pictures; compare others too"
        )
    comparisons = compare(
        material.said(material.old, tested),
        after[tested],
        None if material.scores is None else material.scores[tested],
        material.groups[material.judged[tested, 0]],
        procedure.seed,
    )
    fault = fault_of(comparisons)
    if fault is not None:
        raise RefusalError(f"plan {plan}: {fault}")
    return comparisons, len(tested)
