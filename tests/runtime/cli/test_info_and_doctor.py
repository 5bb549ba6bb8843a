import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepbiq import diagnosis, nvidia_diagnosis
from deepbiq.bundle import open_bundle, write_bundle
from deepbiq.cuda import NoDeviceError
from deepbiq.engines.tensorrt import prepare
from deepbiq.engines.tensorrt.prepare import Preparation, requested
from deepbiq.errors import EngineError
from tests.conftest import tiny_files, tiny_manifest
from tests.runtime.cuda.memory_cuda import MemoryCuda
from tests.runtime.engines.conftest import ORIN, cuda_of
from tests.runtime.engines.memory_tensorrt import plan_of


def test_info_shows_the_bundle(run, tiny_bundle):
    code, stdout, _ = run("info", tiny_bundle)
    assert code == 0
    for words in ("tiny@", "mean_colour", "all intact", "dense (prediction-avg)"):
        assert words in " ".join(stdout.split())


def test_info_tells_nested_facts_in_words(run, tiny_bundle):
    facts = {"name": "x", "scale": {"low": 0.0, "drawn": {"by_scene": True}}, "parts": ["a", "b"]}
    write_bundle(tiny_bundle, {**tiny_manifest(), "trained_on": facts}, tiny_files())
    _, stdout, _ = run("info", tiny_bundle)
    assert "name: x; scale (low: 0.0, drawn (by scene: True)); parts: a, b" in " ".join(stdout.split())


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


def golden_bundle(tiny_bundle, expected, **more):
    """A golden picture with the score to expect with `dense` and `whole`; `more` are graphs that expect another."""
    picture = cv2.imencode(".png", np.full((100, 100, 3), 51, np.uint8))[1].tobytes()
    golden = [{"file": "golden/flat.png", "scores": {"dense": expected, "whole": expected}}]
    graphs = tiny_manifest()["graphs"]
    for key, score in more.items():
        scores = {"golden/flat.png": {"dense": score, "whole": score}}
        graphs[key] = {**graphs["fp32"], "golden": scores}
    manifest = {**tiny_manifest(), "graphs": graphs, "golden": golden}
    write_bundle(tiny_bundle, manifest, {**tiny_files(), "golden/flat.png": picture})


def test_doctor_proves_the_engine_on_golden_pictures(run, tiny_bundle):
    golden_bundle(tiny_bundle, 20.0)
    code, stdout, _ = run("doctor", "--bundle", tiny_bundle, "--format", "json")
    findings = json.loads(stdout)
    engines = {(engine["name"], engine["graph"]): engine for engine in findings["engines"]}
    assert code == 0
    assert engines["onnxruntime", "fp32"]["works"]
    assert "2 golden scores" in engines["onnxruntime", "fp32"]["detail"]
    assert findings["packages"]["numpy"][0].isdigit()


def test_doctor_tries_every_precision_against_its_own_golden_scores(run, tiny_bundle):
    golden_bundle(tiny_bundle, 20.0, fp16=20.4, **{"int8-tensorrt": 22.0})
    code, stdout, _ = run("doctor", "--bundle", tiny_bundle)
    assert code == 0
    lines = [" ".join(line.split()) for line in stdout.splitlines()]
    assert any(line.startswith("ok onnxruntime fp32 onnxruntime") for line in lines)
    assert any(line.startswith("ok onnxruntime fp16") and "difference 0.4000" in line for line in lines)
    assert any(
        line.startswith("no onnxruntime int8-tensorrt") and "scores 20.00, not 22.00" in line for line in lines
    )


@pytest.fixture
def device(monkeypatch):
    """What the driver says, for a test that is about the rest."""

    def set_to(found):
        def find():
            if isinstance(found, EngineError):
                raise found
            return found

        for module in (diagnosis, nvidia_diagnosis, prepare):
            monkeypatch.setattr(module, "find_device", find)

    return set_to


def test_doctor_without_a_driver_touches_nothing_of_tensorrt(run, tiny_bundle, device, monkeypatch):
    golden_bundle(tiny_bundle, 20.0)
    device(NoDeviceError("no NVIDIA driver on this machine"))
    monkeypatch.setitem(sys.modules, "tensorrt", None)  # an import would fail by a name of its own
    code, stdout, _ = run("doctor", "--bundle", tiny_bundle, "--format", "json")
    findings = json.loads(stdout)
    assert code == 0
    assert findings["machine"]["NVIDIA device"] == "none"
    assert [(part["name"], part["works"]) for part in findings["tensorrt"][:4]] == [
        ("device", False), ("CUDA package", False), ("TensorRT", False), ("builder", False)
    ]  # fmt: skip
    assert findings["tensorrt"][0]["detail"] == "no NVIDIA driver on this machine"
    assert {engine["detail"] for engine in findings["engines"] if engine["name"] == "tensorrt"} == {
        "no NVIDIA driver on this machine"
    }


def test_doctor_says_what_tensorrt_rtx_is_good_for(run, tiny_bundle):
    golden_bundle(tiny_bundle, 20.0)
    _, stdout, _ = run("doctor", "--bundle", tiny_bundle)
    assert "builds graphs as a test and runs none of them" in stdout


def test_doctor_with_a_device_but_without_tensorrt_says_what_to_install(run, tiny_bundle, device, monkeypatch):
    golden_bundle(tiny_bundle, 20.0)
    device(ORIN)
    cuda = MemoryCuda()
    monkeypatch.setattr(nvidia_diagnosis, "open_cuda", lambda: cuda)
    monkeypatch.setattr(prepare, "open_cuda", lambda: cuda)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    code, stdout, _ = run("doctor", "--bundle", tiny_bundle)
    assert code == 0
    assert "Orin, compute capability 8.7, CUDA 12.6, Jetson Linux 36.4.3, shares its memory" in stdout
    assert "ok  CUDA package  memory" in stdout
    assert "TensorRT is not installed: on a Jetson it comes with JetPack" in stdout


def test_doctor_runs_cached_engines_and_builds_none(run, tiny_bundle, device, monkeypatch, tmp_path):
    golden_bundle(tiny_bundle, 20.0, fp16=20.0)
    monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path / "cache"))
    device(ORIN)
    cuda = cuda_of(monkeypatch)
    monkeypatch.setattr(nvidia_diagnosis, "open_cuda", lambda: cuda)
    monkeypatch.setattr(prepare, "open_cuda", lambda: cuda)
    bundle = open_bundle(tiny_bundle)
    preparation = Preparation(prepare.find_machine(), bundle, requested(bundle, "fp16", "dense"))
    built = preparation.obtain(lambda *_, **__: plan_of((1, 96, 96), (1, 1280, 1280)))
    _, stdout, _ = run("doctor", "--bundle", tiny_bundle, "--format", "json")
    findings = json.loads(stdout)
    engines = {engine["graph"]: engine for engine in findings["engines"] if engine["name"] == "tensorrt"}
    assert engines["fp16, dense"]["works"]
    assert "1 golden scores reproduced" in engines["fp16, dense"]["detail"]
    assert not engines["fp32, dense"]["works"]
    command = f"`deepbiq build {tiny_bundle} --target tensorrt --precision fp32 --plan dense` builds it"
    assert command in engines["fp32, dense"]["detail"]
    (file,) = findings["engine_files"]
    assert Path(file["path"]).parent == built.path.parent
    assert "fp16, dense, TensorRT 10.3.0, Orin: 1 golden scores reproduced" in file["detail"]
    assert not cuda.live


def test_doctor_says_what_an_accelerator_cannot_serve(run, tiny_bundle, device, monkeypatch, tmp_path):
    golden_bundle(tiny_bundle, 20.0)
    monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DEEPBIQ_DLA_CORE", "0")
    device(ORIN)
    cuda = cuda_of(monkeypatch)
    monkeypatch.setattr(prepare, "open_cuda", lambda: cuda)
    code, stdout, _ = run("doctor", "--bundle", tiny_bundle)
    assert code == 0
    assert "no tensorrt fp32, dense" in " ".join(stdout.split())
    assert "DLA core 0 takes one shape" in stdout


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
