"""A TensorRT that is ready to build, with its name, its messages, and errors that repeat them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepbiq.engines.tensorrt.messages import Messages, messages_of
from deepbiq.errors import EngineError
from deepbiq_export.tensorrt.library import Target, TensorRT, import_library

if TYPE_CHECKING:
    import tensorrt

_NAMES = {"tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT-RTX"}
_NO_DRIVER = re.compile(r"(; )?\s*\[[^\[\]]*\] Error Code \d+: Cuda Runtime \([^()]*\(cudaError 35:[^()]*\)\)")
"""TensorRT-RTX adds this to whatever else went wrong where there is no driver; it is never the reason."""


@dataclass(frozen=True, eq=False)
class Toolchain:
    """A library and what it says.

    Attributes:
        target: Which one it is.
        trt: The imported module.
        messages: Its warnings and errors; what the library makes must not outlive it.
    """

    target: Target
    trt: TensorRT
    messages: Messages

    @property
    def name(self) -> str:
        """Name and version, for people."""
        return f"{_NAMES[self.target]} {self.trt.__version__}"

    def create_builder(self) -> tensorrt.Builder:
        """Creates a builder.

        Raises:
            EngineError: When the library cannot start.
        """
        try:
            return self.trt.Builder(self.messages.logger)
        except TypeError as error:  # how pybind11 reports that there is none
            raise self.failure("cannot start") from error

    def failure(self, what: str, reason: str = "") -> EngineError:
        """Makes the error of a step that failed.

        Args:
            what: What failed, as the end of a sentence that begins with the library: `cannot parse the graph fp32`.
            reason: Why, where the library says so itself; otherwise its messages are the reason.
        """
        told = f"{self.name} {what}: {reason or self.messages.take()}"
        return EngineError(_NO_DRIVER.sub("", told) if self.target == "tensorrt-rtx" else told)


def open_toolchain(target: Target) -> Toolchain:
    """Imports the library of a target; see `import_library`.

    Raises:
        OptionError: When there is no such target.
        EngineError: When the library is not installed or cannot be loaded, or has no device to build on.
    """
    trt = import_library(target)
    return Toolchain(target, trt, messages_of(trt))
