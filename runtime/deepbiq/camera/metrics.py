"""Metrics for Prometheus, by its conventions: base units, `_total` for counters; labels `camera` and `stage`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from deepbiq.camera.events import CameraState, Drift, Event, Fault, Kept, Result, State, Verdict

STAGES = ("decode", "sample", "infer", "regress")

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
"""Bucket bounds: from a stage on a GPU to a result that is far too old."""

VERDICT_NUMBERS = {Verdict.REJECT: 0, Verdict.WARN: 1, Verdict.ACCEPT: 2}

NO_CAMERA = ""
"""Label of errors of the process itself; to Prometheus an empty label is none."""


class Metrics:
    """Counts events, in a registry of its own, with the process's memory, CPU time and descriptors beside them.

    Args:
        cameras: Their names; each has its series from the start, so that rates and alarms see the first event.
    """

    def __init__(self, cameras: Sequence[str]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._make_counters()
        self._make_gauges()
        self._make_histograms()
        self._errors.labels(NO_CAMERA)
        for camera in cameras:
            self._start_series(camera)
        self._dropped_before = dict.fromkeys(cameras, 0)
        self._reconnects_before = dict.fromkeys(cameras, 0)

    def take(self, event: Event) -> None:
        """Counts one event; see `Sink`."""
        if isinstance(event, Result):
            self._count_result(event)
        elif isinstance(event, CameraState):
            self._count_state(event)
        elif isinstance(event, Kept):
            self._kept.labels(event.camera).inc()
        elif isinstance(event, Drift):
            self._drift.labels(event.camera).set(event.alarm)
        elif isinstance(event, Fault):
            self._errors.labels(event.camera or NO_CAMERA).inc()

    def close(self) -> None:
        """Needs nothing; see `Sink`."""

    def render(self) -> tuple[bytes, str]:
        """Returns the page for Prometheus and its content type; from any thread."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def _make_counters(self) -> None:
        self._scored = self._counter("deepbiq_frames_scored", "Frames that were scored.")
        self._dropped = self._counter("deepbiq_frames_dropped", "Frames that newer ones replaced before scoring.")
        self._rejected = self._counter("deepbiq_frames_rejected", "Frames scored while the verdict was reject.")
        self._kept = self._counter("deepbiq_frames_kept", "Best frames that were written.")
        self._errors = self._counter("deepbiq_errors", "Failures that did not stop the watching.")
        self._reconnects = self._counter("deepbiq_reconnects", "Times that the source came back.")

    def _make_gauges(self) -> None:
        self._score = self._gauge("deepbiq_score", "Score of the newest frame, 0 (bad) to 100 (excellent).")
        self._smoothed = self._gauge("deepbiq_smoothed_score", "The score smoothed over time, 0 to 100.")
        self._verdict = self._gauge("deepbiq_verdict", "0 reject, 1 warn, 2 accept.")
        self._age = self._gauge("deepbiq_last_frame_age_seconds", "Since the newest scored frame was captured.")
        self._up = self._gauge("deepbiq_camera_up", "1 while the camera is live.")
        self._drift = self._gauge("deepbiq_drift_alarm", "1 while the camera is lastingly worse than before.")

    def _make_histograms(self) -> None:
        self._stage = Histogram(
            "deepbiq_stage_seconds",
            "Time that a stage of scoring took.",
            ("camera", "stage"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._result_age = Histogram(
            "deepbiq_result_age_seconds",
            "From capture to result.",
            ("camera",),
            buckets=SECONDS,
            registry=self._registry,
        )

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, ("camera",), registry=self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, ("camera",), registry=self._registry)

    def _start_series(self, camera: str) -> None:
        for counter in (self._scored, self._dropped, self._rejected, self._kept, self._errors, self._reconnects):
            counter.labels(camera)
        self._up.labels(camera).set(0)
        self._drift.labels(camera).set(0)

    def _count_result(self, event: Result) -> None:
        camera = event.camera
        self._scored.labels(camera).inc()
        self._rejected.labels(camera).inc(event.verdict is Verdict.REJECT)
        self._dropped.labels(camera).inc(_growth(self._dropped_before, camera, event.dropped))
        for stage in STAGES:
            self._stage.labels(camera, stage).observe(getattr(event.score.timing, stage) / 1000)
        self._result_age.labels(camera).observe(event.age_s)
        self._score.labels(camera).set(event.score.score)
        self._smoothed.labels(camera).set(event.smoothed)
        self._verdict.labels(camera).set(VERDICT_NUMBERS[event.verdict])
        captured = event.frame.captured
        self._age.labels(camera).set_function(lambda: time.monotonic() - captured)

    def _count_state(self, event: CameraState) -> None:
        self._up.labels(event.camera).set(event.state is State.LIVE)
        self._reconnects.labels(event.camera).inc(_growth(self._reconnects_before, event.camera, event.reconnects))


def _growth(before: dict[str, int], camera: str, count: int) -> int:
    """Returns by how much a count since the start has grown since it was last asked."""
    growth = max(0, count - before.get(camera, 0))
    before[camera] = before.get(camera, 0) + growth
    return growth
