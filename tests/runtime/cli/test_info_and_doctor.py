import json

from deepbiq.bundle import write_bundle
from tests.conftest import tiny_files, tiny_manifest


def test_info_shows_the_bundle(run, tiny_bundle):
    code, stdout, _ = run("info", tiny_bundle)
    assert code == 0
    for words in ("tiny@", "mean_colour", "all intact", "dense (prediction-avg)"):
        assert words in " ".join(stdout.split())


def test_info_as_json_is_the_manifest(run, tiny_bundle):
    code, stdout, _ = run("info", tiny_bundle, "--format", "json")
    shown = json.loads(stdout)
    assert code == 0
    assert shown["schema"] == 1
    assert shown["files"].keys() == tiny_files().keys()


def test_info_of_a_changed_bundle(run, tiny_bundle):
    (tiny_bundle / "features.onnx").write_bytes(b"changed")
    code, stdout, stderr = run("info", tiny_bundle)
    assert (code, stdout) == (4, "")
    assert "features.onnx" in stderr


def golden_bundle(tiny_bundle, expected):
    import cv2
    import numpy as np

    picture = cv2.imencode(".png", np.full((100, 100, 3), 51, np.uint8))[1].tobytes()
    golden = [{"file": "golden/flat.png", "scores": {"dense": expected, "whole": expected}}]
    write_bundle(tiny_bundle, {**tiny_manifest(), "golden": golden}, {**tiny_files(), "golden/flat.png": picture})


def test_doctor_proves_the_engine_on_golden_pictures(run, tiny_bundle):
    golden_bundle(tiny_bundle, 20.0)
    code, stdout, _ = run("doctor", "--bundle", tiny_bundle, "--format", "json")
    findings = json.loads(stdout)
    engines = {engine["name"]: engine for engine in findings["engines"]}
    assert code == 0
    assert engines["onnxruntime"]["works"]
    assert "2 golden scores" in engines["onnxruntime"]["detail"]
    assert not engines["tensorrt"]["works"]
    assert engines["tensorrt"]["detail"]
    assert findings["packages"]["numpy"][0].isdigit()


def test_doctor_finds_wrong_scores(run, tiny_bundle):
    golden_bundle(tiny_bundle, 20.5)
    code, stdout, _ = run("doctor", "--bundle", tiny_bundle)
    assert code == 4
    assert "scores 20.00, not 20.50" in stdout


def test_doctor_survives_a_damaged_bundle(run, tiny_bundle):
    (tiny_bundle / "features.onnx").write_bytes(b"")
    code, stdout, _ = run("doctor", "--bundle", tiny_bundle)
    assert code == 4
    assert "features.onnx does not match" in stdout
