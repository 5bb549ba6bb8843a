"""Building: from a request to the bytes of a TensorRT plan, in one path for every version and target."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from deepbiq.engines.tensorrt.request import BuildRequest
from deepbiq.errors import EngineError
from deepbiq_export.tensorrt.configuration import (
    load_timings,
    save_timings,
    set_accelerator,
    set_shapes,
    set_workspace,
)
from deepbiq_export.tensorrt.library import Target
from deepbiq_export.tensorrt.network import NetworkFacts, keep_only, network_facts, parse_network
from deepbiq_export.tensorrt.onnx_facts import read_onnx
from deepbiq_export.tensorrt.toolchain import open_toolchain

LARGEST_RATIO = 1.5
LARGEST_EXTRA = 16 << 20
"""A plan may have so many times the size of its weights, and so many bytes more. EfficientNet-Lite0 in INT8 takes
7 MB beside its 4 MB of weights; with quantised depthwise convolutions and one fixed shape, where they become dense
ones, 200 MB."""


@dataclass(frozen=True, eq=False)
class BuiltPlan:
    """A plan and what is known of it.

    Attributes:
        plan: The serialised engine.
        library: Name and version of what built it.
        seconds: How long TensorRT took.
        weight_bytes: Size of the graph's weights in the types that they are computed in.
        network: The network before its layers were fused.
        gpu_layers: Layers that the GPU runs; fewer than all with a deep learning accelerator.
    """

    plan: bytes
    library: str
    seconds: float
    weight_bytes: int
    network: NetworkFacts
    gpu_layers: int


def build_plan(request: BuildRequest, *, target: Target, timing_cache: Path | None = None) -> bytes:
    """Builds a plan and returns its bytes; see `build`. The runtime finds this by its entry point."""
    return build(request, target=target, timing_cache=timing_cache).plan


def build(
    request: BuildRequest, *, target: Target, timing_cache: Path | None = None, allow_large: bool = False
) -> BuiltPlan:
    """Builds a plan for this device, or with TensorRT-RTX for none in particular.

    A plan for `tensorrt` computes the features alone, which is what the runtime needs; one for `tensorrt-rtx` keeps
    every output, because it is there to show that the whole graph builds.

    Args:
        request: The graph, the shapes and the settings.
        target: Which TensorRT builds.
        timing_cache: File with the kernel timings of earlier builds, read and written; None times afresh.
        allow_large: Whether a plan may be much larger than its weights.

    Raises:
        OptionError: When a setting is not on offer.
        EngineError: When there is no such TensorRT, no device, or the build fails; with what TensorRT logged.
    """
    facts = read_onnx(request.graph.model)
    tools = open_toolchain(target)
    builder = tools.create_builder()
    network = parse_network(tools, builder, request.graph)
    if target == "tensorrt":
        keep_only(network, request.graph.output_name)
    config = builder.create_builder_config()
    if config is None:
        raise tools.failure("cannot create a builder configuration")
    set_shapes(tools, builder, config, network, request)
    set_workspace(tools, config, request.workspace_bytes)
    gpu_layers = set_accelerator(tools, builder, config, network, request)
    timings = timing_cache if target == "tensorrt" else None  # TensorRT-RTX has no use for them
    if timings is not None:
        load_timings(tools, config, timings)
    start = time.perf_counter()
    built = builder.build_serialized_network(network, config)
    seconds = time.perf_counter() - start
    if built is None:
        raise tools.failure(f"cannot build the graph {request.graph.key} for {request.family}")
    plan = bytes(built)
    if timings is not None:
        save_timings(config, timings)
    if not allow_large:
        check_size(len(plan), facts.weight_bytes, request.graph.key)
    return BuiltPlan(
        plan=plan,
        library=tools.name,
        seconds=seconds,
        weight_bytes=facts.weight_bytes,
        network=network_facts(tools, network),
        gpu_layers=gpu_layers,
    )


def check_size(plan_bytes: int, weight_bytes: int, key: str) -> None:
    """Refuses a plan that is much larger than its weights: it was not built as it was meant.

    Raises:
        EngineError: When it is.
    """
    largest = int(weight_bytes * LARGEST_RATIO) + LARGEST_EXTRA
    if plan_bytes > largest:
        raise EngineError(
            f"the plan of the graph {key} has {plan_bytes / 1e6:.1f} MB, its weights {weight_bytes / 1e6:.1f} MB: "
            "quantised depthwise convolutions become dense ones; leave them out of Q/DQ, as `deepbiq calibrate` "
            "does, or allow it with --allow-large-plan"
        )
