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
from deepbiq.engines.tensorrt.library import ADVICE, tensorrt_version
from deepbiq.errors import EngineError, OptionError

if TYPE_CHECKING:
    import tensorrt

Target = Literal["tensorrt", "tensorrt-rtx"]
TARGETS: tuple[Target, ...] = get_args(Target)


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

    def __hash__(self) -> int: ...


def import_library(target: str) -> TensorRT:
    """Imports the library of a build target.

    Args:
        target: One of `TARGETS`.

    Raises:
        OptionError: When there is no such target.
        EngineError: When the library is not installed or cannot be loaded, or has no device to build on; the
            message says what to install.
    """
    if target not in TARGETS:
        raise OptionError(f"unknown target {target!r}: use {' or '.join(TARGETS)}")
    if target == "tensorrt":
        _require_device()
        tensorrt_version()
        return cast(TensorRT, import_module("tensorrt"))
    try:
        return cast(TensorRT, import_module("tensorrt_rtx"))
    except (ImportError, OSError) as error:
        raise EngineError(f"TensorRT-RTX cannot be loaded ({error}): pip install tensorrt-rtx") from error


def _require_device() -> None:
    try:
        find_device()
    except EngineError as error:
        more = "" if find_spec("tensorrt") else f". TensorRT is not installed either: {ADVICE}"
        raise EngineError(
            f"{error}. An engine is built on the device that runs it; without one, --target tensorrt-rtx shows "
            f"whether the graph builds{more}"
        ) from error
