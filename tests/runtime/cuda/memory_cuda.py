"""CUDA in ordinary memory: what the runtime does with memory, streams and graphs can be watched without a device.

Work given to a stream is done when somebody waits for it and not before, so that a missing wait shows as a wrong
result. Every call can be made to fail, and what was not given back is known.
"""

from __future__ import annotations

import ctypes
import itertools
from contextlib import contextmanager

import numpy as np

from deepbiq.errors import EngineError


class Faults:
    """Makes the call of one number fail; counts calls."""

    def __init__(self, fail_at=None):
        self.fail_at = fail_at
        self.calls = []

    def hit(self, name):
        self.calls.append(name)
        return len(self.calls) == self.fail_at


class MemoryCuda:
    name = "memory"
    runtime = "12.6"

    def __init__(self, faults=None):
        self.faults = faults or Faults()
        self.live = {}
        """Kind and content of everything that was given out, by handle or address."""
        self.depth = 0
        self.copied = 0
        self._handles = itertools.count(1)

    @contextmanager
    def active(self):
        self._call("active")
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def _call(self, name):
        if self.faults.hit(name):
            raise EngineError(f"CUDA: {name} failed: injected")

    def _give(self, kind, content, handle=None):
        assert self.depth, "CUDA was called outside of active"
        handle = next(self._handles) if handle is None else handle
        self.live[handle] = (kind, content)
        return handle

    def _take(self, kind, handle):
        found, content = self.live.pop(handle)
        assert found == kind
        return content

    def content(self, kind, handle):
        found, content = self.live[handle]
        assert found == kind
        return content

    def allocate(self, size):
        self._call("allocate")
        memory = np.full(size, 0xAA, np.uint8)
        return self._give("device memory", memory, memory.ctypes.data)

    def free(self, address):
        self._take("device memory", address)
        self._call("free")

    def allocate_host(self, size, *, mapped):
        self._call("allocate_host")
        memory = np.full(size, 0x55, np.uint8)
        self._give("mapped memory" if mapped else "pinned memory", memory, memory.ctypes.data)
        return memory

    def free_host(self, host):
        del self.live[host.ctypes.data]
        self._call("free_host")

    def device_address(self, host):
        self._call("device_address")
        self.content("mapped memory", host.ctypes.data)
        return host.ctypes.data

    def create_stream(self):
        self._call("create_stream")
        return self._give("stream", {"todo": [], "captured": None})

    def destroy_stream(self, stream):
        self._take("stream", stream)
        self._call("destroy_stream")

    def enqueue(self, stream, work):
        """Gives a function to a stream: written down during a capture, otherwise done at the next wait."""
        state = self.content("stream", stream)
        (state["todo"] if state["captured"] is None else state["captured"]).append(work)

    def synchronize(self, stream):
        self._call("synchronize")
        todo = self.content("stream", stream)["todo"]
        while todo:
            todo.pop(0)()

    def create_event(self):
        self._call("create_event")
        return self._give("event", {})

    def destroy_event(self, event):
        self._take("event", event)
        self._call("destroy_event")

    def record(self, event, stream):
        self._call("record")
        self.content("event", event)["stream"] = stream

    def wait(self, event):
        self._call("wait")
        todo = self.content("stream", self.content("event", event)["stream"])["todo"]
        while todo:
            todo.pop(0)()

    def copy_to_device(self, address, host, stream):
        self._call("copy_to_device")
        self._copy(address, host.ctypes.data, host.nbytes, stream)

    def copy_to_host(self, host, address, stream):
        self._call("copy_to_host")
        self._copy(host.ctypes.data, address, host.nbytes, stream)

    def _copy(self, target, source, size, stream):
        self.copied += 1
        self.enqueue(stream, lambda: ctypes.memmove(target, source, size))

    def begin_capture(self, stream):
        self._call("begin_capture")
        self.content("stream", stream)["captured"] = []

    def end_capture(self, stream):
        state = self.content("stream", stream)
        work, state["captured"] = state["captured"], None
        self._call("end_capture")
        return self._give("graph", work)

    def destroy_graph(self, graph):
        self._take("graph", graph)
        self._call("destroy_graph")

    def instantiate(self, graph):
        self._call("instantiate")
        return self._give("executable graph", list(self.content("graph", graph)))

    def destroy_executable(self, executable):
        self._take("executable graph", executable)
        self._call("destroy_executable")

    def launch(self, executable, stream):
        self._call("launch")
        for work in self.content("executable graph", executable):
            self.enqueue(stream, work)
