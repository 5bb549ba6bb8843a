"""Timing in turn: every function gets its turn on every picture, so the machine's mood hits all alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

import numpy as np

WARM_UP_SECONDS = 0.25
"""Before what is timed in a turn the function runs uncounted, once or until this time has passed. The caches hold
its weights then; threads of the one before, which wait for work by spinning some milliseconds, have gone to sleep;
and its own have a core each: a scheduler may wake them all on one core, where a call takes as long as without
threads, and spread them only once that core has been busy for a while, up to 0.15 s where this was measured."""

TIMED_SECONDS = 0.5
"""A turn's time is the median of as many calls as fit, at least one. On one virtual machine where this was measured
a few calls in a hundred took three times as long as the others; a median of three, as fit into a tenth of this
time, is often one of those, and ratios of such turns hardly settle."""

METHOD = {
    "warm_up": f"before every turn, uncounted calls for at least {1000 * WARM_UP_SECONDS:g} ms",
    "turn": f"median of as many calls as fit into {1000 * TIMED_SECONDS:g} ms, at least one",
}
"""What a result says about its turns."""

Name = TypeVar("Name", bound=Hashable)
Times = dict[str, list[float]]
"""Seconds of every turn, by name."""
Ratios = dict[str, list[float]]
"""Times of turns as parts of the reference's, by name."""


@dataclass(frozen=True)
class Timed:
    """How long a call took, by its turns.

    Attributes:
        ms: Median in milliseconds.
        p10_ms: A tenth of the turns were faster.
        p90_ms: A tenth of the turns were slower.
        n: Turns.
    """

    ms: float
    p10_ms: float
    p90_ms: float
    n: int

    @property
    def uncertainty(self) -> float:
        """Standard error of the median as a part of it.

        That of a normal distribution's median, sqrt(pi / 2) sigma / sqrt(n); sigma from the outer tenths, which lie
        2.563 sigma apart there, so that a few turns that something else disturbed do not decide.
        """
        sigma = (self.p90_ms - self.p10_ms) / 2.563
        return math.sqrt(math.pi / 2) * sigma / math.sqrt(self.n) / self.ms


def warm_up(call: Callable[[], object]) -> None:
    """Runs a function uncounted: once, or until `WARM_UP_SECONDS` have passed."""
    begin = perf_counter()
    call()
    while perf_counter() - begin < WARM_UP_SECONDS:
        call()


def time_call(call: Callable[[], object]) -> float:
    """Runs a function once; returns its seconds."""
    start = perf_counter()
    call()
    return perf_counter() - start


def time_calls(call: Callable[[], object], seconds: float, *, least: int = 1) -> list[float]:
    """Runs a function, warmed up, as often as fits into some time, at least so many times; returns its seconds."""
    warm_up(call)
    taken: list[float] = []
    total = 0.0
    while len(taken) < least or total < seconds:
        taken.append(time_call(call))
        total += taken[-1]
    return taken


def time_turn(call: Callable[[], object]) -> float:
    """Gives a function one turn; returns its seconds, the median of its calls."""
    return float(np.median(time_calls(call, TIMED_SECONDS)))


def time_in_turn(
    calls: Mapping[Name, Callable[[], object]], rounds: int, advance: Callable[[], None] = lambda: None
) -> dict[Name, Timed]:
    """Gives every function `rounds` turns, one after the other; what raises ends them all.

    Args:
        calls: Functions by name.
        rounds: At least 1.
        advance: Called after each round.
    """
    times: dict[Name, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(time_turn(call))
        advance()
    return {name: summarise(seconds) for name, seconds in times.items()}


def time_in_pairs(
    calls: Mapping[str, Callable[[], object]],
    reference: str,
    rounds: int,
    faults: dict[str, list[Exception]],
    times: Times,
    ratios: Ratios,
) -> None:
    """Gives every function `rounds` turns, each between two of the reference, and notes how they compare.

    What disturbs a machine comes and goes within a round; it rarely does between turns that follow each other. And
    a machine that steadily becomes slower is as fast between the two turns as it is in their mean.

    Args:
        calls: Functions by name.
        reference: Name of the one that all are compared with; where it is not among them there are no ratios.
        rounds: At least 1.
        faults: Exceptions by name, added to; one that raised gets no further turn in this call.
        times: Seconds by name, added to; the reference has a turn more than all others together in every round.
        ratios: Added to, by name: a turn's time over the geometric mean of the reference's before and after it.
    """
    turns = _Turns(calls, faults, times)
    others = [name for name in calls if name != reference]
    for _ in range(rounds):
        before = turns.take(reference)
        for name in others:
            taken, after = turns.take(name), turns.take(reference)
            if before is not None and taken is not None and after is not None:
                ratios.setdefault(name, []).append(taken / math.sqrt(before * after))
            before = after


class _Turns:
    """Turns of functions; one that raised gets no further turn."""

    def __init__(
        self, calls: Mapping[str, Callable[[], object]], faults: dict[str, list[Exception]], times: Times
    ) -> None:
        self._calls = dict(calls)
        self._faults = faults
        self._times = times

    def take(self, name: str) -> float | None:
        """Gives one a turn; returns its seconds, or None where it gets none."""
        if name not in self._calls:
            return None
        try:
            taken = time_turn(self._calls[name])
        except Exception as error:  # noqa: BLE001  # other people's code fails in its own ways
            del self._calls[name]
            self._faults.setdefault(name, []).append(error)
            return None
        self._times.setdefault(name, []).append(taken)
        return taken


def summarise(seconds: list[float]) -> Timed:
    """Returns median and spread of at least one turn, in milliseconds."""
    low, middle, high = (1000 * float(value) for value in np.percentile(seconds, (10, 50, 90)))
    return Timed(middle, low, high, len(seconds))
