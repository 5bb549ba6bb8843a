"""A camera under test: what it said, and its frames."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deepbiq.camera.capture import Camera
from deepbiq.camera.events import CameraState, Fault, State
from deepbiq.camera.frame import Frame
from deepbiq.camera.newest import FrameBoard
from deepbiq.camera.readers import ReadingOptions
from deepbiq.camera.sources import SourceSpec

DEADLINE_S = 20.0
CAPTURE_THREADS = ("deepbiq-capture-", "deepbiq-supervise-")
QUICK = ReadingOptions(open_timeout_s=3.0, read_timeout_s=1.0)


def wait_until(condition: Callable[[], object], what: str = "it happens") -> None:
    """Waits until a condition holds; fails where it does not within the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}"
        time.sleep(0.01)


class Watching:
    """Runs a camera; keeps its events."""

    def __init__(self, source: SourceSpec, options: ReadingOptions = QUICK) -> None:
        self.board = FrameBoard()
        self.events: list[CameraState | Fault] = []
        self.camera = Camera("door", source, self.board, self.events.append, options)

    def next_frame(self) -> Frame:
        frames = self.board.wait(DEADLINE_S)
        assert frames, f"no frame within {DEADLINE_S} s; {self.events}"
        return frames[0]

    def frame_that(self, accept: Callable[[Frame], bool]) -> Frame:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            frame = self.next_frame()
            if accept(frame):
                return frame
        raise AssertionError(f"no such frame within {DEADLINE_S} s; {self.events}")

    def states(self) -> list[State]:
        return [event.state for event in self.events if isinstance(event, CameraState)]

    def faults(self) -> list[str]:
        return [event.what for event in self.events if isinstance(event, Fault)]

    def wait_for(self, state: State, times: int = 1) -> CameraState:
        wait_until(lambda: self.states().count(state) >= times, f"{state} {times} times; {self.events}")
        return [event for event in self.events if isinstance(event, CameraState) and event.state is state][-1]


@contextmanager
def watching(source: SourceSpec, options: ReadingOptions = QUICK) -> Iterator[Watching]:
    """Runs a camera; afterwards nothing of it may be left."""
    watched = Watching(source, options)
    watched.camera.start()
    try:
        yield watched
    finally:
        stopped = watched.camera.stop()
    assert stopped, watched.events


def open_files() -> list[str]:
    """What this process has open; sockets and pipes as well."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(descriptor))
        except FileNotFoundError:  # the one that listed them
            continue
    return sorted(links)


def capture_threads() -> list[str]:
    """Threads of cameras, by Python's names."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith(CAPTURE_THREADS))


@contextmanager
def nothing_left() -> Iterator[None]:
    """Fails if threads or descriptors are left over afterwards."""
    files, threads = open_files(), threading.active_count()
    yield
    wait_until(lambda: threading.active_count() <= threads, f"threads end: {threading.enumerate()}")
    wait_until(lambda: len(open_files()) <= len(files), f"descriptors closed: {set(open_files()) - set(files)}")


def told_by_a_process_that_watches(address: str, wanted: State) -> str:
    """Everything a fresh process says while it watches an address until a state: events, logs, stderr, threads.

    A process of its own, because what FFmpeg may say is settled when a process uses it for the first time.
    """
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", _WATCHER, wanted.value],
        input=address,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ).stdout


_WATCHER = """
import logging, sys, threading, time
logging.basicConfig(level=1)
from tests.runtime.camera.watching import State, Watching, capture_threads
from deepbiq.camera.sources import parse_source
source = parse_source(sys.stdin.read())
print(repr(source))
watched = Watching(source)
watched.camera.start()
watched.wait_for(State(sys.argv[1]))
print(capture_threads(), [open(f"/proc/self/task/{t.native_id}/comm").read() for t in threading.enumerate()])
watched.camera.stop()
print(watched.events)
"""
