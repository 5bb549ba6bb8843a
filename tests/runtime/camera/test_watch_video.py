"""The whole of `deepbiq watch` on a video that is sharp, out of focus, dark, and sharp again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deepbiq.imaging import decode_bytes
from tests.runtime.camera.video_material import sample_video

LATE_S = 1.0
"""What the camera shows must be known within a second."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    video = sample_video()
    video.write_video(folder / "video.mp4")
    command = [sys.executable, "-m", "deepbiq", "watch", str(folder / "video.mp4")]
    done = subprocess.run(
        [*command, "--best", str(folder / "best"), "--window", "4", "--reject", "40", "--accept", "55"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return video.PHASE_SECONDS, folder, [json.loads(line) for line in done.stdout.splitlines()]


def results(events):
    return [event for event in events if event["event"] == "result"]


def verdicts_between(events, begin, end):
    return {event["verdict"] for event in results(events) if begin <= event["media_s"] < end}


def test_it_accepts_and_rejects_within_a_second_of_each_change(watched):
    phase, _, events = watched
    for number, wanted in enumerate(("accept", "reject", "reject", "accept")):
        assert verdicts_between(events, number * phase + LATE_S, (number + 1) * phase) == {wanted}


def test_hints_say_why(watched):
    phase, _, events = watched
    reasons = {"sharp": set(), "defocused": set(), "dark": set()}
    for event in results(events):
        name = ("sharp", "defocused", "dark", "sharp")[min(int(event["media_s"] / phase), 3)]
        reasons[name].update(event["reasons"])
    assert "blurred" in reasons["defocused"]
    assert "dark" in reasons["dark"] or "black" in reasons["dark"]
    assert not reasons["sharp"]


def test_the_best_shots_are_frames_that_were_accepted_and_complete(watched):
    _, folder, events = watched
    best = [event for event in events if event["event"] == "best"]
    scored = {round(event["captured_at"], 3): event for event in results(events)}
    assert best
    for event in best:
        result = scored[round(event["captured_at"], 3)]
        assert event["score"] == pytest.approx(result["score"], abs=1e-3)
        assert event["score"] >= 55
        assert decode_bytes(Path(event["path"]).read_bytes()).bgr.shape == (360, 640, 3)
    assert {Path(event["path"]).name for event in best} == {path.name for path in (folder / "best").glob("*.jpg")}


def test_the_best_of_the_first_window_is_its_best_frame(watched):
    _, _, events = watched
    begin = results(events)[0]["captured_at"]
    first = min((event for event in events if event["event"] == "best"), key=lambda event: event["captured_at"])
    window = [event["score"] for event in results(events) if event["captured_at"] < begin + 3.5]
    assert first["captured_at"] < begin + 4.5
    assert first["score"] >= max(window)


def test_ages_are_told_and_no_frame_is_told_twice(watched):
    _, _, events = watched
    numbers = [event["frame"] for event in results(events)]
    assert numbers == sorted(set(numbers))
    assert all(event["age_ms"] > 0 for event in results(events))
    assert [event["state"] for event in events if event["event"] == "camera"] == ["opening", "live", "ended"]
