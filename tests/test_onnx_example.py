"""The example of docs/onnx.md scores as deepbiq does, with ONNX Runtime and OpenCV alone."""

import re
import shutil
import subprocess
import sys

import cv2
import pytest

import deepbiq
from deepbiq.bundle import default_bundle_path, open_bundle
from tests.conftest import ROOT

BUNDLE = open_bundle(default_bundle_path())
TEXT = (ROOT / "docs" / "onnx.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
GOLDEN = [entry["file"] for entry in BUNDLE.manifest["golden"]]


def run_example(folder, key):
    file = BUNDLE.manifest["graphs"][key]["file"]
    shutil.copy(BUNDLE.path / file, folder / "model.onnx")
    code = EXAMPLE.replace("model.fp32.onnx", "model.onnx")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def score_of(picture, key):
    with deepbiq.load(engine="onnxruntime", precision=key, plan="dense") as scorer:
        return scorer(picture).score


def test_the_example_has_ten_lines_and_nothing_of_deepbiq():
    lines = [line for line in EXAMPLE.splitlines() if line.strip()]
    assert len(lines) <= 10
    assert "deepbiq" not in EXAMPLE


@pytest.mark.parametrize("golden", GOLDEN)
@pytest.mark.parametrize("key", BUNDLE.manifest["graphs"])
def test_golden_pictures_score_as_with_the_scorer(tmp_path, key, golden):
    (tmp_path / "photo.png").write_bytes(BUNDLE.read(golden))
    assert run_example(tmp_path, key) == pytest.approx(score_of(BUNDLE.read(golden), key), abs=0.05)


@pytest.mark.parametrize("size_wh", [(700, 601), (300, 233), (300, 150), (64, 100)])
def test_pictures_of_any_size_score_as_with_the_scorer(tmp_path, samples, size_wh):
    picture = cv2.resize(cv2.imread(str(samples[0])), size_wh, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "photo.png"), picture)
    assert run_example(tmp_path, "fp32") == pytest.approx(score_of(picture, "fp32"), abs=0.05)


def test_the_files_that_the_document_names_are_the_bundles():
    named = set(re.findall(r"`(model\.[a-z0-9.-]+\.onnx)`", TEXT))
    assert {entry["file"] for entry in BUNDLE.manifest["graphs"].values()} <= named
