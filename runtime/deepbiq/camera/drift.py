"""The alarm for a lasting fall of a camera's score: a dirty lens, lost focus."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from deepbiq.camera.config import DriftSection
from deepbiq.camera.events import Drift

LOOKS_WHILE_LASTING = 3
"""One score stands for at most this part of `lasting_s`: no alarm from fewer scores, however rare they are."""
RECENT_SHARE = 0.2
"""The recent level's time constant as a share of `lasting_s`: single good or bad frames do not move it far."""


@dataclass(frozen=True)
class Baseline:
    """What a camera's scores used to be; all that must survive a restart.

    Attributes:
        level: Slow mean of the scores, 0..100.
        seen_s: Seconds of watching that it rests on.
        alarmed: Whether the camera was worse than that when it was last seen.
    """

    level: float
    seen_s: float
    alarmed: bool


class DriftAlarm:
    """Watches the scores of one camera for a lasting fall.

    The baseline is the mean of what was seen, and forgets with the time constant `baseline_s` once it has seen that
    much. It rests while the recent level lies `fall` points or more below it; when that has lasted for `lasting_s`
    there is an alarm, which is over once half of the fall is recovered. Nothing is said before `lasting_s` of
    history.

    Args:
        section: Fall and times.
        camera: The camera's name.
        baseline: What an earlier process knew; None where there was none.
    """

    def __init__(self, section: DriftSection, camera: str, baseline: Baseline | None = None) -> None:
        self._section = section
        self._camera = camera
        self.baseline = baseline
        self._recent = 0.0
        self._fallen_for = 0.0
        self._captured: float | None = None
        # An alarm of an earlier process is nothing that anybody was told by this one.
        self._told: bool | None = None if baseline is not None and baseline.alarmed else False

    def step(self, score: float, captured: float, captured_at: float) -> Drift | None:
        """Takes the score of the next frame.

        Args:
            score: The frame's own, 0..100.
            captured: When it was captured, in seconds of the monotonic clock.
            captured_at: The same in Unix seconds, for the event.

        Returns:
            An event when an alarm begins or is over, and at the first score where an earlier process left one;
            None otherwise.
        """
        seconds = self._seconds_since_last(captured)
        if self._captured is None:
            self._recent = score
        self._captured = captured
        self._recent += _weight(seconds, RECENT_SHARE * self._section.lasting_s) * (score - self._recent)
        if self.baseline is None:
            self.baseline = Baseline(score, 0.0, alarmed=False)
        self.baseline = self._follow(self.baseline, score, seconds)
        if self.baseline.alarmed is self._told:
            return None
        self._told = self.baseline.alarmed
        return Drift(self._camera, self._told, self.baseline.level, self._recent, captured_at)

    def _seconds_since_last(self, captured: float) -> float:
        if self._captured is None:
            return 0.0
        return min(max(0.0, captured - self._captured), self._section.lasting_s / LOOKS_WHILE_LASTING)

    def _follow(self, baseline: Baseline, score: float, seconds: float) -> Baseline:
        fallen = baseline.level - self._recent
        if baseline.alarmed:
            return replace(baseline, alarmed=fallen > self._section.fall / 2)
        if fallen < self._section.fall or baseline.seen_s < self._section.lasting_s:
            self._fallen_for = 0.0
            return _learn(baseline, score, seconds, self._section.baseline_s)
        self._fallen_for += seconds
        lasting = self._fallen_for >= self._section.lasting_s
        if lasting:
            self._fallen_for = 0.0
        return replace(baseline, alarmed=lasting)


def _learn(baseline: Baseline, score: float, seconds: float, baseline_s: float) -> Baseline:
    seen_s = min(baseline.seen_s + seconds, baseline_s)
    if not seen_s:
        return baseline
    return replace(baseline, level=baseline.level + seconds / seen_s * (score - baseline.level), seen_s=seen_s)


def _weight(seconds: float, time_constant: float) -> float:
    return -math.expm1(-seconds / time_constant)
