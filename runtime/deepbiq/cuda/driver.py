"""The NVIDIA driver's own library, by ctypes: no package is needed, what is missing is an error, never a crash."""

from __future__ import annotations

import ctypes
from typing import Any

from deepbiq.errors import EngineError

LIBRARY = "libcuda.so.1"


class NoDeviceError(EngineError):
    """There is no NVIDIA driver, or no device that this process may use."""


class DriverError(EngineError):
    """A function of the driver failed.

    Attributes:
        code: CUDA's number of the fault; cuda.h names it.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, code)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


class Driver:
    """Calls functions of the driver by name and turns their error codes into EngineError.

    Args:
        library: Name or path of the driver's library.

    Raises:
        NoDeviceError: When it cannot be loaded.
    """

    def __init__(self, library: str = LIBRARY) -> None:
        try:
            self._library = ctypes.CDLL(library)
        except OSError as error:
            advice = "install it, or use another engine"
            raise NoDeviceError(f"no NVIDIA driver on this machine ({error}): {advice}") from error

    def call(self, function: str, *arguments: Any) -> None:
        """Calls a function; arguments are ctypes values or small integers.

        Raises:
            DriverError: When it fails; the message names the function and the fault.
            EngineError: When the driver lacks the function.
        """
        try:
            code = int(getattr(self._library, function)(*arguments))
        except AttributeError:
            raise EngineError(f"the NVIDIA driver is too old: it has no {function}") from None
        if code:
            raise DriverError(f"CUDA: {function} failed: {self._error_name(code)}", code)

    def _error_name(self, code: int) -> str:
        name = ctypes.c_char_p()
        # Where the driver does not know its own code, the number is all there is.
        if self._library.cuGetErrorName(code, ctypes.byref(name)) or name.value is None:
            return f"error {code}"
        return f"{name.value.decode()} ({code})"
