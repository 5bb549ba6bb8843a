"""The errors of deepbiq: few, named, under one base class.

A user's mistake raises one of these with a message that says what was wrong, with which value, and what to
do. Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations


class DeepBIQError(Exception):
    """Base class of every error that deepbiq raises on purpose."""


class OptionError(DeepBIQError, ValueError):
    """An option has a value that deepbiq does not offer (a plan, a pooling, a scale, a limit)."""


class ImageError(DeepBIQError, ValueError):
    """A picture cannot be read or must not be scored.

    Args:
        name: Path of the file, or a description of where the bytes or the array came from.
        fault: What is wrong with it, in a few words and with the offending values.

    Attributes:
        name: As given.
        fault: As given.
    """

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(f"{name}: {fault}")
        self.name = name
        self.fault = fault

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        # Exception's own reduction would call __init__ with the joined message: one argument too few.
        return type(self), (self.name, self.fault)


class BundleError(DeepBIQError):
    """A bundle is missing, damaged, of another schema, or does not offer what was asked of it."""


class EngineError(DeepBIQError, RuntimeError):
    """An inference engine cannot be created or failed while it ran."""


class CameraError(DeepBIQError, OSError):
    """A camera or stream cannot be opened or was lost."""


class ArchiveError(DeepBIQError):
    """A source of pictures cannot be listed, or a results folder cannot be used."""
