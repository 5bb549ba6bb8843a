import pytest
from prometheus_client.parser import text_string_to_metric_families

from deepbiq.camera.events import Drift, Fault, Kept, State, Verdict
from deepbiq.camera.metrics import Metrics
from tests.runtime.camera.output_events import a_result, a_state


def samples_of(metrics):
    page, kind = metrics.render()
    assert kind.startswith("text/plain; version=")
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def of(samples, name, camera="door", **labels):
    return samples[(name, *sorted({"camera": camera, **labels}.items()))]


def test_a_days_events_are_counted():
    metrics = Metrics(["door", "yard"])
    metrics.take(a_state(State.LIVE))
    metrics.take(a_result(score=80.0, dropped=3, age_s=0.03))
    metrics.take(a_result(score=20.0, verdict=Verdict.REJECT, dropped=3, age_s=0.3, changed=True))
    metrics.take(a_state(State.LOST, detail="timed out"))
    metrics.take(a_state(State.LIVE, reconnects=2))
    metrics.take(a_result(score=50.0, verdict=Verdict.WARN, dropped=10, age_s=0.03, changed=True))
    metrics.take(Kept("door", "/best/1.jpg", 80.0, 5.0, "window"))
    metrics.take(Drift("door", True, 70.0, 50.0, 6.0))
    metrics.take(Fault("door", "bad frame", 7.0))
    metrics.take(Fault(None, "disk full", 7.0))
    seen = samples_of(metrics)
    assert of(seen, "deepbiq_frames_scored_total") == 3
    assert of(seen, "deepbiq_frames_dropped_total") == 10
    assert of(seen, "deepbiq_frames_rejected_total") == 1
    assert of(seen, "deepbiq_frames_kept_total") == 1
    assert of(seen, "deepbiq_errors_total") == 1
    assert of(seen, "deepbiq_errors_total", "") == 1
    assert of(seen, "deepbiq_reconnects_total") == 2
    assert of(seen, "deepbiq_score") == 50
    assert of(seen, "deepbiq_smoothed_score") == 50
    assert of(seen, "deepbiq_verdict") == 1
    assert of(seen, "deepbiq_camera_up") == 1
    assert of(seen, "deepbiq_drift_alarm") == 1
    assert of(seen, "deepbiq_stage_seconds_count", stage="infer") == 3
    assert of(seen, "deepbiq_stage_seconds_sum", stage="infer") == pytest.approx(0.12)
    assert of(seen, "deepbiq_result_age_seconds_sum") == pytest.approx(0.36)
    assert of(seen, "deepbiq_result_age_seconds_bucket", le="0.1") == 2
    metrics.take(Drift("door", False, 70.0, 69.0, 8.0))
    metrics.take(a_state(State.ENDED, reconnects=2))
    seen = samples_of(metrics)
    assert of(seen, "deepbiq_drift_alarm") == 0
    assert of(seen, "deepbiq_camera_up") == 0
    assert of(seen, "deepbiq_reconnects_total") == 2


def test_a_camera_that_never_came_up_has_its_series():
    seen = samples_of(Metrics(["door", "yard"]))
    assert of(seen, "deepbiq_camera_up", "yard") == 0
    assert of(seen, "deepbiq_frames_scored_total", "yard") == 0
    assert ("deepbiq_score", ("camera", "yard")) not in seen


def test_the_age_of_the_last_frame_grows_while_nothing_comes():
    metrics = Metrics(["door"])
    metrics.take(a_result(age_s=5.0))
    first = of(samples_of(metrics), "deepbiq_last_frame_age_seconds")
    second = of(samples_of(metrics), "deepbiq_last_frame_age_seconds")
    assert 5.0 <= first < second < 60.0


def test_labels_are_camera_and_stage_only():
    metrics = Metrics(["door"])
    metrics.take(a_result())
    ours = {label for name, *labels in samples_of(metrics) if name.startswith("deepbiq_") for label, _ in labels}
    assert ours == {"camera", "stage", "le"}


def test_two_have_nothing_in_common():
    first, second = Metrics(["door"]), Metrics(["door"])
    first.take(a_result())
    assert of(samples_of(second), "deepbiq_frames_scored_total") == 0
