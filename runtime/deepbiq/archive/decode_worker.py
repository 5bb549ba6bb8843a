"""The other side of `DecodeProcess`: answers requests on standard input until it is closed."""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from deepbiq.archive.decode_messages import READY, answer_line, read_request
from deepbiq.archive.likeness import perceptual_hash
from deepbiq.archive.preparing import Preparation, identify, prepare


def serve(pixels: int, how: str) -> None:
    """Answers one request after the other.

    Args:
        pixels: Descriptor of the shared file that the pixels of each answer are written to, from its start.
        how: A `Preparation` in JSON.
    """
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    _load_everything()
    preparation = Preparation(**json.loads(how))
    answers = _take_over_stdout()
    answers.write(READY)
    for line in sys.stdin.buffer:
        listed, decode = read_request(line)
        prepared = (prepare if decode else identify)(listed, preparation)
        if prepared.bgr is not None:
            _write(pixels, prepared.bgr)
        answers.write(answer_line(prepared))


def _load_everything() -> None:
    """Has libraries load what they load late, so that the first picture's time is its own."""
    import cv2

    # Every core has its own decode process or scoring thread.
    cv2.setNumThreads(1)
    perceptual_hash(np.repeat(np.arange(192, dtype=np.uint8), 3 * 64).reshape(192, 64, 3))


def _end_with_the_caller() -> None:
    """Ends the process when the other end of standard input closes, even in the middle of a picture.

    However the caller ends, the system closes its end.
    """
    hang_up = select.poll()
    hang_up.register(sys.stdin.fileno(), 0)
    hang_up.poll()
    os._exit(0)


def _take_over_stdout() -> BinaryIO:
    """Returns standard output for answers alone; what a library prints goes to standard error."""
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return open(answers, "wb", buffering=0)  # noqa: PTH123  # a descriptor, not a path


def _write(descriptor: int, bgr: npt.NDArray[np.uint8]) -> None:
    left = bgr.data.cast("B")
    offset = 0
    while left:  # one call writes at most 2 GB
        written = os.pwrite(descriptor, left, offset)
        left, offset = left[written:], offset + written
