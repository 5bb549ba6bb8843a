"""Copies and compute apart: on a driver made of a C file, on a CUDA in memory, and on a device if there is one."""

import ctypes
import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import deepbiq
from deepbiq.cuda.driver import Driver
from deepbiq.engines.tensorrt.engine import TensorRTEngine
from deepbiq.engines.tensorrt.prepare import find_machine
from deepbiq.errors import EngineError
from deepbiq_benchmarks.latency import Load
from deepbiq_benchmarks.latency_events import Events, WatchedCuda, measure_events, summaries
from deepbiq_benchmarks.latency_picture import make_picture
from tests.runtime.cuda.memory_cuda import MemoryCuda
from tests.runtime.engines.conftest import DESKTOP, ORIN, cuda_of, tiny_graph
from tests.runtime.engines.memory_tensorrt import mean_colours, plan_of

STREAM = 0x7FFF00000001


class CountingEvents:
    """A clock that goes on by one millisecond with every mark."""

    def __init__(self):
        self._marks = itertools.count(1)

    def mark(self, stream):
        return next(self._marks)

    def elapsed_ms(self, start, end):
        return float(end - start)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to make a driver of")
    made = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    source = Path(__file__).with_name("event_library.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(made), str(source)], check=True)
    return Driver(str(made))


def test_time_between_marks_and_nothing_is_left(driver):
    events = Events(driver)
    first, second, third = (events.mark(STREAM) for _ in range(3))
    assert events.elapsed_ms(first, third) == 3
    last = events.mark(STREAM)
    assert events.elapsed_ms(second, last) == 3
    alive = ctypes.c_int()
    driver.call("eventsAlive", ctypes.byref(alive))
    assert alive.value == 0


def test_a_driver_that_fails_is_an_error(driver):
    with pytest.raises(EngineError, match="cuEventRecord failed: CUDA_ERROR_TEST"):
        Events(driver).mark(1)


@pytest.mark.parametrize(
    ("device", "first", "later"),
    [
        (DESKTOP, {"upload": 1, "download": 1}, {"upload": 1, "compute": 1, "download": 1}),
        (ORIN, {}, {"compute": 1}),
    ],
)
def test_every_copy_and_launch_is_timed(monkeypatch, device, first, later):
    """The first run of a shape is an ordinary one, without a launch; integrated devices copy nothing."""
    cuda = cuda_of(monkeypatch)
    watched = WatchedCuda(cuda, CountingEvents())
    engine = TensorRTEngine(plan_of(), tiny_graph(), device=device, cuda=watched)
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    for expected in (first, later, later):
        np.testing.assert_allclose(engine.features(images), mean_colours(images), rtol=1e-6)
        assert watched.take_ms() == expected
    for _ in range(2):
        engine.features(images)
    assert watched.take_ms() == {work: 2 * ms for work, ms in later.items()}
    assert not watched.take_ms()
    engine.close()
    assert not cuda.live


def test_everything_else_is_that_of_the_cuda_behind():
    cuda = MemoryCuda()
    watched = WatchedCuda(cuda, CountingEvents())
    with watched.active():
        watched.free(watched.allocate(8))
    assert (watched.name, cuda.live) == ("memory", {})
    with pytest.raises(AttributeError):
        watched.nothing  # noqa: B018


def test_work_that_was_not_there_is_none():
    told = summaries([{"compute": 1.0}, {"compute": 3.0}])
    assert told["upload"] is None
    assert told["download"] is None
    assert told["compute"]["p50_ms"] == 2


@pytest.mark.gpu
@pytest.mark.tensorrt
@pytest.mark.slow
@pytest.mark.parametrize("plan", ["dense", "random:25"])
def test_on_a_device(monkeypatch, tmp_path, plan):
    try:
        find_machine()
    except EngineError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path))
    with deepbiq.load(engine="tensorrt", precision="fp32", plan=plan) as scorer:
        found = measure_events(scorer, make_picture(), Load(10, 3))
        infer_ms = min(scorer(make_picture().source).timing.infer for _ in range(20))
    assert found["n"] == 10
    assert 0 < found["compute"]["min_ms"] <= infer_ms
