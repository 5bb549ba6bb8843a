"""A process that reads and decodes pictures, so that a file which crashes or blocks a decoder costs only itself.

Requests and answers are lines over its standard input and output. Pixels come through an anonymous shared file,
which the system frees whoever dies.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from time import monotonic

import numpy as np
import numpy.typing as npt

from deepbiq.archive.decode_messages import READY, Shape, read_answer, request_line
from deepbiq.archive.preparing import Preparation, Prepared
from deepbiq.archive.row import Listed
from deepbiq.errors import ArchiveError

_START_SECONDS = 60.0
_END_SECONDS = 5.0
_STARTS = 3
"""A process may be killed while it starts, too; one that never starts is the installation's fault, not a file's."""

# The process imports what this one does: not what lies in the current folder, as with `-m`.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[3:]; from deepbiq.archive.decode_worker import serve; "
    "serve(int(sys.argv[1]), sys.argv[2])"
)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class DecoderDiedError(Exception):
    """The process ended in the middle of a request; the message says how."""


class DecodeProcess:
    """One decode process, started at its first request and started anew after it died or was too slow.

    Args:
        how: How pictures are prepared.
        timeout_s: Seconds within which an answer must come.
    """

    def __init__(self, how: Preparation, timeout_s: float) -> None:
        self._how = how
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._pixels = -1

    @property
    def pid(self) -> int | None:
        """The running process's id."""
        return None if self._process is None else self._process.pid

    def ask(self, listed: Listed, *, decode: bool) -> Prepared:
        """Has an input prepared, or only identified.

        Args:
            listed: The input.
            decode: Whether pixels are wanted.

        Raises:
            DecoderDiedError: When the process died of it.
            TimeoutError: When it took too long; the process is killed.
            ArchiveError: When no decode process starts.
        """
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(request_line(listed, decode=decode))
            line = _read_line(process, self._timeout_s)
        except BrokenPipeError:
            line = b""
        except TimeoutError:
            self.close()
            raise
        if not line:
            raise DecoderDiedError(self._bury())
        prepared, shape = read_answer(line)
        return prepared if shape is None else replace(prepared, bgr=_pixels_of(self._pixels, shape))

    def close(self) -> None:
        """Kills the process, if there is one; it holds nothing that could be lost."""
        if self._process is not None:
            self._process.kill()
            self._bury()

    def _start(self) -> subprocess.Popen[bytes]:
        how = ""
        for _ in range(_STARTS):
            self._process = process = self._launch()
            try:
                if _read_line(process, _START_SECONDS) == READY:
                    return process
            except TimeoutError:
                process.kill()
            how = self._bury()
        raise ArchiveError(f"no decode process starts ({how}): what it printed is above")

    def _launch(self) -> subprocess.Popen[bytes]:
        self._pixels = os.memfd_create("deepbiq-pixels", os.MFD_CLOEXEC)
        settings = [str(self._pixels), json.dumps(vars(self._how))]
        # Ctrl-C on a terminal goes to every process, but it is for the run to say what it means. A blocked signal
        # stays blocked in a child, from its first moment on.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            return subprocess.Popen(  # noqa: S603  # this interpreter, no shell
                [sys.executable, "-c", _PROGRAM, *settings, *filter(None, sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                pass_fds=(self._pixels,),
                env={**os.environ, **_ONE_THREAD},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _bury(self) -> str:
        """Forgets a process that has ended or was killed; returns how it ended."""
        process, self._process = self._process, None
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        os.close(self._pixels)
        try:
            code = process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            # The system waits for a disk or a network on its behalf and ends it when that answers.
            return "does not end"
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _read_line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """Reads a line; empty when the process has ended; raises TimeoutError."""
    assert process.stdout is not None
    ready = select.poll()
    ready.register(process.stdout, select.POLLIN)
    end = monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        left = end - monotonic()
        if left <= 0 or not ready.poll(1000 * left):
            raise TimeoutError
        part = process.stdout.read(65536)
        if not part:
            return b""
        line += part
    return line


def _pixels_of(descriptor: int, shape: Shape) -> npt.NDArray[np.uint8]:
    bgr = np.empty(shape, np.uint8)
    left = bgr.data.cast("B")
    offset = 0
    while left:  # one call reads at most 2 GB
        count = os.preadv(descriptor, [left], offset)
        left, offset = left[count:], offset + count
    return bgr
