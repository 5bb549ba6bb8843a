"""CUDA by the package pycuda: its driver API, with the primary context of the device and never one of its own.

`pycuda.autoinit` is not used: it makes a context of its own, current on the importing thread only. The primary
context is retained once for the process and pushed by every thread for as long as it works with it.
"""

from __future__ import annotations

import atexit
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.cuda.driver import Driver
from deepbiq.errors import EngineError

DEVICE = 0
_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING in cuda.h, which pycuda does not name."""
_THREAD_LOCAL = 1
"""CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads allocate meanwhile must not end the capture."""


@cache
def _primary_context() -> Any:
    from pycuda import driver

    driver.init()
    context = driver.Device(DEVICE).retain_primary_context()
    # Not before the process ends: pycuda releases it only on the thread that took it, and leaves it current there.
    # Left to itself it would detach it at the end as if it were not the primary one, and complain that this fails.
    atexit.register(context.detach)
    return context


class PyCuda:
    """See `Cuda`.

    Raises:
        ImportError: When pycuda is not installed.
        EngineError: When CUDA finds no device.
    """

    def __init__(self) -> None:
        import pycuda
        from pycuda import driver

        self._driver: Any = driver
        self.name = f"pycuda {pycuda.VERSION_TEXT}"
        self.runtime = ".".join(map(str, driver.get_version()[:2]))
        with self._named_errors():
            self._context = _primary_context()
        # pycuda has no graphs, but the driver is there; handles are the same.
        self._graphs = Driver()
        self._objects: dict[int, Any] = {}
        """What pycuda frees when nobody refers to it any more, by address or handle."""

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except self._driver.Error as error:
            # pycuda's message begins with the function that failed.
            raise EngineError(f"CUDA: {error}") from error

    @contextmanager
    def active(self) -> Iterator[None]:
        """See `Cuda`."""
        with self._named_errors():
            self._context.push()
        try:
            yield
        finally:
            with self._named_errors():
                self._context.pop()

    def allocate(self, size: int) -> int:
        """See `Cuda`."""
        with self._named_errors():
            memory = self._driver.mem_alloc(size)
        self._objects[int(memory)] = memory
        return int(memory)

    def free(self, address: int) -> None:
        """See `Cuda`."""
        with self._named_errors():
            self._objects.pop(address).free()

    def allocate_host(self, size: int, *, mapped: bool) -> npt.NDArray[np.uint8]:
        """See `Cuda`."""
        flags = self._driver.host_alloc_flags.DEVICEMAP if mapped else 0
        with self._named_errors():
            host: npt.NDArray[np.uint8] = self._driver.pagelocked_empty(size, np.uint8, mem_flags=flags)
        return host

    def free_host(self, host: npt.NDArray[np.uint8]) -> None:
        """See `Cuda`."""
        allocation: Any = host.base
        with self._named_errors():
            allocation.free()

    def device_address(self, host: npt.NDArray[np.uint8]) -> int:
        """See `Cuda`."""
        allocation: Any = host.base
        with self._named_errors():
            return int(allocation.get_device_pointer())

    def create_stream(self) -> int:
        """See `Cuda`."""
        with self._named_errors():
            stream = self._driver.Stream(_NON_BLOCKING)
        self._objects[stream.handle] = stream
        return int(stream.handle)

    def destroy_stream(self, stream: int) -> None:
        """See `Cuda`."""
        del self._objects[stream]

    def synchronize(self, stream: int) -> None:
        """See `Cuda`."""
        with self._named_errors():
            self._objects[stream].synchronize()

    def create_event(self) -> int:
        """See `Cuda`."""
        flags = self._driver.event_flags.BLOCKING_SYNC | self._driver.event_flags.DISABLE_TIMING
        with self._named_errors():
            event = self._driver.Event(flags)
        self._objects[id(event)] = event
        return id(event)

    def destroy_event(self, event: int) -> None:
        """See `Cuda`."""
        del self._objects[event]

    def record(self, event: int, stream: int) -> None:
        """See `Cuda`."""
        with self._named_errors():
            self._objects[event].record(self._objects[stream])

    def wait(self, event: int) -> None:
        """See `Cuda`."""
        with self._named_errors():
            self._objects[event].synchronize()

    def copy_to_device(self, address: int, host: npt.NDArray[np.uint8], stream: int) -> None:
        """See `Cuda`."""
        with self._named_errors():
            self._driver.memcpy_htod_async(address, host, self._objects[stream])

    def copy_to_host(self, host: npt.NDArray[np.uint8], address: int, stream: int) -> None:
        """See `Cuda`."""
        with self._named_errors():
            self._driver.memcpy_dtoh_async(host, address, self._objects[stream])

    def begin_capture(self, stream: int) -> None:
        """See `Cuda`."""
        self._graphs.call("cuStreamBeginCapture_v2", ctypes.c_void_p(stream), _THREAD_LOCAL)

    def end_capture(self, stream: int) -> int:
        """See `Cuda`."""
        graph = ctypes.c_void_p()
        self._graphs.call("cuStreamEndCapture", ctypes.c_void_p(stream), ctypes.byref(graph))
        return graph.value or 0

    def destroy_graph(self, graph: int) -> None:
        """See `Cuda`."""
        self._graphs.call("cuGraphDestroy", ctypes.c_void_p(graph))

    def instantiate(self, graph: int) -> int:
        """See `Cuda`."""
        executable = ctypes.c_void_p()
        no_flags = ctypes.c_ulonglong(0)
        self._graphs.call("cuGraphInstantiateWithFlags", ctypes.byref(executable), ctypes.c_void_p(graph), no_flags)
        return executable.value or 0

    def destroy_executable(self, executable: int) -> None:
        """See `Cuda`."""
        self._graphs.call("cuGraphExecDestroy", ctypes.c_void_p(executable))

    def launch(self, executable: int, stream: int) -> None:
        """See `Cuda`."""
        self._graphs.call("cuGraphLaunch", ctypes.c_void_p(executable), ctypes.c_void_p(stream))
