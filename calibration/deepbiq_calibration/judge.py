"""The judge: what a graph costs on held-back pictures, scored by the runtime as it scores for anyone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from deepbiq.budget import Budget, Cost, cost_of
from deepbiq.bundle import Bundle
from deepbiq.reference import FP32
from deepbiq.sampling import Sample
from deepbiq_calibration.pictures import Draw, mos_of
from deepbiq_calibration.trial import samples_of, scores_of, scores_of_samples, with_graph

Scores = npt.NDArray[np.float64]
_TRIAL = "trial.onnx"


class Judge:
    """Compares graphs with a bundle's FP32 graph.

    Args:
        bundle: The bundle that is calibrated.
        key: Key of the graphs that are judged, `int8-cpu` or `int8-tensorrt`.
        plans: Sampling plans, the first one first.
        draw: The pictures.
        rated: Whether correlations are part of the budget.
        threads: Threads of one inference.
        advance: Called after each picture that is scored.
    """

    def __init__(
        self,
        bundle: Bundle,
        key: str,
        plans: Sequence[str],
        draw: Draw,
        *,
        rated: bool,
        threads: int | None,
        advance: Callable[[], None],
    ) -> None:
        self.plans = tuple(plans)
        self._bundle = bundle
        self._key = key
        self._draw = draw
        self._mos = draw.held_back_mos if rated else None
        self._threads = threads
        self._advance = advance
        self._references: dict[str, Scores] = {}

    def reference(self, plan: str) -> Scores:
        """FP32's scores of the held-back pictures, (n,)."""
        if plan not in self._references:
            self._references[plan] = self._scores(self._bundle, FP32, plan)
        return self._references[plan]

    def scores(self, graph: bytes, plan: str) -> Scores:
        """A graph's scores of the held-back pictures, (n,)."""
        return self._scores(with_graph(self._bundle, self._key, _TRIAL, graph, {}), self._key, plan)

    def costs(self, graph: bytes, budget: Budget) -> dict[str, tuple[Cost, Scores]]:
        """Judges a graph by every plan, up to the first one whose cost is beyond a budget.

        Returns:
            By plan, what it costs and the scores.
        """
        found: dict[str, tuple[Cost, Scores]] = {}
        for plan in self.plans:
            scores = self.scores(graph, plan)
            cost = cost_of(plan, self.reference(plan), scores, self._mos)
            found[plan] = cost, scores
            if cost.beyond(budget):
                break
        return found

    def _scores(self, bundle: Bundle, key: str, plan: str) -> Scores:
        return scores_of(bundle, key, plan, self._draw.held_back, self._threads, self._advance)


class Sketch:
    """Compares graphs with FP32 on some calibration pictures by the first plan: for choosing, not for judging.

    Args:
        bundle: The bundle that is calibrated.
        key: Key of the graphs that are compared.
        plan: The sampling plan.
        draw: The pictures.
        count: How many of the calibration pictures, spread over them.
        rated: Whether people's scores are known.
        threads: Threads of one inference.
    """

    def __init__(
        self, bundle: Bundle, key: str, plan: str, draw: Draw, count: int, *, rated: bool, threads: int | None
    ) -> None:
        places = np.unique(np.linspace(0, len(draw.calibration) - 1, count).round().astype(np.int64))
        pictures = [draw.calibration[place] for place in places]
        self._bundle, self._key, self._plan, self._threads = bundle, key, plan, threads
        self._mos = mos_of(pictures) if rated else None
        self._samples: list[Sample] = samples_of(bundle, plan, pictures, threads)
        self._reference = scores_of_samples(bundle, FP32, plan, self._samples, threads)

    def cost(self, graph: bytes) -> Cost:
        """Compares a graph's scores with FP32's."""
        trial = with_graph(self._bundle, self._key, _TRIAL, graph, {})
        scores = scores_of_samples(trial, self._key, self._plan, self._samples, self._threads)
        return cost_of(self._plan, self._reference, scores, self._mos)
