"""The TensorRT engine on a TensorRT and a CUDA in memory: what it owns, when it waits, what it gives back."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest

from deepbiq.engines.tensorrt.engine import TensorRTEngine
from deepbiq.engines.tensorrt.lane import KEPT_SHAPES
from deepbiq.errors import EngineError
from tests.runtime.engines.conftest import DESKTOP, FIRST_NANO, ORIN, cuda_of, tiny_graph
from tests.runtime.engines.memory_tensorrt import mean_colours, plan_of

DENSE = {"minimum": (1, 96, 96), "maximum": (1, 1280, 1280)}


def engine_on(cuda, device=DESKTOP, **plan):
    return TensorRTEngine(plan_of(**plan), tiny_graph(), device=device, cuda=cuda)


def pictures(count=2, height=96, width=96, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def nothing_is_left(cuda):
    gc.collect()
    return not cuda.live and not cuda.depth and not cuda.tensorrt.contexts and not cuda.tensorrt.engines


@pytest.mark.parametrize(
    ("device", "kinds", "copies"),
    [
        (DESKTOP, ["device memory", "device memory", "device memory", "pinned memory", "pinned memory"], 2),
        (ORIN, ["device memory", "mapped memory", "mapped memory"], 0),
        (FIRST_NANO, ["device memory", "device memory", "device memory"], 2),
    ],
)
def test_memory_is_what_suits_the_device(cuda, device, kinds, copies):
    engine = engine_on(cuda, device)
    images = pictures()
    np.testing.assert_allclose(engine.features(images), mean_colours(images), rtol=1e-6)
    assert sorted(kind for kind, _ in cuda.live.values() if "memory" in kind) == kinds
    assert cuda.copied == copies
    engine.close()
    assert nothing_is_left(cuda)


def test_the_first_run_is_ordinary_the_second_captures_later_ones_launch(cuda):
    engine = engine_on(cuda)
    for seed in range(4):
        images = pictures(seed=seed)
        np.testing.assert_allclose(engine.features(images), mean_colours(images), rtol=1e-6)
    calls = cuda.faults.calls
    assert [calls.count(name) for name in ("execute_async_v3", "begin_capture", "launch")] == [2, 1, 3]
    assert calls.index("execute_async_v3") < calls.index("begin_capture")


def test_every_shape_has_its_own_graph_and_context(cuda):
    engine = engine_on(cuda, **DENSE)
    for _ in range(3):
        for width in (96, 128, 160):
            images = pictures(1, 96, width)
            np.testing.assert_allclose(engine.features(images), mean_colours(images), rtol=1e-6)
    assert cuda.faults.calls.count("begin_capture") == 3
    assert cuda.tensorrt.contexts == 3


def test_a_shape_that_was_not_needed_for_long_makes_room(cuda):
    engine = engine_on(cuda, **DENSE)
    widths = [96 + 32 * step for step in range(KEPT_SHAPES + 1)]
    for width in (*widths[:-1], widths[0], widths[-1]):
        engine.features(pictures(1, 96, width))
        engine.features(pictures(1, 96, width))
    assert cuda.tensorrt.contexts == KEPT_SHAPES
    captures = cuda.faults.calls.count("begin_capture")
    engine.features(pictures(1, 96, widths[0]))
    assert cuda.faults.calls.count("begin_capture") == captures
    for _ in range(2):
        engine.features(pictures(1, 96, widths[1]))
    assert cuda.faults.calls.count("begin_capture") == captures + 1


@pytest.mark.parametrize("fault", ["begin_capture", "end_capture", "instantiate"])
def test_where_capturing_is_impossible_all_runs_are_ordinary(monkeypatch, fault):
    cuda = cuda_of(monkeypatch)
    monkeypatch.setattr(cuda.faults, "hit", lambda name: cuda.faults.calls.append(name) or name == fault)
    engine = engine_on(cuda)
    images = pictures()
    for _ in range(3):
        np.testing.assert_allclose(engine.features(images), mean_colours(images), rtol=1e-6)
    assert cuda.faults.calls.count(fault) == 1
    assert "launch" not in cuda.faults.calls
    engine.close()
    assert nothing_is_left(cuda)


def scenario(cuda):
    """Everything that an engine does in its life: two shapes, captured and launched, and the end."""
    engine = engine_on(cuda, **DENSE)
    try:
        for width in (96, 96, 128, 96):
            images = pictures(1, 96, width)
            np.testing.assert_allclose(engine.features(images), mean_colours(images), rtol=1e-6)
    finally:
        try:
            engine.close()
        except EngineError:
            engine.close()  # closing may be tried again
            raise


def calls_of_scenario():
    with pytest.MonkeyPatch.context() as monkeypatch:
        cuda = cuda_of(monkeypatch)
        scenario(cuda)
    return cuda.faults.calls


@pytest.mark.parametrize(("number", "name"), list(enumerate(calls_of_scenario(), start=1)))
def test_whatever_fails_everything_is_given_back(monkeypatch, number, name):
    """`name` is the call that fails. Only a capture that fails may be survived: ordinary runs do as well."""
    cuda = cuda_of(monkeypatch, fail_at=number)
    capturing = cuda.faults.calls  # filled by the scenario
    survivable = {"begin_capture", "end_capture", "instantiate", "destroy_executable", "destroy_graph"}
    with suppress(EngineError):
        scenario(cuda)
        assert name in survivable or (name == "execute_async_v3" and "begin_capture" in capturing)
    assert nothing_is_left(cuda)


def test_a_call_that_failed_does_not_harm_the_next_one(monkeypatch):
    cuda = cuda_of(monkeypatch)
    engine = engine_on(cuda)
    images = pictures()
    engine.features(images)
    cuda.faults.fail_at = len(cuda.faults.calls) + 2  # copy_to_device
    with pytest.raises(EngineError):
        engine.features(images)
    assert cuda.tensorrt.contexts == 0
    np.testing.assert_allclose(engine.features(images), mean_colours(images), rtol=1e-6)


def test_calls_at_the_same_time_share_nothing(cuda):
    engine = engine_on(cuda)
    together = threading.Barrier(4, timeout=30)
    cuda.tensorrt.while_running = together.wait
    several = [pictures(seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(engine.features, several))
    for images, features in zip(several, results, strict=True):
        np.testing.assert_allclose(features, mean_colours(images), rtol=1e-6)
    assert cuda.tensorrt.contexts == 4
    assert sum(kind == "stream" for kind, _ in cuda.live.values()) == 4
    engine.close()
    assert nothing_is_left(cuda)


def test_threads_that_come_and_go_leave_nothing_behind(cuda):
    engine = engine_on(cuda)
    for seed in range(5):
        thread = threading.Thread(target=engine.features, args=(pictures(seed=seed),))
        thread.start()
        thread.join()
    assert sum(kind == "stream" for kind, _ in cuda.live.values()) == 1


def test_a_call_that_is_at_work_when_the_engine_is_closed_finishes_and_frees(cuda):
    engine = engine_on(cuda)
    cuda.tensorrt.while_running = engine.close
    images = pictures()
    np.testing.assert_allclose(engine.features(images), mean_colours(images), rtol=1e-6)
    assert nothing_is_left(cuda)


def test_a_closed_engine_says_so(cuda):
    engine = engine_on(cuda)
    engine.features(pictures())
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.features(pictures())
    assert nothing_is_left(cuda)


def test_the_array_belongs_to_the_caller(cuda):
    engine = engine_on(cuda, ORIN)
    first = engine.features(pictures(seed=1))
    before = first.copy()
    engine.features(pictures(seed=2))
    engine.close()
    np.testing.assert_array_equal(first, before)
    assert first.flags.writeable


def test_a_batch_that_the_engine_was_not_built_for_is_filled_up(cuda):
    """An engine for a deep learning accelerator takes exactly one shape."""
    engine = engine_on(cuda, minimum=(25, 96, 96), maximum=(25, 96, 96))
    images = pictures(3)
    np.testing.assert_allclose(engine.features(images), mean_colours(images), rtol=1e-6)
    assert engine.crops_per_pass == 25


@pytest.mark.parametrize(
    "images",
    [
        pictures(33),
        pictures(0),
        pictures(1, 128, 96),
        pictures(1)[..., :2],
        pictures(1)[0],
        pictures(1).astype(np.float32),
    ],
)
def test_what_the_engine_does_not_take_is_refused_with_its_shape(cuda, images):
    with pytest.raises(EngineError, match=r"\(1, 96, 96\) to \(32, 96, 96\)") as refusal:
        engine_on(cuda).features(images)
    assert str(images.shape) in str(refusal.value)


@pytest.mark.parametrize("shift", [float("nan"), float("inf")])
def test_features_that_are_no_numbers_never_become_a_score(cuda, shift):
    with pytest.raises(EngineError, match="NaN or infinite"):
        engine_on(cuda, shift=shift).features(pictures())


def test_what_tensorrt_says_of_a_plan_that_it_refuses_reaches_the_user(cuda):
    with pytest.raises(EngineError, match=r"Version tag does not match\. Note: Current Version: 213") as refusal:
        TensorRTEngine(b"not a plan", tiny_graph(), device=DESKTOP, cuda=cuda)
    assert "not worth keeping" not in str(refusal.value)


@pytest.mark.parametrize("names", [{"input": "pixels"}, {"output": "score"}])
def test_other_tensors_than_the_graphs_are_refused(cuda, names):
    with pytest.raises(EngineError, match=next(iter(names.values()))):
        engine_on(cuda, **names)


def test_other_features_than_the_graphs_are_refused(cuda):
    engine = TensorRTEngine(plan_of(), tiny_graph(feature_size=4), device=DESKTOP, cuda=cuda)
    with pytest.raises(EngineError, match=r"\(2, 3, 3, 3\) of input \(2, 96, 96, 3\), not \(2, 4, 3, 3\)"):
        engine.features(pictures())
    with suppress(EngineError):
        engine.close()
    assert nothing_is_left(cuda)


def test_an_engine_without_scratch_memory(cuda):
    engine = engine_on(cuda, scratch=0)
    images = pictures()
    np.testing.assert_allclose(engine.features(images), mean_colours(images), rtol=1e-6)


def test_what_scores_need_to_know_of_the_engine(cuda):
    engine = engine_on(cuda, **DENSE)
    assert (engine.name, engine.precision, engine.version) == ("tensorrt", "fp32", "10.3.0")
    assert (engine.crops_per_pass, engine.longest_side) == (1, 1280)


@pytest.mark.parametrize("version", ["8.6.1", "9.3.0"])
def test_a_tensorrt_that_is_too_old_is_refused(cuda, version):
    cuda.tensorrt.__version__ = version
    with pytest.raises(EngineError, match=f"{version} is too old"):
        engine_on(cuda)
