import pytest

from deepbiq.cuda.capture import capture
from deepbiq.cuda.resources import Resources
from deepbiq.errors import EngineError
from tests.runtime.cuda.memory_cuda import Faults, MemoryCuda


def take_one_of_each(resources):
    resources.stream()
    resources.event()
    resources.device_memory(8)
    resources.host_memory(8, mapped=True)


def test_everything_is_given_back_last_first():
    cuda = MemoryCuda()
    with cuda.active():
        resources = Resources(cuda)
        take_one_of_each(resources)
        assert len(cuda.live) == 4
        resources.close()
        resources.close()
    assert not cuda.live
    assert cuda.faults.calls[-4:] == ["free_host", "free", "destroy_event", "destroy_stream"]


@pytest.mark.parametrize("fail_at", range(2, 6))
def test_what_was_taken_before_a_fault_is_given_back(fail_at):
    cuda = MemoryCuda(Faults(fail_at))
    with pytest.raises(EngineError, match="injected"), cuda.active(), Resources(cuda) as resources:
        take_one_of_each(resources)
    assert not cuda.live


@pytest.mark.parametrize("fail_at", range(6, 10))
def test_one_that_cannot_be_given_back_does_not_keep_the_others(fail_at):
    cuda = MemoryCuda(Faults(fail_at))
    with pytest.raises(EngineError, match="injected"), cuda.active(), Resources(cuda) as resources:
        take_one_of_each(resources)
    assert not cuda.live


def test_the_first_fault_is_the_one_that_is_reported():
    cuda = MemoryCuda(Faults(6))
    with cuda.active():
        resources = Resources(cuda)
        take_one_of_each(resources)
        resources.__exit__(KeyError, KeyError("first"), None)  # raises nothing in the place of the first
    assert not cuda.live


def test_a_graph_is_what_was_given_to_the_stream():
    cuda = MemoryCuda()
    done = []
    with cuda.active(), Resources(cuda) as resources:
        stream = resources.stream()
        graph = capture(cuda, stream, lambda: cuda.enqueue(stream, lambda: done.append(1)))
        cuda.synchronize(stream)
        assert done == []
        for _ in range(3):
            cuda.launch(graph, stream)
        cuda.synchronize(stream)
        assert done == [1, 1, 1]
        cuda.destroy_executable(graph)
    assert not cuda.live


def test_work_that_fails_ends_the_capture_and_keeps_its_own_error():
    def fails():
        raise EngineError("TensorRT says no")

    cuda = MemoryCuda()
    with cuda.active(), Resources(cuda) as resources:
        stream = resources.stream()
        with pytest.raises(EngineError, match="TensorRT says no"):
            capture(cuda, stream, fails)
        done = []
        cuda.enqueue(stream, lambda: done.append(1))
        cuda.synchronize(stream)
        assert done == [1]
    assert not cuda.live
