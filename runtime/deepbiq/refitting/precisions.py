"""What a new head means for a bundle's other graphs: INT8 must prove again that it keeps scores.

A calibration holds for the head that it was judged with. A new head may make more of small differences between
features, so INT8 is judged again on the rated pictures, against the bounds that `deepbiq calibrate` has by default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepbiq.budget import Budget, Cost, cost_of
from deepbiq.bundle import Bundle
from deepbiq.graphs import INT8_FLAVOURS
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.plans import Plan
from deepbiq.refitting.features import average_features
from deepbiq.refitting.svr import Vector
from deepbiq.regression import LinearRegressor

BUDGET = Budget()


@dataclass(frozen=True)
class Judged:
    """An INT8 graph with one plan and a new head.

    Attributes:
        graph: The graph's key.
        plan: The sampling plan.
        cost: What it costs against FP32; None where it cannot be judged here.
        faults: The bounds that it exceeds, or why it cannot be judged; empty where it keeps scores.
    """

    graph: str
    plan: str
    cost: Cost | None
    faults: tuple[str, ...]


def judge_int8(
    bundle: Bundle,
    plan: Plan,
    paths: Sequence[Path],
    reference: Vector,
    scores: Vector | None,
    head: LinearRegressor,
    unproven: Mapping[str, str],
    advance: Callable[[], None],
) -> list[Judged]:
    """Judges every INT8 graph of a bundle with a new head.

    Args:
        bundle: The bundle.
        plan: The sampling plan.
        paths: (N,) the rated pictures.
        reference: (N,) what the new head says by FP32.
        scores: (N,) people's; None where they gave preferences.
        head: The new head.
        unproven: Graphs that cannot be judged here, with the reason.
        advance: Called after each picture.
    """
    judged = []
    for key in INT8_FLAVOURS:
        if key in unproven:
            judged.append(Judged(key, str(plan), None, (f"{plan}: not judged, {unproven[key]}",)))
        elif key in bundle.manifest["graphs"]:
            found = average_features(bundle, key, plan, paths, advance)
            said = np.clip(head.predict(found.rows), SCORE_MIN, SCORE_MAX)
            cost = cost_of(str(plan), reference, said, scores)
            judged.append(Judged(key, str(plan), cost, tuple(cost.beyond(BUDGET))))
    return judged
