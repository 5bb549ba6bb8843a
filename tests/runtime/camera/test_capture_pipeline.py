"""Pipelines need an OpenCV with GStreamer; where there is one it is the system's, so its Python runs these."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"
ROOT = Path(__file__).parents[3]
SECRET = "Hunter2SECRET"
WATCHER = """
import json, sys
from deepbiq.camera.sources import parse_source
from tests.runtime.camera.watching import State, Watching
watched = Watching(parse_source(sys.argv[1]))
watched.camera.start()
frame = watched.next_frame() if sys.argv[2] == "live" else None
watched.wait_for(State(sys.argv[2]), times=int(sys.argv[3]))
stopped = watched.camera.stop()
print(json.dumps({
    "shape": frame and frame.bgr.shape,
    "details": [event.detail for event in watched.events],
    "reconnects": watched.camera.reconnects,
    "stopped": stopped,
}))
"""


@cache
def missing_for_pipelines() -> str | None:
    check = (
        "import sys, cv2, numpy; sys.exit(sys.version_info < (3, 10) or not cv2.videoio_registry.hasBackend(1800))"
    )
    try:
        done = subprocess.run([PYTHON, "-c", check], capture_output=True, text=True, timeout=60)
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip() or "its OpenCV has no GStreamer"


pytestmark = pytest.mark.skipif(
    missing_for_pipelines() is not None, reason=f"{PYTHON} cannot read pipelines: {missing_for_pipelines()}"
)


def watch(pipeline: str, state: str, times: int = 1) -> tuple[dict, str]:
    done = subprocess.run(
        [PYTHON, "-c", WATCHER, pipeline, state, str(times)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'runtime'}"},
    )
    return json.loads(done.stdout), done.stdout + done.stderr


def test_a_pipeline_gives_frames_and_is_started_again_when_it_ends():
    told, _ = watch(
        "videotestsrc is-live=true num-buffers=9 ! video/x-raw, format=BGR, width=96, height=64 "
        "! appsink drop=true max-buffers=1 sync=false",
        "live",
        times=2,
    )
    assert told["shape"] == [64, 96, 3]
    assert told["reconnects"] == 1
    assert told["stopped"]


def test_pictures_without_three_channels_are_refused_with_what_to_do():
    told, _ = watch("videotestsrc ! video/x-raw, format=GRAY8 ! appsink", "lost")
    assert "let a pipeline end in  videoconvert ! video/x-raw, format=BGR ! appsink" in told["details"][-1]
    assert told["stopped"]


def test_a_pipeline_that_cannot_start_tells_no_properties():
    told, said = watch(
        f"gst:rtspsrc location=rtsp://admin:{SECRET}@127.0.0.1:9/ user-pw={SECRET} ! decodebin ! videoconvert "
        "! appsink",
        "lost",
    )
    assert told["details"][-1].startswith("rtspsrc ! decodebin ! videoconvert ! appsink: it cannot be started")
    assert SECRET not in said
