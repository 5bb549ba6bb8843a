"""The wheel alone, in an empty environment, scores a photo."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from deepbiq.bundle import default_bundle_path

ROOT = Path(__file__).parents[2]
MAX_ENVIRONMENT_MB = 400
MAX_BUNDLE_BYTES = 24_000_000


def run(*command, **options):
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=600, check=True, **options
    ).stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    if os.environ.get("DEEPBIQ_OFFLINE"):
        pytest.skip("DEEPBIQ_OFFLINE is set: packages cannot be installed")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    # A build leaves its traces beside the sources; it gets a copy of what is under version control or would be.
    listed = run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    return folder / "venv"


def test_the_default_bundle_stays_within_its_size():
    assert sum(path.stat().st_size for path in default_bundle_path().rglob("*")) <= MAX_BUNDLE_BYTES


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_alone_scores_a_photo_in_a_small_environment(environment, samples, tmp_path):
    installed = {
        item["name"].lower() for item in json.loads(run(environment / "bin/pip", "list", "--format", "json"))
    }
    assert installed.isdisjoint({"torch", "scipy", "scikit-learn", "onnx", "matplotlib"})
    done = run(environment / "bin/deepbiq", "score", samples[0], "--format", "jsonl", cwd=tmp_path)
    row = json.loads(done)
    assert row["error"] is None
    assert 0 <= row["score"] <= 100
    megabytes = sum(path.lstat().st_size for path in environment.rglob("*") if path.is_file()) / 1e6
    assert megabytes <= MAX_ENVIRONMENT_MB


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_verbs_of_other_rooms_say_which_extra_they_need(environment, tmp_path):
    for words, extra in ((["train", "--frozen"], "train"), (["bench", "accuracy"], "bench")):
        folders = ["--root", tmp_path, *(["--out", tmp_path] if extra == "train" else [])]
        command = [environment / "bin/deepbiq", *words, *folders]
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 2
        assert f"pip install 'deepbiq[{extra}]'" in done.stderr
        assert "Traceback" not in done.stderr
