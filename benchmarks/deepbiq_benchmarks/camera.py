"""What watching a camera costs: frames a second, age of results, drops, processor, memory."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from resource import getpagesize
from typing import Any

import numpy as np

from deepbiq.camera.assembly import watching
from deepbiq.camera.config import WatchConfig
from deepbiq.camera.events import CameraState, Event, Fault, Result
from deepbiq.cores import usable_cores
from deepbiq.errors import CameraError
from deepbiq_benchmarks.checks import Check

WARM_UP_SECONDS = 5.0
"""Not counted: opening the source, the first inferences, memory that is taken once."""
AGE_INTERVALS = 2.0
"""Frame intervals that the age of a result may have at p95."""
MEMORY_GROWTH_MB = 20.0


@dataclass
class Collector:
    """A sink that keeps what is measured.

    Attributes:
        ages_ms: Of the results that count.
        first: The first result that counts; None before it.
        last: The newest one.
        faults: What failed.
        states: What happened to the source.
    """

    ages_ms: list[float] = field(default_factory=list)
    first: Result | None = None
    last: Result | None = None
    faults: list[Fault] = field(default_factory=list)
    states: list[CameraState] = field(default_factory=list)
    counting: bool = False

    def take(self, event: Event) -> None:
        """Notes one event; see `Sink`."""
        if isinstance(event, Fault):
            self.faults.append(event)
        elif isinstance(event, CameraState):
            self.states.append(event)
        elif isinstance(event, Result) and self.counting:
            self.first = self.first or event
            self.last = event
            self.ages_ms.append(1000 * event.age_s)

    def close(self) -> None:
        """Needs nothing; see `Sink`."""


def watch_camera(config: WatchConfig, seconds: float) -> dict[str, Any]:
    """Watches one camera for some seconds and measures.

    Args:
        config: With one camera.
        seconds: How long to count, after the warm-up.

    Returns:
        JSON-ready: frames a second that the source gave and that were scored, drops, the age of results, share of
        the cores, memory at the begin and at the end in MB, faults.

    Raises:
        CameraError: When there were too few results to measure anything.
    """
    seen = Collector()
    stop = threading.Event()
    with watching(config, [seen], lambda: None) as running:
        loop = threading.Thread(target=running.watch.run, args=(stop,), name="deepbiq-watch")
        loop.start()
        try:
            stop.wait(WARM_UP_SECONDS)
            seen.counting = True
            memory, begin, begin_cpu = [resident_mb()], time.perf_counter(), time.process_time()
            while time.perf_counter() - begin < seconds and loop.is_alive():
                stop.wait(1.0)
                memory.append(resident_mb())
            wall, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
            seen.counting = False
        finally:
            stop.set()
            loop.join()
    if seen.first is None or seen.last is None or seen.first is seen.last:
        raise CameraError(f"fewer than two results in {seconds:g} s: {_last_words(seen)}")
    captured = seen.last.frame.number - seen.first.frame.number
    captured_s = seen.last.frame.captured - seen.first.frame.captured
    percentiles = np.percentile(seen.ages_ms, (50, 90, 95, 99, 100)).tolist()
    height, width = seen.last.frame.bgr.shape[:2]
    return {
        "width": width,
        "height": height,
        "seconds": wall,
        "captured_per_s": captured / captured_s,
        "scored_per_s": (len(seen.ages_ms) - 1) / captured_s,
        "n": len(seen.ages_ms),
        "dropped": seen.last.dropped - seen.first.dropped,
        "age_ms": dict(zip(("p50", "p90", "p95", "p99", "max"), percentiles, strict=True)),
        "cores": usable_cores(),
        "cores_busy": cpu / wall,
        "memory_mb": {"begin": memory[0], "end": memory[-1], "most": max(memory)},
        "faults": len(seen.faults),
        "engine": seen.last.score.engine,
        "precision": seen.last.score.precision,
        "plan": seen.last.score.plan,
        "model": seen.last.score.model,
    }


def checks_of_camera(measured: dict[str, Any]) -> list[Check]:
    """Holds what was measured against its bounds."""
    age_bound = AGE_INTERVALS * 1000 / measured["captured_per_s"]
    growth = measured["memory_mb"]["most"] - measured["memory_mb"]["begin"]
    return [
        Check("age of results at p95, ms", measured["age_ms"]["p95"], age_bound),
        Check("growth of memory, MB", growth, MEMORY_GROWTH_MB),
    ]


def resident_mb() -> float:
    """Returns the resident memory of this process in MB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize() / 1e6


def _last_words(seen: Collector) -> str:
    said = [*(fault.what for fault in seen.faults[-1:]), *(state.detail for state in seen.states[-1:])]
    return next(filter(None, said), "the source is silent")
