"""Which TensorRT builds: the one of the device, or TensorRT-RTX. It is imported only where it cannot crash.

Without a driver TensorRT's own objects can end the process, and no exception says so; the driver is asked first.
TensorRT-RTX builds without a GPU. One path serves both, and TensorRT 10.3, 10.13 and 11: there is no flag for a
precision, and flags go by their names, never by their numbers.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, Protocol, cast, get_args

from deepbiq.cuda import find_device
from deepbiq.errors import EngineError, OptionError

if TYPE_CHECKING:
    import tensorrt

Target = Literal["tensorrt", "tensorrt-rtx"]
TARGETS: tuple[Target, ...] = get_args(Target)
_MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
_INSTALL = {
    "tensorrt": (
        "on a Jetson  sudo apt install python3-libnvinfer  and make the virtual environment with "
        "--system-site-packages; elsewhere  pip install tensorrt"
    ),
    "tensorrt-rtx": "pip install tensorrt-rtx",
}


class TensorRT(Protocol):
    """What the builder uses of the module, which is `tensorrt` or `tensorrt_rtx`."""

    __version__: str
    Builder: type[tensorrt.Builder]
    BuilderFlag: type[tensorrt.BuilderFlag]
    DataType: type[tensorrt.DataType]
    DeviceType: type[tensorrt.DeviceType]
    ILogger: type[tensorrt.ILogger]
    LayerType: type[tensorrt.LayerType]
    MemoryPoolType: type[tensorrt.MemoryPoolType]
    NetworkDefinitionCreationFlag: type[tensorrt.NetworkDefinitionCreationFlag]
    OnnxParser: type[tensorrt.OnnxParser]


def import_library(target: str) -> TensorRT:
    """Imports the library of a build target.

    Args:
        target: One of `TARGETS`.

    Raises:
        OptionError: When there is no such target.
        EngineError: When the library is not installed or cannot be loaded, or has no device to build on.
    """
    if target not in TARGETS:
        raise OptionError(f"unknown target {target!r}: use {' or '.join(TARGETS)}")
    module = _MODULES[target]
    missing = [] if find_spec(module) else [f"{module} is not installed: {_INSTALL[target]}"]
    if target == "tensorrt":
        missing += _what_the_device_lacks()
    if missing:
        raise EngineError(f"cannot build for {target}: {'; '.join(missing)}")
    try:
        return cast(TensorRT, import_module(module))
    except ImportError as error:
        raise EngineError(f"cannot build for {target}: {error}; {_INSTALL[target]}") from error


def _what_the_device_lacks() -> list[str]:
    try:
        find_device()
    except EngineError as error:
        return [f"{error}: an engine is built on the device that runs it"]
    return []
