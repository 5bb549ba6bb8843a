"""Results of cameras without a camera: a frame whose grey level says its score."""

from __future__ import annotations

import numpy as np

from deepbiq.camera.events import Result, Signals, Verdict
from deepbiq.camera.frame import Frame
from deepbiq.labels import label_of
from tests.runtime.camera.output_events import a_score

SIGNALS = Signals(brightness=0.5, shadows=0.0, highlights=0.0, sharpness=1.0, noise=1.0, change=None)


def frame(captured: float, *, bgr=None, camera="front", number=1, captured_at=1_700_000_000.0) -> Frame:
    pixels = np.zeros((64, 80, 3), np.uint8) if bgr is None else bgr
    return Frame(camera, number, np.ascontiguousarray(pixels), captured, captured_at)


def result(value: float, captured: float, *, bgr=None, camera="front", number=1, captured_at=None) -> Result:
    """A result whose picture is grey at twice its score, unless other pixels are given."""
    pixels = np.full((64, 80, 3), round(2 * value), np.uint8) if bgr is None else bgr
    moment = 1_700_000_000.0 + captured if captured_at is None else captured_at
    return Result(
        frame=frame(captured, bgr=pixels, camera=camera, number=number, captured_at=moment),
        score=a_score(value, label_of(value), model="tiny-0"),
        smoothed=value,
        verdict=Verdict.ACCEPT,
        changed=False,
        reasons=("noisy",),
        signals=SIGNALS,
        age_s=0.01,
        dropped=0,
    )
