"""The verdict: scores smoothed over time, and thresholds with hysteresis."""

from __future__ import annotations

import math

from deepbiq.camera.config import DecisionSection
from deepbiq.camera.events import Verdict
from deepbiq.errors import OptionError
from deepbiq.labels import SCORE_MAX, SCORE_MIN

TIME_CONSTANTS_OF_MEMORY = 5.0
"""After a pause of so many time constants an old score weighs less than a hundredth: the picture is a new one."""
LEAST_PAUSE_S = 60.0
"""Shorter pauses than this never count as one, so that hysteresis holds for slow cameras and without smoothing."""


class Decider:
    """Decides about one camera, frame by frame.

    A camera's picture is accepted once its smoothed score reaches `accept`, and until it falls below `accept` by
    more than `hysteresis`; it is rejected once the score falls below `reject`, and until it reaches `reject` plus
    `hysteresis`. Otherwise it warns.

    Args:
        section: Thresholds, hysteresis and time constant.
    """

    def __init__(self, section: DecisionSection) -> None:
        # One attribute, so that a frame never meets one old and one new threshold.
        self._thresholds = section.accept, section.reject
        self._hysteresis = section.hysteresis
        self._smoothing_s = section.smoothing_s
        self._pause_s = max(TIME_CONSTANTS_OF_MEMORY * section.smoothing_s, LEAST_PAUSE_S)
        self._smoothed = 0.0
        self._at: float | None = None
        self._verdict: Verdict | None = None

    @property
    def thresholds(self) -> tuple[float, float]:
        """The score from which on pictures are accepted, and the one below which they are rejected."""
        return self._thresholds

    def set_thresholds(self, accept: float, reject: float) -> None:
        """Takes other thresholds from the next frame on; other threads may call it.

        Args:
            accept: Smoothed score from which on a picture is accepted, 0..100.
            reject: Smoothed score below which it is rejected, 0..100, not above `accept`.

        Raises:
            OptionError: When they are no such scores; the old ones then stay.
        """
        if not SCORE_MIN <= reject <= accept <= SCORE_MAX:
            raise OptionError(
                f"thresholds are scores, 0..100, and reject must not lie above accept: got accept {accept}, "
                f"reject {reject}"
            )
        self._thresholds = accept, reject

    def step(self, score: float, at: float) -> tuple[float, Verdict, bool]:
        """Takes the score of the next frame.

        Args:
            score: The frame's own, 0..100.
            at: When it was captured, in seconds of the monotonic clock. A frame that is no later than the one
                before does not move the smoothed score, unless nothing is smoothed.

        Returns:
            The smoothed score, 0..100; the verdict; and whether it differs from the one before, as the first does.
        """
        afresh = self._at is None or at - self._at > self._pause_s
        self._smoothed = score if afresh else self._smooth(score, at)
        self._at = at if self._at is None else max(at, self._at)
        before = self._verdict
        self._verdict = self._decide(None if afresh else before)
        return self._smoothed, self._verdict, self._verdict is not before

    def reset(self) -> None:
        """Forgets what the camera showed; the next frame counts as its first."""
        self._at = self._verdict = None

    def _smooth(self, score: float, at: float) -> float:
        if self._smoothing_s == 0:
            return score
        assert self._at is not None
        weight = -math.expm1(-max(0.0, at - self._at) / self._smoothing_s)
        return self._smoothed + weight * (score - self._smoothed)

    def _decide(self, held: Verdict | None) -> Verdict:
        accept, reject = self._thresholds
        if held is Verdict.ACCEPT and self._smoothed >= accept - self._hysteresis:
            return held
        if held is Verdict.REJECT and self._smoothed < reject + self._hysteresis:
            return held
        if self._smoothed >= accept:
            return Verdict.ACCEPT
        return Verdict.REJECT if self._smoothed < reject else Verdict.WARN
