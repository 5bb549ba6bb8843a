"""Triggers from standard input: each line is the name of one."""

from __future__ import annotations

import logging
import os
import re
import select
import threading
from collections.abc import Callable
from typing import TextIO

from deepbiq.errors import OptionError

LONGEST_NAME = 64
"""Characters of a trigger's name; further ones are cut off."""

UNNAMED = "trigger"
"""What a trigger is called that says no name: an empty line, an empty message."""

_LOGGER = logging.getLogger(__name__)


def trigger_name(raw: bytes) -> str:
    """Makes a trigger's name of what somebody sent.

    Args:
        raw: Any bytes.

    Returns:
        1 to 64 characters, fit for a file name: ASCII letters, digits, `-` and `_`; anything else became `_`.
    """
    text = raw[: 4 * LONGEST_NAME].decode("utf-8", "replace").strip()
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:LONGEST_NAME] or UNNAMED


class StdinTriggers:
    """Reads triggers in a daemon thread until the input ends or it is closed.

    Args:
        stream: Usually stdin; it must have a file descriptor, and nobody else may read it.
        on_trigger: Called in the thread with each name; returns at once.

    Raises:
        OptionError: When the stream is closed or no file of the system.
    """

    def __init__(self, stream: TextIO, on_trigger: Callable[[str], None]) -> None:
        try:
            self._input = stream.fileno()
        except (OSError, ValueError) as error:
            raise OptionError(f"--trigger-stdin: standard input cannot be read ({error}): leave it open") from error
        self._on_trigger = on_trigger
        self._woken, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._read_all, name="deepbiq-triggers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; closing twice is allowed."""
        if self._waker < 0:
            return
        os.close(self._waker)
        self._waker = -1
        self._thread.join()
        os.close(self._woken)

    def _read_all(self) -> None:
        # Reading the stream itself would hold its lock, over which the interpreter dies when it exits.
        begun = b""
        while data := self._read():
            *lines, begun = (begun + data).split(b"\n")
            for line in lines:
                self._on_trigger(trigger_name(line))
            begun = begun[: 4 * LONGEST_NAME]
        if begun:
            self._on_trigger(trigger_name(begun))

    def _read(self) -> bytes:
        ready = select.poll()
        ready.register(self._input, select.POLLIN)
        ready.register(self._woken, select.POLLIN)
        if any(descriptor == self._woken for descriptor, _ in ready.poll()):
            return b""
        try:
            return os.read(self._input, 4096)
        except OSError as error:
            _LOGGER.warning("no more triggers from standard input: %s", error)
            return b""
