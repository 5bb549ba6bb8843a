"""From a bundle to a running engine, with TensorRT and CUDA in memory, and a builder that writes such plans."""

import inspect
import json
import logging

import cv2
import numpy as np
import pytest

import deepbiq
from deepbiq.bundle import default_bundle_path, open_bundle, write_bundle
from deepbiq.cuda import NoDeviceError
from deepbiq.engines import automatic
from deepbiq.engines.tensorrt import prepare
from deepbiq.engines.tensorrt.cache_key import environment_of
from deepbiq.engines.tensorrt.prepare import Machine, Preparation, requested
from deepbiq.errors import BundleError, EngineError, OptionError
from tests.conftest import tiny_files, tiny_manifest
from tests.runtime.engines.conftest import ORIN
from tests.runtime.engines.memory_tensorrt import VERSION, plan_of

FLAT = cv2.imencode(".png", np.full((100, 100, 3), 51, np.uint8))[1].tobytes()


@pytest.fixture
def bundle(tiny_bundle):
    """The tiny bundle, with a golden picture that scores 20 with every plan, and the same graph as FP16."""
    scores = {"dense": 20.0, "grid:5": 20.0, "whole": 20.0}
    graphs = tiny_manifest()["graphs"]
    graphs["fp16"] = {**graphs["fp32"], "golden": {"golden/flat.png": scores}}
    graphs["int8-cpu"] = graphs["fp16"]
    manifest = {**tiny_manifest(), "graphs": graphs, "golden": [{"file": "golden/flat.png", "scores": scores}]}
    write_bundle(tiny_bundle, manifest, {**tiny_files(), "golden/flat.png": FLAT})
    return open_bundle(tiny_bundle)


class Builder:
    """Writes plans; those of the list in turn, and good ones when it is used up."""

    def __init__(self, *plans):
        self.plans = list(plans)
        self.requests = []

    def __call__(self, request, *, target, timing_cache):
        assert target == "tensorrt"
        assert timing_cache.parent.is_dir()
        self.requests.append(request)
        if self.plans:
            return self.plans.pop(0)
        low, _, high = request.shapes.axes
        return plan_of(low, high)


@pytest.fixture
def machine(cuda, monkeypatch, tmp_path):
    """A machine with a device, whatever this one has."""
    monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path / "cache"))
    made = Machine(ORIN, cuda, environment_of(ORIN, cuda, VERSION))
    monkeypatch.setattr(prepare, "find_machine", lambda: made)
    monkeypatch.setattr(automatic, "find_device", lambda: ORIN)
    return made


@pytest.fixture
def builder(machine, monkeypatch):
    made = Builder()
    monkeypatch.setattr(prepare, "find_builder", lambda: made)
    return made


def picture(height=130, width=200):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("plan", ["dense", "grid:5", "random:70", "whole"])
def test_scores_are_those_of_onnx_runtime(bundle, builder, plan):
    with (
        deepbiq.load(bundle.path, engine="tensorrt", plan=plan) as ours,
        deepbiq.load(bundle.path, engine="onnxruntime", plan=plan) as reference,
    ):
        result, expected = ours(picture()), reference(picture())
    assert result.score == pytest.approx(expected.score, abs=1e-3)
    assert (result.engine, result.precision) == ("tensorrt", "fp16")
    assert [request.family for request in builder.requests] == ["dense" if plan == "dense" else "crops"]


@pytest.mark.parametrize("shape", [(100, 2000), (1500, 1400)])
def test_pictures_longer_than_the_engine_takes_are_cut_into_tiles(bundle, builder, shape):
    with (
        deepbiq.load(bundle.path, engine="tensorrt", plan="dense", scale="native") as ours,
        deepbiq.load(bundle.path, engine="onnxruntime", plan="dense", scale="native") as reference,
    ):
        result, expected = ours(picture(*shape)), reference(picture(*shape))
    assert result.score == pytest.approx(expected.score, abs=1e-3)
    np.testing.assert_allclose(result.quality_map, expected.quality_map, atol=1e-3)


def test_the_engine_is_built_once_and_proved_before_it_is_kept(bundle, builder, tmp_path):
    for _ in range(2):
        deepbiq.load(bundle.path, engine="tensorrt", plan="grid:5").close()
    assert len(builder.requests) == 1
    (path,) = (tmp_path / "cache" / "engines").glob("*.json")
    assert json.loads(path.read_bytes())["proof"] == {
        "passed": True,
        "scores": 2,
        "largest_difference": pytest.approx(0, abs=1e-3),
        "tolerance": 0.5,
    }


def test_nothing_is_left_on_the_device(bundle, machine, builder):
    with deepbiq.load(bundle.path, engine="tensorrt") as scorer:
        scorer(picture())
        assert machine.cuda.live
    assert not machine.cuda.live
    assert not machine.cuda.tensorrt.contexts
    assert not machine.cuda.tensorrt.engines


def test_an_engine_with_other_scores_never_gives_one(bundle, builder):
    builder.plans = [plan_of((1, 96, 96), (1, 1280, 1280), shift=5)]
    with pytest.raises(EngineError, match=r"engine tensorrt: .*golden scores NOT reproduced"):
        deepbiq.load(bundle.path, engine="tensorrt")
    deepbiq.load(bundle.path, engine="tensorrt").close()
    assert len(builder.requests) == 2


def test_an_intact_plan_that_tensorrt_refuses_is_built_again(bundle, machine, builder, caplog):
    preparation = Preparation(machine, bundle, requested(bundle, "auto", "dense"))
    path = preparation.obtain().path
    calls = machine.cuda.faults
    calls.fail_at = len(calls.calls) + 2  # deserialize_cuda_engine, after active
    preparation.start().close()
    assert len(builder.requests) == 2
    assert f"{path} is intact, but cannot be used" in caplog.text
    assert "Version tag does not match" in caplog.text


def test_auto_leaves_an_intact_plan_that_does_not_load_alone(bundle, machine, builder, monkeypatch, caplog):
    path = Preparation(machine, bundle, requested(bundle, "auto", "dense")).obtain().path

    def refuse(self, plan):
        raise EngineError("out of memory")

    with monkeypatch.context() as short_of_memory:
        short_of_memory.setattr(Preparation, "load", refuse)
        for _ in range(2):
            with deepbiq.load(bundle.path, plan="dense") as scorer:
                assert scorer.identity()["engine"] == "onnxruntime"
    assert len(builder.requests) == 1
    assert f"{path} is intact, but cannot be used (out of memory)" in caplog.text
    assert "--plan dense --fresh` builds it again" in caplog.text
    with deepbiq.load(bundle.path, plan="dense") as scorer:  # with memory it is there as before
        assert scorer.identity()["engine"] == "tensorrt"


def test_a_bundle_without_golden_scores_cannot_prove_an_engine(tiny_bundle, builder):
    with pytest.raises(EngineError, match="no golden scores of fp32"):
        deepbiq.load(tiny_bundle, engine="tensorrt")
    assert builder.requests == []  # minutes that would have been for nothing


def test_without_a_builder_cached_engines_still_run(bundle, machine, builder, monkeypatch, tmp_path):
    def none():
        raise EngineError("no TensorRT builder is installed")

    deepbiq.load(bundle.path, engine="tensorrt", plan="dense").close()
    monkeypatch.setattr(prepare, "find_builder", none)
    deepbiq.load(bundle.path, engine="tensorrt", plan="dense").close()
    with pytest.raises(EngineError, match="no TensorRT builder"):
        deepbiq.load(bundle.path, engine="tensorrt", plan="grid:5")
    assert len(list((tmp_path / "cache" / "engines").glob("*.json"))) == 1  # not remembered as a failed build


@pytest.mark.parametrize(
    ("precision", "error", "words"),
    [
        ("int8-cpu", EngineError, "made for CPUs"),
        ("int8", BundleError, "holds no int8-tensorrt graph"),
        ("fp64", OptionError, "fp64"),
    ],
)
def test_precisions_that_there_is_no_engine_of(bundle, builder, precision, error, words):
    with pytest.raises(error, match=words):
        deepbiq.load(bundle.path, engine="tensorrt", precision=precision)


def test_a_core_of_a_deep_learning_accelerator_takes_one_shape(bundle, builder, machine, monkeypatch):
    monkeypatch.setenv("DEEPBIQ_DLA_CORE", "1")
    with deepbiq.load(bundle.path, engine="tensorrt", plan="grid:5") as scorer:
        assert scorer(picture()).score == pytest.approx(scorer(picture()).score)
    (request,) = builder.requests
    assert request.dla_core == 1
    assert request.shapes.is_static
    assert request.shapes.maximum == (25, 96, 96)


def test_a_deep_learning_accelerator_is_not_built_for_dense_pictures(bundle, builder, monkeypatch, caplog):
    monkeypatch.setenv("DEEPBIQ_DLA_CORE", "0")
    with pytest.raises(EngineError, match="plan of crops"):
        deepbiq.load(bundle.path, engine="tensorrt", plan="dense")
    with deepbiq.load(bundle.path, plan="dense") as scorer:
        assert scorer.identity()["engine"] == "onnxruntime"
    assert "plan of crops" in lines_of(caplog)[0]
    assert builder.requests == []


def test_the_environment_limits_scratch_memory_of_builds(bundle, builder, monkeypatch):
    monkeypatch.setenv("DEEPBIQ_WORKSPACE_MIB", "256")
    deepbiq.load(bundle.path, engine="tensorrt").close()
    assert [request.workspace_bytes for request in builder.requests] == [256 << 20]


@pytest.mark.parametrize("variable", ["DEEPBIQ_DLA_CORE", "DEEPBIQ_WORKSPACE_MIB"])
@pytest.mark.parametrize("value", ["first", "-1", "9" * 20, "9" * 5000, "\u0663"])
def test_a_variable_that_is_no_number(bundle, builder, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(OptionError, match=rf"{variable} .*'{value}'"):
        deepbiq.load(bundle.path, engine="tensorrt")


def test_no_scratch_memory_at_all_is_no_limit(bundle, builder, monkeypatch):
    monkeypatch.setenv("DEEPBIQ_WORKSPACE_MIB", "0")
    with pytest.raises(OptionError, match="from 1 to 999999999, got '0'"):
        deepbiq.load(bundle.path, engine="tensorrt")


def test_auto_takes_tensorrt_where_it_works(bundle, builder, caplog):
    with deepbiq.load(bundle.path) as scorer:
        assert scorer.identity()["engine"] == "tensorrt"
    assert "engine auto" not in caplog.text


def lines_of(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "deepbiq"]


def test_auto_says_in_one_line_why_a_device_is_not_used(bundle, monkeypatch, caplog):
    def missing():
        raise EngineError("TensorRT is not installed: pip install tensorrt")

    monkeypatch.setattr(automatic, "find_device", lambda: ORIN)
    monkeypatch.setattr(prepare, "find_machine", missing)
    with deepbiq.load(bundle.path) as scorer:
        assert scorer.identity()["engine"] == "onnxruntime"
        assert scorer.identity()["precision"] == "fp32"
    assert lines_of(caplog) == [
        "deepbiq: engine auto takes onnxruntime, not tensorrt: TensorRT is not installed: pip install tensorrt"
    ]


def test_auto_does_not_build_again_what_was_refused(bundle, builder, caplog):
    builder.plans = [plan_of((1, 96, 96), (1, 1280, 1280), shift=5)]
    for _ in range(3):
        with deepbiq.load(bundle.path) as scorer:
            assert scorer.identity()["engine"] == "onnxruntime"
    assert len(builder.requests) == 1
    first, second, third, fourth = lines_of(caplog)
    assert "building a TensorRT engine" in first
    assert "NOT reproduced" in second
    assert third == fourth
    assert f"`deepbiq build {bundle.path} --target tensorrt --precision fp16 --plan dense` tries again" in third


def test_the_command_that_builds_an_engine_of_the_default_bundle_does_not_name_it(machine):
    bundle = open_bundle(default_bundle_path())
    preparation = Preparation(machine, bundle, requested(bundle, "int8", "crops"))
    assert preparation.build_command() == ("deepbiq build --target tensorrt --precision int8-tensorrt --plan crops")


@pytest.mark.parametrize(("installed", "lines"), [(False, 0), (True, 1)])
def test_a_machine_without_a_device_is_told_so_only_where_tensorrt_is_installed(
    bundle, monkeypatch, caplog, installed, lines
):
    def none():
        raise NoDeviceError("no NVIDIA driver on this machine")

    monkeypatch.setattr(automatic, "find_device", none)
    monkeypatch.setattr(automatic, "find_spec", lambda name: (name == "tensorrt" and installed) or None)
    with deepbiq.load(bundle.path) as scorer:
        assert scorer.identity()["engine"] == "onnxruntime"
    assert len(lines_of(caplog)) == lines


def test_auto_with_an_unknown_precision(bundle, builder):
    with pytest.raises(OptionError, match="fp64"):
        deepbiq.load(bundle.path, precision="fp64")


def test_a_note_is_one_line_on_stderr(capfd):
    logger = logging.getLogger("deepbiq")
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []  # pytest's own
    try:
        logger.warning("deepbiq: %s", "one line")
    finally:
        root.handlers = handlers
    assert capfd.readouterr() == ("", "deepbiq: one line\n")


def test_the_builder_is_found_by_its_entry_point():
    pytest.importorskip("deepbiq_export", reason="the builder lives in another room")
    assert {"request", "target", "timing_cache"} <= inspect.signature(prepare.find_builder()).parameters.keys()
