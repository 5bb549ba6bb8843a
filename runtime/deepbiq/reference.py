"""What a bundle's graphs are held against: ONNX Runtime, which computes the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deepbiq.bundle import Bundle
from deepbiq.configuration import Configuration
from deepbiq.engines import create_engine
from deepbiq.golden import golden_scores_of
from deepbiq.imaging import Limits
from deepbiq.plans import Plan, parse_plan
from deepbiq.scorer import Scorer
from deepbiq.setting import settle

ENGINE = "onnxruntime"
FP32 = "fp32"
"""The graph that every other graph is held against."""


@contextmanager
def scorer_on(bundle: Bundle, key: str, plan: Plan, threads: int | None = None) -> Iterator[Scorer]:
    """Opens a scorer on one of a bundle's graphs.

    Args:
        bundle: The bundle, which may exist in memory alone.
        key: The graph's key in the manifest.
        plan: The sampling plan.
        threads: Threads of one inference; None takes one per core.
    """
    setting = settle(bundle, plan, None, "auto")
    engine = create_engine(bundle, setting, Configuration(ENGINE, key, threads))
    with Scorer(bundle, setting, engine, Limits()) as scorer:
        yield scorer


def score_golden(
    bundle: Bundle, key: str, *, only: Callable[[Plan], bool] = lambda _: True, threads: int | None = None
) -> dict[str, dict[str, float]]:
    """Scores a bundle's golden pictures anew with one graph.

    Args:
        bundle: The bundle, which may exist in memory alone.
        key: The graph's key in the manifest.
        only: Says which of the plans to take that FP32's scores are recorded for.
        threads: Threads of one inference; None takes one per core.

    Returns:
        By the picture's path inside the bundle, and by plan; empty where no plan is taken.
    """
    recorded = golden_scores_of(bundle, FP32)
    found: dict[str, dict[str, float]] = {}
    for text in dict.fromkeys(text for scores in recorded.values() for text in scores):
        plan = parse_plan(text)
        if not only(plan):
            continue
        with scorer_on(bundle, key, plan, threads) as scorer:
            for file, scores in recorded.items():
                if text in scores:
                    found.setdefault(file, {})[text] = scorer(bundle.read(file)).score
    return found
