"""The two packages that give access to CUDA. Where there is no device the real one is asked all the same."""

import numpy as np
import pytest

from deepbiq.cuda import IMPLEMENTATIONS, Cuda, find_device, installed, open_cuda
from deepbiq.cuda.capture import capture
from deepbiq.cuda.resources import Resources
from deepbiq.cuda.with_bindings import CudaBindings
from deepbiq.cuda.with_pycuda import PyCuda
from deepbiq.engines.tensorrt.staging import StagedTensor, Staging
from deepbiq.errors import EngineError
from tests.runtime.cuda.memory_cuda import MemoryCuda


def device_or_skip():
    try:
        return find_device()
    except EngineError as error:
        pytest.skip(str(error))


def without_device():
    try:
        found = find_device()
    except EngineError:
        return
    pytest.skip(f"there is a device: {found.name}")


@pytest.fixture
def bindings_without_a_device():
    """The real cuda-bindings, past the constructor that finds no device."""
    without_device()
    runtime = pytest.importorskip("cuda.bindings.runtime", reason="pip install cuda-bindings")
    cuda = object.__new__(CudaBindings)
    cuda._runtime = runtime
    return cuda


def test_cuda_bindings_without_a_driver_is_an_error_with_cudas_name_for_it():
    without_device()
    pytest.importorskip("cuda.bindings", reason="pip install cuda-bindings")
    with pytest.raises(EngineError, match=r"CUDA: cudaGetDeviceCount failed: cudaError\w+ \(.+\)"):
        open_cuda("cuda-bindings")


HOST = np.zeros(8, np.uint8)


@pytest.mark.parametrize(
    ("method", "arguments", "function"),
    [
        ("allocate", (8,), "cudaMalloc"),
        ("device_address", (HOST,), "cudaHostGetDevicePointer"),
        ("create_stream", (), "cudaStreamCreateWithFlags"),
        ("synchronize", (5,), "cudaStreamSynchronize"),
        ("create_event", (), "cudaEventCreateWithFlags"),
        ("record", (5, 6), "cudaEventRecord"),
        ("wait", (5,), "cudaEventSynchronize"),
        ("copy_to_device", (5, HOST, 6), "cudaMemcpyAsync"),
        ("copy_to_host", (HOST, 5, 6), "cudaMemcpyAsync"),
        ("begin_capture", (5,), "cudaStreamBeginCapture"),
        ("end_capture", (5,), "cudaStreamEndCapture"),
        ("instantiate", (5,), "cudaGraphInstantiate"),
        ("launch", (5, 6), "cudaGraphLaunch"),
    ],
)
def test_cuda_bindings_takes_every_call_and_answers_by_its_name(
    bindings_without_a_device, method, arguments, function
):
    """The package takes the arguments apart before the driver fails, so wrong ones would be TypeErrors."""
    with pytest.raises(EngineError, match=f"CUDA: {function} failed: cudaError"):
        getattr(bindings_without_a_device, method)(*arguments)


@pytest.mark.parametrize("mapped", [True, False])
def test_cuda_bindings_page_locked_memory(bindings_without_a_device, mapped):
    with pytest.raises(EngineError, match="cudaHostAlloc failed"):
        bindings_without_a_device.allocate_host(8, mapped=mapped)


def test_the_first_package_that_is_installed_is_taken(monkeypatch):
    def missing():
        raise ImportError("No module named 'cuda'")

    cuda = MemoryCuda()
    monkeypatch.setattr(installed, "IMPLEMENTATIONS", {"one": missing, "two": lambda: cuda, "three": missing})
    assert open_cuda() is cuda
    with pytest.raises(EngineError, match=r"No module named 'cuda'.*pip install cuda-bindings"):
        open_cuda("one")


def test_a_package_that_is_installed_and_fails_is_not_passed_over(monkeypatch):
    def failing():
        raise EngineError("the driver is too old")

    monkeypatch.setattr(installed, "IMPLEMENTATIONS", {"one": failing, "two": MemoryCuda})
    with pytest.raises(EngineError, match="too old"):
        open_cuda()


@pytest.mark.parametrize("implementation", [CudaBindings, PyCuda, MemoryCuda])
def test_every_implementation_has_every_call(implementation):
    wanted = {name for name in vars(Cuda) if not name.startswith("_")}
    assert wanted <= set(vars(implementation))
    assert "launch" in wanted


@pytest.fixture(params=[*IMPLEMENTATIONS])
def cuda(request):
    device_or_skip()
    try:
        return open_cuda(request.param)
    except EngineError as error:
        pytest.skip(str(error))


@pytest.mark.gpu
@pytest.mark.parametrize("staging", Staging)
def test_bytes_go_to_the_device_and_come_back(cuda, staging):
    if staging is Staging.MAPPED and not device_or_skip().integrated:
        pytest.skip("the device has its own memory")
    sent = np.random.default_rng(0).integers(0, 256, 100_000, dtype=np.uint8)
    with cuda.active(), Resources(cuda) as resources:
        stream, event = resources.stream(), resources.event()
        tensor = StagedTensor(resources, sent.size, staging)
        tensor.host[:] = sent
        tensor.upload(sent.size, stream)
        if staging is not Staging.MAPPED:
            cuda.synchronize(stream)
            tensor.host[:] = 0
        tensor.download(sent.size, stream)
        cuda.record(event, stream)
        cuda.wait(event)
        np.testing.assert_array_equal(tensor.host, sent)


@pytest.mark.gpu
def test_a_captured_copy_is_done_at_every_launch(cuda):
    with cuda.active(), Resources(cuda) as resources:
        stream = resources.stream()
        host, address = resources.host_memory(64, mapped=False), resources.device_memory(64)
        graph = capture(cuda, stream, lambda: cuda.copy_to_host(host, address, stream))
        try:
            for value in (1, 2):
                host[:] = value
                cuda.copy_to_device(address, host, stream)
                cuda.synchronize(stream)
                host[:] = 0
                cuda.launch(graph, stream)
                cuda.synchronize(stream)
                assert (host == value).all()
        finally:
            cuda.destroy_executable(graph)


@pytest.mark.gpu
def test_too_much_memory_is_an_error_and_not_the_end(cuda):
    with cuda.active(), Resources(cuda) as resources:
        with pytest.raises(EngineError, match="CUDA: "):
            resources.device_memory(1 << 50)
        assert resources.device_memory(64)
