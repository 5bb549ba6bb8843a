"""One camera's judge: what a scored frame means after the frames before it."""

from __future__ import annotations

import time

from deepbiq.camera.config import DecisionSection, SignalsSection
from deepbiq.camera.decision import Decider
from deepbiq.camera.events import Result
from deepbiq.camera.frame import Frame
from deepbiq.camera.signals import Luma, Stillness, hints, measure
from deepbiq.result import Score


class CameraJudge:
    """Judges the frames of one camera, in the order in which they were captured.

    Args:
        decision: Thresholds and smoothing.
        signals: From which values on something is wrong.
        max_fps: Most frames a second that are looked at; None looks at all. Pictures of folders are always looked
            at: each was put there to be.

    Attributes:
        decider: Its thresholds may be changed from other threads.
    """

    def __init__(self, decision: DecisionSection, signals: SignalsSection, max_fps: float | None) -> None:
        self.decider = Decider(decision)
        self._signals = signals
        self._interval_s = 0.0 if max_fps is None else 1 / max_fps
        self._due = 0.0
        self._before: Luma | None = None
        self._stillness = Stillness()
        self._skipped = 0

    def is_due(self, frame: Frame) -> bool:
        """Says whether a frame is to be scored; one that is not counts as dropped."""
        if frame.path is None and frame.captured < self._due:
            self._skipped += 1
            return False
        # From the last due time and not from the frame, so that the rate is kept on average.
        self._due = max(self._due + self._interval_s, frame.captured)
        return True

    def judge(self, frame: Frame, score: Score, dropped: int) -> Result:
        """Judges a scored frame.

        Args:
            frame: The picture.
            score: Its score.
            dropped: Frames of this camera that nobody took.
        """
        measured, self._before = measure(frame, self._before)
        unchanged_s = self._stillness.step(measured.change, frame.captured)
        smoothed, verdict, changed = self.decider.step(score.score, frame.captured)
        return Result(
            frame=frame,
            score=score,
            smoothed=smoothed,
            verdict=verdict,
            changed=changed,
            reasons=hints(measured, self._signals, unchanged_s),
            signals=measured,
            age_s=time.monotonic() - frame.captured,
            dropped=dropped + self._skipped,
        )

    def start_afresh(self) -> None:
        """Forgets what the camera showed: it was lost, and may come back to another scene."""
        self.decider.reset()
        self._before = None
        self._stillness = Stillness()
