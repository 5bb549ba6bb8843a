"""Ownership: what CUDA gives out is given back on every path, in reverse order, even when giving back fails."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext, suppress
from types import TracebackType

import numpy as np
import numpy.typing as npt

from deepbiq.cuda.protocol import Cuda
from deepbiq.errors import EngineError


class Resources:
    """Memory, streams and events that live and end together. To be used and closed inside `cuda.active`.

    Args:
        cuda: The device.
    """

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self._stack = ExitStack()

    def device_memory(self, size: int) -> int:
        """Allocates device memory of `size` bytes and returns its address."""
        address = self.cuda.allocate(size)
        self._stack.callback(self.cuda.free, address)
        return address

    def host_memory(self, size: int, *, mapped: bool) -> npt.NDArray[np.uint8]:
        """Allocates page-locked memory, (size,) uint8, valid until `close`."""
        host = self.cuda.allocate_host(size, mapped=mapped)
        self._stack.callback(self.cuda.free_host, host)
        return host

    def stream(self) -> int:
        """Creates a stream."""
        stream = self.cuda.create_stream()
        self._stack.callback(self.cuda.destroy_stream, stream)
        return stream

    def event(self) -> int:
        """Creates an event."""
        event = self.cuda.create_event()
        self._stack.callback(self.cuda.destroy_event, event)
        return event

    def close(self) -> None:
        """Gives everything back; closing twice is allowed.

        Raises:
            EngineError: When something could not be given back; everything else was.
        """
        self._stack.close()

    def __enter__(self) -> Resources:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # After a failure on the device giving back fails, too; the first fault is the one to report.
        with suppress(EngineError) if error else nullcontext():
            self.close()
