"""Copies and compute of the engine `tensorrt` apart, by CUDA events: the device's own clock, on its own stream.

The engine gets a `Cuda` that marks the stream before and after every copy and every launch of its CUDA graph.
The marks cost the host time, so they have a run of their own.
"""

from __future__ import annotations

import ctypes
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from deepbiq.cuda import Cuda
from deepbiq.cuda.driver import Driver
from deepbiq.engines.tensorrt.prepare import Preparation, find_machine, requested
from deepbiq.engines.tensorrt.request import family_of
from deepbiq.scorer import Scorer
from deepbiq_benchmarks.latency import Load, summary
from deepbiq_benchmarks.latency_picture import BenchPicture

WORK = ("upload", "compute", "download")


class Events:
    """Events that tell the time, by the driver itself: those of `Cuda` only wait. For use inside `Cuda.active`.

    Args:
        driver: The driver.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def mark(self, stream: int) -> ctypes.c_void_p:
        """Marks the stream's present end; raises EngineError when the driver fails, as all calls do."""
        event = ctypes.c_void_p()
        self._driver.call("cuEventCreate", ctypes.byref(event), 0)
        self._driver.call("cuEventRecord", event, ctypes.c_void_p(stream))
        return event

    def elapsed_ms(self, start: ctypes.c_void_p, end: ctypes.c_void_p) -> float:
        """Waits for two marks and returns the milliseconds between them; they are not usable any more."""
        elapsed = ctypes.c_float()
        self._driver.call("cuEventSynchronize", end)
        self._driver.call("cuEventElapsedTime", ctypes.byref(elapsed), start, end)
        for event in (start, end):
            self._driver.call("cuEventDestroy_v2", event)
        return elapsed.value


class WatchedCuda:
    """A `Cuda` that marks copies and launches; everything else is that of the one it stands before.

    Args:
        cuda: The device.
        events: Its clock.
    """

    def __init__(self, cuda: Cuda, events: Events) -> None:
        self._cuda = cuda
        self._events = events
        self._marks: list[tuple[str, ctypes.c_void_p, ctypes.c_void_p]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cuda, name)

    def copy_to_device(self, address: int, host: npt.NDArray[np.uint8], stream: int) -> None:
        """See `Cuda`."""
        with self._marked("upload", stream):
            self._cuda.copy_to_device(address, host, stream)

    def copy_to_host(self, host: npt.NDArray[np.uint8], address: int, stream: int) -> None:
        """See `Cuda`."""
        with self._marked("download", stream):
            self._cuda.copy_to_host(host, address, stream)

    def launch(self, executable: int, stream: int) -> None:
        """See `Cuda`."""
        with self._marked("compute", stream):
            self._cuda.launch(executable, stream)

    @contextmanager
    def _marked(self, work: str, stream: int) -> Iterator[None]:
        start = self._events.mark(stream)
        yield
        self._marks.append((work, start, self._events.mark(stream)))

    def take_ms(self) -> Mapping[str, float]:
        """Returns the milliseconds of all work since the last call, by kind, without kinds that had none."""
        marks, self._marks = self._marks, []
        total: dict[str, float] = defaultdict(float)
        with self._cuda.active():
            for work, start, end in marks:
                total[work] += self._events.elapsed_ms(start, end)
        return total


def measure_events(scorer: Scorer, picture: BenchPicture, load: Load) -> dict[str, Any]:
    """Times copies and compute of single requests on the device.

    Args:
        scorer: One whose engine is `tensorrt`; its engine is loaded a second time, to be watched.
        picture: What is scored.
        load: Its warm-up and count; batch and concurrency stay 1.

    Returns:
        `upload`, `compute` and `download` with the percentiles of a picture's milliseconds, None where there is
        no such work: Jetsons copy nothing, and an engine that cannot be captured as a CUDA graph has no launch.

    Raises:
        EngineError: When the engine cannot be loaded again, or the device fails.
    """
    machine = find_machine()
    watched = WatchedCuda(machine.cuda, Events(Driver()))
    request = requested(scorer.bundle, scorer.engine.precision, family_of(scorer.setting.plan))
    preparation = Preparation(replace(machine, cuda=cast(Cuda, watched)), scorer.bundle, request)
    with Scorer(scorer.bundle, scorer.setting, preparation.start(), scorer.limits) as observed:
        # The first two runs of a shape are no plain launches: one is ordinary, one is captured.
        for _ in range(max(load.warm_up, 2)):
            observed(picture.source)
        watched.take_ms()
        return {"n": load.count, **summaries([_observe(observed, watched, picture) for _ in range(load.count)])}


def summaries(observed: list[Mapping[str, float]]) -> dict[str, Any]:
    """Summarises what `WatchedCuda.take_ms` returned for each of several pictures."""
    return {
        work: summary(np.array([times[work] for times in observed])) if work in observed[0] else None
        for work in WORK
    }


def _observe(scorer: Scorer, watched: WatchedCuda, picture: BenchPicture) -> Mapping[str, float]:
    scorer(picture.source)
    return watched.take_ms()
