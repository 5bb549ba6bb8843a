"""The module `tensorrt`: imported only here and after a device was found, and never a hard dependency."""

from __future__ import annotations

import re

from deepbiq.errors import EngineError

OLDEST = (10, 0)
"""Named tensors, strongly typed networks and user-managed memory are as they are from TensorRT 10 on."""
ADVICE = (
    "on a Jetson it comes with JetPack (sudo apt install python3-libnvinfer, and a virtual environment made with "
    "--system-site-packages), elsewhere: pip install tensorrt"
)


def tensorrt_version() -> str:
    """Imports TensorRT and returns its version. The device must have been found before.

    Raises:
        EngineError: When it is not installed, cannot be loaded, or is too old; the message says what to do.
    """
    try:
        import tensorrt
    except ModuleNotFoundError:
        raise EngineError(f"TensorRT is not installed: {ADVICE}") from None
    except (ImportError, OSError) as error:
        # The bindings are there, the library that they bind is not, or of another version.
        raise EngineError(f"TensorRT cannot be loaded ({error}): {ADVICE}") from error
    version: str = getattr(tensorrt, "__version__", "0")
    if _numbers(version) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise EngineError(f"TensorRT {version} is too old, deepbiq needs {wanted} or newer: {ADVICE}")
    return version


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
