"""The whole way on a real device: build, prove, run, with CUDA graphs and several threads. Skipped elsewhere."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import deepbiq
from deepbiq.bundle import default_bundle_path, open_bundle
from deepbiq.cuda import IMPLEMENTATIONS, open_cuda
from deepbiq.engines.tensorrt import prepare
from deepbiq.engines.tensorrt.prepare import Preparation, find_machine, requested
from deepbiq.errors import EngineError
from deepbiq.golden import TOLERANCE

pytestmark = [pytest.mark.gpu, pytest.mark.tensorrt, pytest.mark.slow]
BUNDLE = open_bundle(default_bundle_path())
KEYS = [key for key in BUNDLE.manifest["graphs"] if key != "int8-cpu"]


@pytest.fixture(scope="module", params=[*IMPLEMENTATIONS])
def machine(request, tmp_path_factory):
    """This machine, with each CUDA package; engines are built anew, in a folder of the tests' own."""
    try:
        found = find_machine()
        cuda = open_cuda(request.param)
    except EngineError as error:
        pytest.skip(str(error))
    made = prepare.Machine(
        found.device, cuda, prepare.environment_of(found.device, cuda, found.environment.tensorrt)
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path_factory.mktemp("cache")))
        monkeypatch.setattr(prepare, "find_machine", lambda: made)
        yield made


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("plan", ["dense", "random:25"])
def test_scores_are_those_of_onnx_runtime(machine, samples, key, plan):
    with (
        deepbiq.load(engine="tensorrt", precision=key, plan=plan) as ours,
        deepbiq.load(engine="onnxruntime", precision=key, plan=plan) as reference,
    ):
        for path in samples:
            expected = reference(path).score
            for _ in range(3):  # an ordinary run, a captured one, a launched one
                assert ours(path).score == pytest.approx(expected, abs=TOLERANCE[key.partition("-")[0]])


def test_threads_get_their_own_scores(machine, samples):
    with deepbiq.load(engine="tensorrt", precision="fp32") as scorer:
        expected = [scorer(path).score for path in samples]
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda path: scorer(path).score, samples * 10))
    np.testing.assert_allclose(found, expected * 10, atol=0.01)


def test_large_pictures_are_cut_into_tiles(machine, samples):
    picture = np.tile(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), (10, 30, 1))
    with (
        deepbiq.load(engine="tensorrt", precision="fp32", scale="native") as ours,
        deepbiq.load(engine="onnxruntime", precision="fp32", scale="native") as reference,
    ):
        assert ours(picture).score == pytest.approx(reference(picture).score, abs=0.5)


def test_graphs_are_captured(machine):
    preparation = Preparation(machine, BUNDLE, requested(BUNDLE, "fp32", "crops"))
    engine = preparation.load(preparation.obtain().plan)
    launched = []
    launch = machine.cuda.launch
    images = np.random.default_rng(0).integers(0, 256, (25, 224, 224, 3), dtype=np.uint8)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(machine.cuda, "launch", lambda *a: launched.append(a) or launch(*a))
        ordinary, *others = [engine.features(images) for _ in range(3)]
    engine.close()
    assert len(launched) == 2
    for features in others:
        np.testing.assert_array_equal(features, ordinary)


def test_a_damaged_plan_is_built_again(machine):
    preparation = Preparation(machine, BUNDLE, requested(BUNDLE, "fp32", "crops"))
    path = preparation.obtain().path
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert "SHA-256" in preparation.find()
    preparation.start().close()


def test_what_is_no_plan_is_refused_with_tensorrts_reason(machine):
    preparation = Preparation(machine, BUNDLE, requested(BUNDLE, "fp32", "crops"))
    with pytest.raises(EngineError, match=r"cannot load the plan: .+"):
        preparation.load(b"not a plan" * 1000)
