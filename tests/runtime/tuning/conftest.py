from __future__ import annotations

import cv2
import numpy as np
import pytest

from deepbiq.bundle import open_bundle, write_bundle
from deepbiq.setting import settle
from tests.conftest import tiny_files, tiny_manifest

PROVEN = {"costs": [{"plan": "dense"}, {"plan": "random:25"}]}


def write_with_int8(folder, *, calibration=PROVEN, expected=20.0):
    """The tiny bundle with a golden picture that scores 20, and the same network once more as its INT8 graph."""
    picture = cv2.imencode(".png", np.full((100, 100, 3), 51, np.uint8))[1].tobytes()
    manifest = tiny_manifest()
    scores = {"dense": 20.0, "random:25": 20.0}
    manifest["golden"] = [{"file": "golden/flat.png", "scores": scores}]
    manifest["graphs"]["int8-cpu"] = {
        "file": "int8.onnx",
        "output": "features",
        "calibration": calibration,
        "golden": {"golden/flat.png": dict.fromkeys(scores, expected)},
    }
    files = tiny_files()
    write_bundle(folder, manifest, {**files, "int8.onnx": files["features.onnx"], "golden/flat.png": picture})
    return folder


@pytest.fixture
def int8_bundle(tiny_bundle):
    return write_with_int8(tiny_bundle)


@pytest.fixture
def opened(int8_bundle):
    bundle = open_bundle(int8_bundle)
    return bundle, settle(bundle, None, None, "auto")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEEPBIQ_CACHE", str(folder))
    return folder
