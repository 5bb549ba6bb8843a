"""What deepbiq asks of CUDA: memory, streams, events to wait for, graphs; handles and addresses are integers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
import numpy.typing as npt


class Cuda(Protocol):
    """The first device, by its primary context: the one that every library of a process shares, until it ends.

    Everything that a call returns must be given back to its counterpart; `deepbiq.cuda.resources` does that. All
    calls, and all of TensorRT, must happen inside `active`. Every call raises EngineError with CUDA's name of the
    fault and of the function.

    Attributes:
        name: The package and its version, for example `cuda-bindings 12.9.4`.
        runtime: CUDA version that the package was made for, for example `12.9`.
    """

    name: str
    runtime: str

    def active(self) -> AbstractContextManager[None]:
        """Makes the device this thread's for the length of a block; afterwards it is what it was before."""

    def allocate(self, size: int) -> int:
        """Allocates device memory of `size` bytes and returns its address."""

    def free(self, address: int) -> None:
        """Frees device memory."""

    def allocate_host(self, size: int, *, mapped: bool) -> npt.NDArray[np.uint8]:
        """Allocates page-locked memory: (size,) uint8, which no copy of the array keeps alive.

        Args:
            size: Bytes.
            mapped: Whether the device shall see it, too (`device_address`).
        """

    def free_host(self, host: npt.NDArray[np.uint8]) -> None:
        """Frees page-locked memory; the array must not be used any more."""

    def device_address(self, host: npt.NDArray[np.uint8]) -> int:
        """Returns the address by which the device sees mapped memory."""

    def create_stream(self) -> int:
        """Creates a stream that does not wait for the default one."""

    def destroy_stream(self, stream: int) -> None:
        """Destroys a stream."""

    def synchronize(self, stream: int) -> None:
        """Waits until a stream has done everything."""

    def create_event(self) -> int:
        """Creates an event whose waiting leaves the processor to others."""

    def destroy_event(self, event: int) -> None:
        """Destroys an event."""

    def record(self, event: int, stream: int) -> None:
        """Marks the stream's present end."""

    def wait(self, event: int) -> None:
        """Waits until the stream has come to the mark."""

    def copy_to_device(self, address: int, host: npt.NDArray[np.uint8], stream: int) -> None:
        """Starts copying all bytes of a contiguous array to the device."""

    def copy_to_host(self, host: npt.NDArray[np.uint8], address: int, stream: int) -> None:
        """Starts filling a contiguous array from the device."""

    def begin_capture(self, stream: int) -> None:
        """Lets the stream write down what this thread gives it, instead of doing it."""

    def end_capture(self, stream: int) -> int:
        """Ends writing down and returns the graph; raises EngineError when something could not be written down."""

    def destroy_graph(self, graph: int) -> None:
        """Destroys a graph; what was instantiated from it stays."""

    def instantiate(self, graph: int) -> int:
        """Makes a graph executable."""

    def destroy_executable(self, executable: int) -> None:
        """Destroys an executable graph."""

    def launch(self, executable: int, stream: int) -> None:
        """Starts an executable graph."""
