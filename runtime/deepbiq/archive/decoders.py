"""Some decode processes, shared by threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import LifoQueue

from deepbiq.archive.decode_process import DecodeProcess, DecoderDiedError
from deepbiq.archive.preparing import Preparation, Prepared, unread
from deepbiq.archive.row import Listed
from deepbiq.closable import Closable


class Decoders(Closable):
    """Decode processes that any thread may ask; as a context manager they end with it.

    Args:
        how: How pictures are prepared.
        count: Processes, at least 1; as many are started as are needed at once.
        timeout_s: Seconds after which a file that does not answer is given up.
    """

    def __init__(self, how: Preparation, *, count: int, timeout_s: float) -> None:
        self.count = count
        self._timeout_s = timeout_s
        self._all = [DecodeProcess(how, timeout_s) for _ in range(count)]
        # The one that was used last is in the processor's cache, and others may never have to start.
        self._idle: LifoQueue[DecodeProcess] = LifoQueue()
        for process in self._all:
            self._idle.put(process)

    def prepare(self, listed: Listed) -> Prepared:
        """Prepares an input; waits while all processes are busy. See `deepbiq.archive.preparing.prepare`."""
        return self._ask(listed, decode=True)

    def identify(self, listed: Listed) -> Prepared:
        """Reads and hashes an input only. See `deepbiq.archive.preparing.identify`."""
        return self._ask(listed, decode=False)

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of the processes that run."""
        return tuple(process.pid for process in self._all if process.pid is not None)

    def close(self) -> None:
        """Ends all processes; nobody may be asking any more."""
        for process in self._all:
            process.close()

    def _ask(self, listed: Listed, *, decode: bool) -> Prepared:
        if listed.fault is not None:
            return unread(listed, listed.fault)
        with self._checked_out() as process:
            try:
                return _ask_twice(process, listed, decode=decode)
            except DecoderDiedError as death:
                return unread(listed, f"its decoder died twice ({death})")
            except TimeoutError:
                return unread(listed, f"it could not be read within {self._timeout_s:g} s")

    @contextmanager
    def _checked_out(self) -> Iterator[DecodeProcess]:
        process = self._idle.get()
        try:
            yield process
        finally:
            self._idle.put(process)


def _ask_twice(process: DecodeProcess, listed: Listed, *, decode: bool) -> Prepared:
    try:
        return process.ask(listed, decode=decode)
    except DecoderDiedError:
        # Perhaps it was not the file: somebody killed it, or memory was short for a moment.
        return process.ask(listed, decode=decode)
