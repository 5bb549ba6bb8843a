"""Trials: configurations that were tried on this machine, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deepbiq.configuration import Configuration


@dataclass(frozen=True)
class Trial:
    """A configuration that was tried on this machine.

    Attributes:
        configuration: The configuration.
        ms: Median milliseconds of a call; None when it was not timed.
        fault: Why it must not be used; None for those that may be.
    """

    configuration: Configuration
    ms: float | None
    fault: str | None = None


NEARLY_AS_FAST = 1.03
"""Times that differ by less than 3 % are the same here: medians of some dozen calls repeat no better."""


def fastest(trials: Iterable[Trial], wanted: Configuration) -> Trial | None:
    """Takes the fastest trial that may be used and has what was asked for.

    Args:
        trials: In order of preference: of those that are nearly as fast as the fastest, the first is taken.
        wanted: What was asked for.
    """
    timed = [t for t in trials if t.fault is None and t.ms is not None and t.configuration.is_case_of(wanted)]
    if not timed:
        return None
    least = min(trial.ms for trial in timed if trial.ms is not None)
    return next(trial for trial in timed if trial.ms is not None and trial.ms <= NEARLY_AS_FAST * least)
