"""The best frames of a burst: of a window of time, or of the seconds around a trigger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepbiq.camera.candidate import Candidate

SPARE_CANDIDATES = 30
"""How many candidates for coming triggers are remembered of a camera beside twice the wanted count."""


class Burst:
    """The best frames so far of one burst, per camera.

    Args:
        reason: `window`, or the trigger's name.
        start: Frames from here on belong to it, in seconds of the monotonic clock.
        end: Frames before here belong to it.
        count: How many are kept of a camera.
    """

    def __init__(self, reason: str, start: float, end: float, count: int) -> None:
        self.reason = reason
        self.start = start
        self.end = end
        self._count = count
        self._best: dict[str, list[Candidate]] = {}

    def offer(self, candidate: Candidate) -> None:
        """Takes a candidate that lies in the burst's time and is among its camera's best; the earlier of equals."""
        if not self.start <= candidate.captured < self.end:
            return
        best = self._best.setdefault(candidate.camera, [])
        best.append(candidate)
        best.sort(key=lambda each: (-each.score, each.captured))
        del best[self._count :]

    def best(self) -> list[Candidate]:
        """Returns the best frames of every camera, each camera's best first."""
        return [candidate for best in self._best.values() for candidate in best]


class Recent:
    """The candidates of one camera that a trigger may still ask for.

    A frame is forgotten once it is older than `seconds` before the newest, or `count` later frames are at least as
    good: a trigger that reaches back to it reaches those as well. So few remain, unless the scores fall all the
    time; beyond twice the count and `SPARE_CANDIDATES` the worst one but the newest is forgotten, too.

    Args:
        seconds: How far back a trigger reaches.
        count: How many frames a trigger keeps.
    """

    def __init__(self, seconds: float, count: int) -> None:
        self._seconds = seconds
        self._count = count
        self._remembered: list[_Remembered] = []

    def __iter__(self) -> Iterator[Candidate]:
        return (each.candidate for each in self._remembered)

    def offer(self, newest: Candidate) -> None:
        """Remembers the newest frame, and forgets what no trigger can keep any more."""
        for each in self._remembered:
            each.beaten += each.candidate.score <= newest.score
        oldest = newest.captured - self._seconds
        self._remembered = [
            each for each in self._remembered if each.candidate.captured >= oldest and each.beaten < self._count
        ]
        if len(self._remembered) >= 2 * self._count + SPARE_CANDIDATES:
            self._remembered.remove(min(self._remembered, key=lambda each: each.candidate.score))
        self._remembered.append(_Remembered(newest))


@dataclass(eq=False)
class _Remembered:
    """A candidate, and how many later ones were at least as good."""

    candidate: Candidate
    beaten: int = 0
