"""The service keeps to its own OpenAPI description, whatever is sent to it."""

import subprocess
import sys

import cv2
import pytest

import deepbiq
from deepbiq.camera.events import CameraState, Kept, State
from deepbiq.camera.web.hub import WebHub
from tests.runtime.camera.web_material import TOKEN, app_of, result_of, serving

# No schema can ask for bytes that are a picture.
SETTINGS = """
seed = 1
workers = 1

[[operations]]
include-path = "/score"
checks.positive_data_acceptance.enabled = false
"""
EXISTING = """
[[operations]]
include-path-regex = "^/api/cameras/"
parameters = { "path.name" = "door" }

[[operations]]
include-path-regex = "^/api/best/"
parameters = { "path.identity" = "IDENTITY" }
"""


@pytest.fixture(scope="module")
def scorer():
    with deepbiq.load() as scorer:
        yield scorer


@pytest.fixture
def hub(scorer, samples):
    hub = WebHub(600)
    picture = cv2.imread(str(samples[0]))
    hub.take(CameraState("door", State.LIVE, 1.0))
    hub.take(result_of(scorer(picture), picture))
    hub.take(Kept("door", str(samples[0]), 71.0, 4.0, "window"))
    # Streams of a hub that is closed end by themselves.
    hub.close()
    return hub


@pytest.fixture
def examine(tmp_path):
    """Lets schemathesis loose on a service; returns its exit code and what it printed."""

    def run(port, settings, *options):
        config = tmp_path / "schemathesis.toml"
        config.write_text(settings)
        address = f"http://127.0.0.1:{port}/openapi.json"
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", address]
        done = subprocess.run(
            [*command, "--no-color", *options], cwd=tmp_path, capture_output=True, text=True, timeout=200
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_whatever_is_sent_is_answered_as_described(hub, scorer, examine):
    with serving(hub, app_of(hub, scorer, requests_per_minute=1_000_000)) as port:
        code, printed = examine(port, SETTINGS, "--phases", "coverage")
    assert code == 0, printed
    assert "13 selected" in printed, printed


def test_whatever_is_sent_to_what_exists_and_with_a_token(hub, scorer, examine, monkeypatch):
    monkeypatch.setattr("deepbiq.camera.web.app._GUESSES_PER_MINUTE", 1_000_000)
    app = app_of(hub, scorer, token=TOKEN, host="0.0.0.0", requests_per_minute=1_000_000)
    settings = SETTINGS + EXISTING.replace("IDENTITY", next(iter(hub.kept())))
    authorization = ("--header", f"Authorization: Bearer {TOKEN}")
    with serving(hub, app) as port:
        code, printed = examine(port, settings, "--phases", "fuzzing", "--max-examples", "4", *authorization)
    assert code == 0, printed
    assert "13 passed" in printed, printed
