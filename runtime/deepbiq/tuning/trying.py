"""Trying configurations: each must reproduce the golden scores on this machine, then all are timed in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median
from time import perf_counter

import numpy as np
import numpy.typing as npt

from deepbiq.bundle import Bundle
from deepbiq.configuration import Configuration
from deepbiq.engines import create_engine
from deepbiq.errors import DeepBIQError
from deepbiq.golden import check_golden, golden_fault
from deepbiq.graphs import graph_key
from deepbiq.imaging import Limits
from deepbiq.plans import parse_plan
from deepbiq.scorer import Scorer, score_with
from deepbiq.setting import Setting
from deepbiq.tuning.trials import Trial

BLOCK = 5
"""Calls of one configuration in a row, of which the first is not counted. In between others would slow each other
down: ONNX Runtime's threads spin for a while after their work is done."""
LEAST_BLOCKS = 3

Picture = npt.NDArray[np.uint8]


def try_all(
    bundle: Bundle,
    setting: Setting,
    configurations: Sequence[Configuration],
    *,
    seconds: float,
    advance: Callable[[], None] = lambda: None,
) -> list[Trial]:
    """Tries configurations, in turn again and again, so that the machine's moods hit all of them.

    Args:
        bundle: The opened bundle.
        setting: Plan, pooling and scale that calls are timed with.
        configurations: What to try.
        seconds: How long to time all of them together; every one is called at least `LEAST_BLOCKS` times `BLOCK`.
        advance: Called after each round.

    Returns:
        One trial for each configuration, in their order; those that fail have the reason.
    """
    picture = picture_of(setting)
    with ExitStack() as opened:
        faults: dict[Configuration, str] = {}
        scorers: dict[Configuration, Scorer] = {}
        for configuration in configurations:
            try:
                engine = create_engine(bundle, setting, configuration)
                scorer = opened.enter_context(Scorer(bundle, setting, engine, Limits()))
                fault = _fault_of(bundle, scorer, configuration)
            except DeepBIQError as error:
                fault = str(error)
            if fault is None:
                scorers[configuration] = scorer
            else:
                faults[configuration] = fault
        times: dict[Configuration, list[float]] = {configuration: [] for configuration in scorers}
        end = perf_counter() + seconds
        blocks = 0
        while scorers and (blocks < LEAST_BLOCKS or perf_counter() < end):
            for configuration, scorer in scorers.items():
                times[configuration] += _block(scorer, picture)
            blocks += 1
            advance()
    return [Trial(c, 1000 * median(times[c]) if c in times else None, faults.get(c)) for c in configurations]


def picture_of(setting: Setting) -> Picture:
    """Makes the picture that calls are timed on: (H, W, 3) uint8, square, as large as the network sees pictures."""
    side = max(setting.scale.short_side or 0, setting.size)
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


def _fault_of(bundle: Bundle, scorer: Scorer, configuration: Configuration) -> str | None:
    """Scores the golden pictures of the plan's family, or says what is wrong with the scores of this machine.

    Args:
        bundle: The opened bundle.
        scorer: What is tried.
        configuration: Its configuration.

    Returns:
        None when every score is within the graph's tolerance, and at least one was compared.
    """
    key = graph_key(configuration.precision, configuration.engine)
    family = scorer.setting.plan.family

    checks = check_golden(
        bundle,
        key,
        lambda data, plan: score_with(bundle, scorer.engine, plan, data),
        only=lambda plan: parse_plan(plan).family == family,
    )
    if not checks:
        return f"no golden scores of {key} with a plan of {family} to prove it with"
    return golden_fault(checks, key.partition("-")[0])


def _block(scorer: Scorer, picture: Picture) -> list[float]:
    taken = []
    for _ in range(BLOCK):
        start = perf_counter()
        scorer(picture)
        taken.append(perf_counter() - start)
    return taken[1:]
