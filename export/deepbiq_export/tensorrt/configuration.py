"""How a network is built: shapes, scratch memory, accelerator, and the timings of an earlier build."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from deepbiq.engines.tensorrt.request import BuildRequest
from deepbiq.errors import EngineError, OptionError
from deepbiq.files import write_atomically
from deepbiq_export.tensorrt.toolchain import Toolchain

if TYPE_CHECKING:
    import tensorrt

_LOG = logging.getLogger(__name__)


def set_shapes(
    tools: Toolchain,
    builder: tensorrt.Builder,
    config: tensorrt.IBuilderConfig,
    network: tensorrt.INetworkDefinition,
    request: BuildRequest,
) -> None:
    """Adds the optimisation profile of a request to a network whose one input was checked.

    Raises:
        EngineError: When an axis is fixed to something else in the graph, or TensorRT refuses the shapes.
    """
    name = request.graph.input_name
    axes = tuple(network.get_input(0).shape)
    low, best, high = ((*shape, axes[-1]) for shape in request.shapes.axes)
    for axis, fixed in enumerate(axes):
        if fixed >= 0 and not low[axis] == best[axis] == high[axis] == fixed:
            raise EngineError(
                f"axis {axis} of {name} is fixed to {fixed} in the graph {request.graph.key}, but an engine for "
                f"{request.family} takes {low[axis]} to {high[axis]}: export it with dynamic axes"
            )
    profile = builder.create_optimization_profile()
    refused = f"refuses the shapes {low}, {best}, {high} of {name}"
    try:
        profile.set_shape(name, low, best, high)
    except RuntimeError as error:
        raise tools.failure(f"{refused}: {error}") from error
    if not profile or config.add_optimization_profile(profile) < 0:
        raise tools.failure(refused)


def set_workspace(tools: Toolchain, config: tensorrt.IBuilderConfig, size: int | None) -> None:
    """Limits the scratch memory of a kernel.

    Raises:
        EngineError: When TensorRT does not take the limit.
    """
    if size is None:
        return
    pool = tools.trt.MemoryPoolType.WORKSPACE
    config.set_memory_pool_limit(pool, size)
    if config.get_memory_pool_limit(pool) != size:
        raise tools.failure(f"refuses a workspace of {size} bytes")


def set_accelerator(
    tools: Toolchain,
    builder: tensorrt.Builder,
    config: tensorrt.IBuilderConfig,
    network: tensorrt.INetworkDefinition,
    request: BuildRequest,
) -> int:
    """Lets the deep learning accelerator run every layer that it can, and the GPU the others.

    Returns:
        Layers that the GPU runs, before fusion; all of them without an accelerator.

    Raises:
        OptionError: When the graph's precision is one that the accelerator does not have.
        EngineError: When this device has no such core, or the engine is to take more than one shape.
    """
    core = request.dla_core
    if core is None:
        return network.num_layers
    if request.graph.kind == "fp32":
        raise OptionError("the deep learning accelerator has FP16 and INT8 only: use --precision fp16 or int8")
    cores = builder.num_DLA_cores
    if not 0 <= core < cores:
        there = f"cores 0 to {cores - 1}" if cores > 0 else "no deep learning accelerator"
        raise EngineError(f"DLA core {core} was asked for, but {tools.name} finds {there} on this device")
    if not request.shapes.is_static:
        raise EngineError(f"an engine for DLA core {core} takes one shape, asked for were {request.shapes}")
    config.default_device_type = tools.trt.DeviceType.DLA
    config.DLA_core = core
    config.set_flag(tools.trt.BuilderFlag.GPU_FALLBACK)
    return sum(not config.can_run_on_DLA(network.get_layer(index)) for index in range(network.num_layers))


def load_timings(tools: Toolchain, config: tensorrt.IBuilderConfig, path: Path) -> None:
    """Takes over the timings of an earlier build, or starts afresh where they are of another version or device.

    Raises:
        EngineError: When TensorRT does not even take an empty cache.
    """
    try:
        known = path.read_bytes()
    except OSError:
        known = b""
    if _set_timings(config, known):
        return
    _LOG.warning("%s is of another TensorRT or device: kernels are timed afresh", path)
    if not _set_timings(config, b""):
        raise tools.failure("refuses an empty timing cache")


def _set_timings(config: tensorrt.IBuilderConfig, data: bytes) -> bool:
    cache = config.create_timing_cache(data)
    return cache is not None and config.set_timing_cache(cache, ignore_mismatch=False)


def save_timings(config: tensorrt.IBuilderConfig, path: Path) -> None:
    """Keeps the timings for the next build; without them it only takes longer, so a full disk is no error."""
    cache = config.get_timing_cache()
    if cache is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, bytes(cache.serialize()))
    except OSError as error:
        _LOG.warning("the timings of this build are not kept: %s", error)
