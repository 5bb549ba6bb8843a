"""The NVIDIA driver's own library, by ctypes: no package is needed, what is missing is an error, never a crash."""

from __future__ import annotations

import ctypes
from typing import Any

from deepbiq.errors import EngineError

LIBRARY = "libcuda.so.1"


class Driver:
    """Calls functions of the driver by name and turns their error codes into EngineError.

    Args:
        library: Name or path of the driver's library.

    Raises:
        EngineError: When it cannot be loaded.
    """

    def __init__(self, library: str = LIBRARY) -> None:
        try:
            self._library = ctypes.CDLL(library)
        except OSError as error:
            raise EngineError(f"no NVIDIA driver on this machine ({error})") from error

    def call(self, function: str, *arguments: Any) -> None:
        """Calls a function; arguments are ctypes values or small integers.

        Raises:
            EngineError: When the driver lacks the function or returns an error; the message names both.
        """
        try:
            code = int(getattr(self._library, function)(*arguments))
        except AttributeError:
            raise EngineError(f"the NVIDIA driver is too old: it has no {function}") from None
        if code:
            raise EngineError(f"CUDA: {function} failed: {self._error_name(code)}")

    def _error_name(self, code: int) -> str:
        name = ctypes.c_char_p()
        # Where the driver does not know its own code, the number is all there is.
        if self._library.cuGetErrorName(code, ctypes.byref(name)) or name.value is None:
            return f"error {code}"
        return f"{name.value.decode()} ({code})"
