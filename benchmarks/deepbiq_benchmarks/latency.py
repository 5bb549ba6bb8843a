"""How long a request takes: times of many requests, by stage, alone or several at once.

A request hands pictures to a scorer and waits for their scores. Nothing is left out of the counted times:
percentiles are those of the raw values, since cutting outliers off would hide the tail that people wait for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.configuration import Configuration
from deepbiq.errors import ImageError
from deepbiq.notes import note
from deepbiq.result import Failure, Score, Timing
from deepbiq.scorer import Scorer, load
from deepbiq.tuning.choice import choose
from deepbiq_benchmarks.latency_picture import BenchPicture

STAGES = tuple(field.name for field in fields(Timing))
PERCENTILES = (50, 90, 95, 99)
MAX_VARIATION = 0.2
"""Standard deviation over mean of the requests' times above which a run counts as disturbed; on an idle machine
it is a few hundredths."""

Milliseconds = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Conditions:
    """What a scorer is loaded with; each attribute is an argument of `deepbiq.load`."""

    bundle: str | None = None
    engine: str = "auto"
    precision: str = "auto"
    plan: str | None = None
    scale: str = "auto"
    threads: int | None = None

    def load(self) -> Scorer:
        """Loads the scorer; raises what `deepbiq.load` raises."""
        return load(**asdict(self))

    def threads_of(self, scorer: Scorer) -> int | None:
        """Returns the threads of one inference, as asked for or as tuned; None where the engine chooses.

        Args:
            scorer: Loaded with these conditions.
        """
        wanted = Configuration(self.engine, self.precision, self.threads)
        return choose(scorer.bundle, scorer.setting, wanted).threads


@dataclass(frozen=True)
class Load:
    """How requests come.

    Attributes:
        count: Counted requests, at least 1, all callers together.
        warm_up: Uncounted requests of each caller before them.
        batch: Pictures of a request; from two on they are given to `Scorer.stream` together.
        concurrency: Callers at once, each in a thread of its own, all on one scorer.
    """

    count: int = 200
    warm_up: int = 20
    batch: int = 1
    concurrency: int = 1


@dataclass(frozen=True, eq=False)
class Run:
    """The counted times of one run.

    Attributes:
        request_ms: (count,) from handing over a request's pictures to having the last of their scores.
        stage_ms: By stage of `Timing`, (count * batch,), of each picture. Its `total` is the sum of its stages,
            without waiting for others.
        pictures_per_s: Pictures scored per second of the whole run.
    """

    request_ms: Milliseconds
    stage_ms: Mapping[str, Milliseconds]
    pictures_per_s: float

    @property
    def variation(self) -> float:
        """Standard deviation of `request_ms` over its mean."""
        return float(self.request_ms.std() / self.request_ms.mean())


@dataclass(frozen=True, eq=False)
class Measurement:
    """A run that may have been repeated.

    Attributes:
        run: The run with the least variation.
        variations: Of each run, in their order.
        max_variation: The limit.
    """

    run: Run
    variations: tuple[float, ...]
    max_variation: float

    @property
    def disturbed(self) -> bool:
        """Whether every run varied by more than the limit."""
        return self.run.variation > self.max_variation

    def describe(self) -> dict[str, Any]:
        """Returns the figures of the run, JSON-ready: percentiles, stages, throughput, how steady it was."""
        return {
            **summary(self.run.request_ms),
            "stages": {stage: summary(times) for stage, times in self.run.stage_ms.items()},
            "pictures_per_s": round(self.run.pictures_per_s, 3),
            "variation": round(self.run.variation, 4),
            "max_variation": self.max_variation,
            "variation_of_runs": [round(variation, 4) for variation in self.variations],
            "disturbed": self.disturbed,
        }


def summary(times_ms: Milliseconds) -> dict[str, float]:
    """Returns p50, p90, p95, p99 (linear between values), mean, least and most of (n,) milliseconds, n > 0."""
    figures = {f"p{p}_ms": np.percentile(times_ms, p) for p in PERCENTILES}
    figures |= {"mean_ms": times_ms.mean(), "min_ms": times_ms.min(), "max_ms": times_ms.max()}
    return {name: round(float(value), 4) for name, value in figures.items()}


def measure(scorer: Scorer, picture: BenchPicture, load: Load) -> Run:
    """Warms up, then times requests.

    Args:
        scorer: The scorer; it stays open.
        picture: Every request is made of it.
        load: How requests come.

    Raises:
        ImageError: When the picture cannot be scored.
        EngineError: When inference fails.
    """
    tickets = deque(range(load.count))
    with ThreadPoolExecutor(load.concurrency, thread_name_prefix="deepbiq-caller") as callers:
        try:
            for warm in [callers.submit(_warm_up, scorer, picture, load) for _ in range(load.concurrency)]:
                warm.result()
            start = perf_counter()
            working = [callers.submit(_take, tickets, scorer, picture, load) for _ in range(load.concurrency)]
            requests = [request for caller in working for request in caller.result()]
            seconds = perf_counter() - start
        finally:
            tickets.clear()  # after a fault or an interrupt nobody starts another request
    timings = [timing for _, of_request in requests for timing in of_request]
    return Run(
        request_ms=np.array([request_ms for request_ms, _ in requests]),
        stage_ms={stage: np.array([getattr(timing, stage) for timing in timings]) for stage in STAGES},
        pictures_per_s=len(timings) / seconds,
    )


def measure_steadily(run: Callable[[], Run], max_variation: float) -> Measurement:
    """Runs, and once more when the first run was disturbed; that is noted on stderr and in the result.

    Args:
        run: Measures once.
        max_variation: Limit of `Run.variation`.
    """
    runs = [run()]
    if runs[0].variation > max_variation:
        note(f"{_disturbance(runs[0], max_variation)}: measuring once more")
        runs.append(run())
    calmest = min(runs, key=lambda one: one.variation)
    measurement = Measurement(calmest, tuple(one.variation for one in runs), max_variation)
    if measurement.disturbed:
        note(f"{_disturbance(calmest, max_variation)}: do not rely on these figures")
    return measurement


def _disturbance(run: Run, max_variation: float) -> str:
    return f"disturbed: times vary by {run.variation:.2f} of their mean, limit {max_variation:g}"


_Request = tuple[float, list[Timing]]


def _take(tickets: deque[int], scorer: Scorer, picture: BenchPicture, load: Load) -> list[_Request]:
    """One caller: makes requests until there are no tickets left."""
    done: list[_Request] = []
    while True:
        try:
            tickets.popleft()
        except IndexError:
            return done
        done.append(_request(scorer, picture, load.batch))


def _warm_up(scorer: Scorer, picture: BenchPicture, load: Load) -> None:
    for _ in range(load.warm_up):
        _request(scorer, picture, load.batch)


def _request(scorer: Scorer, picture: BenchPicture, batch: int) -> _Request:
    start = perf_counter()
    scores: list[Score | Failure] = (
        [scorer(picture.source)] if batch == 1 else list(scorer.stream([picture.source] * batch))
    )
    request_ms = 1000 * (perf_counter() - start)
    return request_ms, [_timing(score, picture) for score in scores]


def _timing(score: Score | Failure, picture: BenchPicture) -> Timing:
    if isinstance(score, Failure):
        raise ImageError(picture.name, score.error)
    return score.timing
