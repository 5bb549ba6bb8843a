"""CUDA by NVIDIA's package cuda-bindings: its runtime API, which uses the primary context by itself."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.cuda.device import cuda_version
from deepbiq.errors import EngineError

DEVICE = 0


class CudaBindings:
    """See `Cuda`.

    Raises:
        ImportError: When cuda-bindings is not installed.
        EngineError: When CUDA finds no device, or the driver is too old for the package.
    """

    def __init__(self) -> None:
        from cuda.bindings import runtime

        self._runtime: Any = runtime
        self.name = f"cuda-bindings {version('cuda-bindings')}"
        self.runtime = cuda_version(self._call("cudaRuntimeGetVersion"))
        if not self._call("cudaGetDeviceCount"):
            raise EngineError(f"{self.name} finds no CUDA device")

    def _call(self, function: str, *arguments: Any) -> Any:
        """Calls a function, which returns its error code and its results, and returns the first result."""
        code, *results = getattr(self._runtime, function)(*arguments)
        if code != self._runtime.cudaError_t.cudaSuccess:
            text = self._runtime.cudaGetErrorString(code)[1]
            raise EngineError(f"CUDA: {function} failed: {code.name} ({text.decode()})")
        return results[0] if results else None

    @contextmanager
    def active(self) -> Iterator[None]:
        """See `Cuda`."""
        before = self._call("cudaGetDevice")
        self._call("cudaSetDevice", DEVICE)
        try:
            yield
        finally:
            if before != DEVICE:
                self._call("cudaSetDevice", before)

    def allocate(self, size: int) -> int:
        """See `Cuda`."""
        return int(self._call("cudaMalloc", size))

    def free(self, address: int) -> None:
        """See `Cuda`."""
        self._call("cudaFree", address)

    def allocate_host(self, size: int, *, mapped: bool) -> npt.NDArray[np.uint8]:
        """See `Cuda`."""
        flags = self._runtime.cudaHostAllocMapped if mapped else self._runtime.cudaHostAllocDefault
        address = int(self._call("cudaHostAlloc", size, flags))
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))

    def free_host(self, host: npt.NDArray[np.uint8]) -> None:
        """See `Cuda`."""
        self._call("cudaFreeHost", host.ctypes.data)

    def device_address(self, host: npt.NDArray[np.uint8]) -> int:
        """See `Cuda`."""
        return int(self._call("cudaHostGetDevicePointer", host.ctypes.data, 0))

    def create_stream(self) -> int:
        """See `Cuda`."""
        return int(self._call("cudaStreamCreateWithFlags", self._runtime.cudaStreamNonBlocking))

    def destroy_stream(self, stream: int) -> None:
        """See `Cuda`."""
        self._call("cudaStreamDestroy", stream)

    def synchronize(self, stream: int) -> None:
        """See `Cuda`."""
        self._call("cudaStreamSynchronize", stream)

    def create_event(self) -> int:
        """See `Cuda`."""
        flags = self._runtime.cudaEventBlockingSync | self._runtime.cudaEventDisableTiming
        return int(self._call("cudaEventCreateWithFlags", flags))

    def destroy_event(self, event: int) -> None:
        """See `Cuda`."""
        self._call("cudaEventDestroy", event)

    def record(self, event: int, stream: int) -> None:
        """See `Cuda`."""
        self._call("cudaEventRecord", event, stream)

    def wait(self, event: int) -> None:
        """See `Cuda`."""
        self._call("cudaEventSynchronize", event)

    def copy_to_device(self, address: int, host: npt.NDArray[np.uint8], stream: int) -> None:
        """See `Cuda`."""
        direction = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpyAsync", address, host.ctypes.data, host.nbytes, direction, stream)

    def copy_to_host(self, host: npt.NDArray[np.uint8], address: int, stream: int) -> None:
        """See `Cuda`."""
        direction = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpyAsync", host.ctypes.data, address, host.nbytes, direction, stream)

    def begin_capture(self, stream: int) -> None:
        """See `Cuda`."""
        # Thread-local: what other threads allocate meanwhile must not end the capture.
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", stream, mode)

    def end_capture(self, stream: int) -> int:
        """See `Cuda`."""
        return int(self._call("cudaStreamEndCapture", stream))

    def destroy_graph(self, graph: int) -> None:
        """See `Cuda`."""
        self._call("cudaGraphDestroy", graph)

    def instantiate(self, graph: int) -> int:
        """See `Cuda`."""
        return int(self._call("cudaGraphInstantiate", graph, 0))

    def destroy_executable(self, executable: int) -> None:
        """See `Cuda`."""
        self._call("cudaGraphExecDestroy", executable)

    def launch(self, executable: int, stream: int) -> None:
        """See `Cuda`."""
        self._call("cudaGraphLaunch", executable, stream)
