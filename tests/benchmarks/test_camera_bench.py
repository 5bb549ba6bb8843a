"""`deepbiq bench camera` on a real video: what it counts adds up."""

import json

import pytest
from typer.testing import CliRunner

from deepbiq.cli.main import app
from deepbiq_benchmarks.camera import checks_of_camera
from deepbiq_benchmarks.camera_table import camera_table
from tests.runtime.camera.video_material import sample_video


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("camera")
    sample_video().write_video(folder / "video.mp4")
    arguments = [
        "bench",
        "camera",
        str(folder / "video.mp4"),
        "--seconds",
        "3",
        "--format",
        "json",
        "--note",
        "a video",
    ]
    done = CliRunner().invoke(app, [*arguments, "--results", str(folder)])
    assert done.exit_code in (0, 1), done.output
    (saved,) = folder.glob("camera-640x360-*.json")
    result = json.loads(saved.read_text())
    assert json.loads(done.stdout) == result
    assert done.exit_code == (0 if all(check["passes"] for check in result["checks"].values()) else 1)
    return result


def test_frames_are_scored_or_dropped(measured):
    assert measured["captured_per_s"] == pytest.approx(15, rel=0.2)
    frames = measured["n"] + measured["dropped"]
    assert frames == pytest.approx(measured["captured_per_s"] * measured["seconds"], rel=0.35)
    assert 0 < measured["scored_per_s"] <= measured["captured_per_s"] * 1.01


def test_ages_are_in_order_and_load_is_possible(measured):
    ages = [measured["age_ms"][name] for name in ("p50", "p90", "p95", "p99", "max")]
    assert ages == sorted(ages)
    assert ages[0] > 0
    assert 0 < measured["cores_busy"] <= measured["cores"] + 0.2
    assert measured["memory_mb"]["most"] >= measured["memory_mb"]["begin"] > 50


@pytest.mark.parametrize(("age", "growth", "kept"), [(133, 20, (True, True)), (134, 21, (False, False))])
def test_bounds_are_two_frame_intervals_and_twenty_megabytes(age, growth, kept):
    figures = {
        "captured_per_s": 15.0,
        "age_ms": {"p95": age},
        "memory_mb": {"begin": 100.0, "most": 100.0 + growth},
    }
    assert tuple(check.passes for check in checks_of_camera(figures)) == kept


def test_the_table_says_what_was_measured(measured):
    table = camera_table([measured])
    assert "a video, 640x360" in table
    assert f"{measured['age_ms']['p95']:.0f} ms" in table
    assert measured["model"] in table


def test_a_source_without_frames_is_refused(tmp_path):
    done = CliRunner().invoke(app, ["bench", "camera", str(tmp_path), "--seconds", "2"])
    assert done.exit_code == 5
    assert "fewer than two results in 2 s: the source is silent" in done.output
