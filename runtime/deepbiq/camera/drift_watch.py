"""The drift alarms of all cameras; their baselines survive a restart."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

from deepbiq.camera.config import DriftSection
from deepbiq.camera.drift import Baseline, DriftAlarm
from deepbiq.camera.events import Drift, Result
from deepbiq.files import write_atomically
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.notes import note

SAVE_SECONDS = 60.0
"""Least time between two writes of a camera's baseline: flash memory wears out."""


class DriftWatch:
    """Watches all cameras for a lasting fall.

    Args:
        section: Fall and times.
        folder: Where baselines are kept, one `baseline-CAMERA.json` each; it is made where it is missing. One that
            cannot be read is ignored with a note. None keeps nothing.
    """

    def __init__(self, section: DriftSection, folder: Path | None) -> None:
        self._section = section
        self._folder = folder
        self._alarms: dict[str, DriftAlarm] = {}
        self._saved: dict[str, float] = {}
        self._cannot_save = False

    def step(self, result: Result) -> Drift | None:
        """Takes a result; returns an event of its camera as `DriftAlarm.step` does."""
        frame = result.frame
        alarm = self._alarms.get(frame.camera)
        if alarm is None:
            alarm = DriftAlarm(self._section, frame.camera, self._load(frame.camera))
            self._alarms[frame.camera] = alarm
            self._saved[frame.camera] = frame.captured
        drift = alarm.step(result.score.score, frame.captured, frame.captured_at)
        if drift is not None or frame.captured - self._saved[frame.camera] >= SAVE_SECONDS:
            self._save(frame.camera)
            self._saved[frame.camera] = frame.captured
        return drift

    def close(self) -> None:
        """Keeps every camera's baseline."""
        for camera in self._alarms:
            self._save(camera)

    def _load(self, camera: str) -> Baseline | None:
        if self._folder is None:
            return None
        file = _file(self._folder, camera)
        try:
            return _parse(file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            note(f"{file}: no baseline ({error}): camera {camera} begins a new one")
            return None

    def _save(self, camera: str) -> None:
        baseline = self._alarms[camera].baseline
        if self._folder is None or baseline is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(_file(self._folder, camera), json.dumps(asdict(baseline)).encode())
            self._cannot_save = False
        except OSError as error:
            # Once is enough: a full disk would say so every minute.
            if not self._cannot_save:
                note(f"baselines cannot be kept ({error}): after a restart they begin anew")
            self._cannot_save = True


def _file(folder: Path, camera: str) -> Path:
    return folder / f"baseline-{camera}.json"


def _parse(data: bytes) -> Baseline:
    read = json.loads(data)
    baseline = Baseline(float(read["level"]), float(read["seen_s"]), read["alarmed"] is True)
    if not (SCORE_MIN <= baseline.level <= SCORE_MAX and 0 <= baseline.seen_s < math.inf):
        raise ValueError(f"level {baseline.level}, seen_s {baseline.seen_s}")
    return baseline
