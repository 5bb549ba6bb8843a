"""`deepbiq build` as users call it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deepbiq.bundle import write_bundle
from deepbiq.cli.exit_codes import UNUSABLE_MODEL
from deepbiq.errors import BundleError, EngineError, OptionError
from deepbiq_export.tensorrt.command import build
from deepbiq_export.tensorrt.rtx_plan import WHAT_IT_IS
from tests.command_results import refused
from tests.conftest import tiny_files, tiny_manifest

RTX = ("--target", "tensorrt-rtx")


@pytest.fixture
def run():
    app = typer.Typer(add_completion=False)
    app.command()(build)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(word) for word in arguments])


def test_help_is_honest_and_needs_no_tensorrt_onnx_or_torch():
    code = (
        "import sys, typer; sys.modules.update(torch=None, onnx=None, tensorrt=None, tensorrt_rtx=None);"
        "from deepbiq_export.tensorrt.command import build;"
        "app = typer.Typer(); app.command()(build); app(['--help'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"COLUMNS": "300"}
    )
    assert "never an engine for a Jetson" in done.stdout
    assert "fall back to the GPU" in done.stdout


@pytest.mark.tensorrt
@pytest.mark.usefixtures("rtx")
def test_every_family_of_the_bundle_is_built(run, tiny_bundle, tmp_path):
    result = run(tiny_bundle, *RTX, "--out", tmp_path / "plans", "--format", "json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [engine["family"] for engine in found] == ["crops", "dense"]
    for engine in found:
        path = Path(engine["file"])
        told = json.loads(path.with_suffix(".json").read_text())
        assert path.parent == tmp_path / "plans"
        assert path.name == f"tiny-fp32-{engine['family']}.plan"
        assert engine["bytes"] == path.stat().st_size == told["plan_bytes"]
        assert told["plan_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert told["onnx_sha256"] == hashlib.sha256(tiny_files()["features.onnx"]).hexdigest()
        assert told["what"] == WHAT_IT_IS
        assert told["built_by"].startswith("TensorRT-RTX 1.")
        assert engine["layers_by_precision"] == {"FLOAT": 2}  # two poolings
        assert engine["seconds"] > 0
    assert found[0]["shapes"] == [[1, 96, 96], [25, 96, 96], [32, 96, 96]]
    assert found[1]["shapes"][2] == [1, 1280, 1280]


@pytest.mark.tensorrt
@pytest.mark.usefixtures("rtx")
def test_the_text_says_what_was_built_and_what_it_is_not(run, tiny_bundle, tmp_path):
    result = run(tiny_bundle, *RTX, "--out", tmp_path, "--plan", "dense", "--workspace", "64m")
    path, graph, size, layers, remark = result.stdout.splitlines()
    assert Path(path) == tmp_path / "tiny-fp32-dense.plan"
    assert graph.strip() == "graph fp32 for dense: 1x96x96 to 1x1280x1280, tuned for 1x512x512"
    assert "built in" in size
    assert "TensorRT-RTX" in size
    assert "2 FLOAT" in layers
    assert "no engine for a Jetson" in remark


@pytest.mark.tensorrt
@pytest.mark.usefixtures("rtx")
@pytest.mark.parametrize(
    ("plans", "families"),
    [
        (("random:25",), ["crops"]),
        (("crops",), ["crops"]),
        (("whole", "grid:9"), ["crops"]),
        (("dense", "whole"), ["crops", "dense"]),
    ],
)
def test_plans_name_the_engines(run, tiny_bundle, tmp_path, plans, families):
    words = [word for plan in plans for word in ("--plan", plan)]
    result = run(tiny_bundle, *RTX, "--out", tmp_path, "--format", "json", *words)
    assert [engine["family"] for engine in json.loads(result.stdout)] == families


@pytest.mark.tensorrt
@pytest.mark.usefixtures("rtx")
def test_a_bundle_with_one_plan_needs_one_engine(run, tmp_path):
    manifest = tiny_manifest()
    write_bundle(tmp_path / "b", {**manifest, "plans": {"dense": manifest["plans"]["dense"]}}, tiny_files())
    result = run(tmp_path / "b", *RTX, "--out", tmp_path, "--format", "json")
    assert [engine["family"] for engine in json.loads(result.stdout)] == ["dense"]


@pytest.mark.tensorrt
@pytest.mark.usefixtures("rtx")
def test_plans_go_into_the_cache_folder_by_default(run, tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path))
    assert run(tiny_bundle, *RTX, "--plan", "dense").exit_code == 0
    assert (tmp_path / "rtx" / "tiny-fp32-dense.plan").exists()


@pytest.mark.tensorrt
@pytest.mark.usefixtures("rtx")
def test_two_processes_without_torch_and_onnx_leave_a_plan_that_fits_its_description(tiny_bundle, tmp_path):
    code = (
        "import sys, typer; sys.modules.update(torch=None, onnx=None);"  # a device has neither
        "from deepbiq_export.tensorrt.command import build; typer.run(build)"
    )
    command = [
        sys.executable,
        "-c",
        code,
        str(tiny_bundle),
        *RTX,
        "--plan",
        "dense",
        "--out",
        str(tmp_path / "out"),
    ]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: subprocess.run(command, capture_output=True, check=False), range(2)))
    assert [process.returncode for process in done] == [0, 0]
    path = tmp_path / "out" / "tiny-fp32-dense.plan"
    told = json.loads(path.with_suffix(".json").read_text())
    assert told["plan_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.tensorrt
@pytest.mark.usefixtures("rtx")
def test_a_folder_that_cannot_be_written_is_refused(run, tiny_bundle, tmp_path):
    (tmp_path / "file").write_text("")
    result = run(tiny_bundle, *RTX, "--plan", "dense", "--out", tmp_path / "file")
    refused(result, OptionError, "give another --out")


@pytest.mark.parametrize("target", ["tensorrt", "tensorrt-rtx"])
def test_a_precision_that_the_bundle_lacks_names_the_command_that_adds_it(run, tiny_bundle, target):
    result = run(tiny_bundle, "--target", target, "--precision", "int8")
    refused(result, BundleError, "`deepbiq calibrate`", UNUSABLE_MODEL)
    assert "int8-tensorrt" in str(result.exception)


def test_the_flavour_for_cpus_is_refused(run, tiny_bundle):
    refused(run(tiny_bundle, *RTX, "--precision", "int8-cpu"), EngineError, "made for CPUs", UNUSABLE_MODEL)


def test_without_a_device_the_command_ends_with_four(run, tiny_bundle):
    from deepbiq.cuda import has_driver

    if has_driver():
        pytest.skip("this machine has a driver")
    refused(run(tiny_bundle), EngineError, "built on the device that runs it", UNUSABLE_MODEL)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("--plan", "everything"), "unknown plan 'everything'"),
        (("--precision", "fp8"), "unknown precision 'fp8'"),
        (("--workspace", "much"), "got 'much'"),
        (("--workspace", "0"), "got '0'"),
        (("--workspace", "-1M"), "got '-1M'"),
        (("--dla", "0", "--plan", "crops"), "FP16 and INT8 only"),
    ],
)
@pytest.mark.usefixtures("rtx")
def test_options_that_are_not_on_offer_are_refused(run, tiny_bundle, tmp_path, options, match):
    refused(run(tiny_bundle, *RTX, "--out", tmp_path, *options), OptionError, match)


def test_an_accelerator_for_dense_pictures_is_refused_before_anything_is_built(run, tiny_bundle, tmp_path):
    result = run(tiny_bundle, *RTX, "--out", tmp_path / "plans", "--dla", "0")
    refused(result, EngineError, "take a plan of crops", UNUSABLE_MODEL)
    assert not (tmp_path / "plans").exists()


def test_engines_for_this_device_go_nowhere_else(run, tiny_bundle, tmp_path):
    refused(run(tiny_bundle, "--out", tmp_path), OptionError, "--out is for tensorrt-rtx")


@pytest.mark.gpu
def test_an_engine_is_built_once_and_found_again(run, tmp_path, monkeypatch):
    pytest.importorskip("tensorrt", reason="TensorRT is not installed")
    from deepbiq.cuda import has_driver

    if not has_driver():
        pytest.skip("no NVIDIA driver on this machine")
    monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path))
    first, second = (json.loads(run("--plan", "dense", "--format", "json").stdout)[0] for _ in range(2))
    assert Path(first["file"]).is_relative_to(tmp_path / "engines")
    assert (first["cached"], second["cached"]) == (False, True)
    assert first["file"] == second["file"]
    assert "reproduced" in second["remarks"][0]
