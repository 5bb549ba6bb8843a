"""The exit codes of every verb, and which error ends in which."""

from __future__ import annotations

from deepbiq.errors import BundleError, CameraError, DeepBIQError, EngineError, ImageError

PASS = 0
BELOW_MIN_SCORE = 1
USAGE = 2
UNREADABLE_IMAGE = 3
UNUSABLE_MODEL = 4
UNEXPECTED = UNUSABLE_MODEL
"""A bug, with its traceback. Python's own 1 would be a verdict on pictures."""
CAMERA_LOST = 5
INTERRUPTED = 130
READER_GONE = 141
"""As a shell reports a program that SIGPIPE ended."""

_BY_ERROR: tuple[tuple[type[DeepBIQError], int], ...] = (
    (ImageError, UNREADABLE_IMAGE),
    (BundleError, UNUSABLE_MODEL),
    (EngineError, UNUSABLE_MODEL),
    (CameraError, CAMERA_LOST),
)


def exit_code_of(error: DeepBIQError) -> int:
    """Returns the exit code that an error ends the command with; options and data sets are usage."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), USAGE)
