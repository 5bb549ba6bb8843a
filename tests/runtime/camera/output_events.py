"""Events as the loop makes them, and waiting for what they lead to."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

import numpy as np

from deepbiq.camera.events import CameraState, Result, Signals, State, Verdict
from deepbiq.camera.frame import Frame
from deepbiq.result import Score, Timing

DEADLINE_S = 20.0

_NUMBERS = count(1)


def a_score(value: float, label: str, model: str = "tiny") -> Score:
    return Score(
        score=value,
        label=label,
        spread=1.0,
        crop_scores=np.array([value]),
        quality_map=np.full((1, 1), value, np.float32),
        path=None,
        plan="dense",
        pool="prediction-avg",
        engine="onnxruntime",
        precision="fp32",
        model=model,
        timing=Timing(decode=0.0, sample=1.0, infer=40.0, regress=3.0, total=44.0),
    )


def a_result(camera="door", score=70.0, verdict=Verdict.ACCEPT, *, changed=False, dropped=0, age_s=0.05, **frame):
    captured = {"captured": time.monotonic() - age_s, "captured_at": time.time() - age_s} | frame
    return Result(
        frame=Frame(camera, next(_NUMBERS), np.zeros((2, 2, 3), np.uint8), **captured),
        score=a_score(score, "good"),
        smoothed=score,
        verdict=verdict,
        changed=changed,
        reasons=("dark",) if verdict is Verdict.REJECT else (),
        signals=Signals(0.5, 0.0, 0.0, 0.2, 1.0, None),
        age_s=age_s,
        dropped=dropped,
    )


def a_state(state: State, camera="door", detail="", reconnects=0):
    return CameraState(camera, state, time.time(), detail, reconnects)


def eventually(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> bool:
    """Waits until a condition holds; False when it does not within the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
