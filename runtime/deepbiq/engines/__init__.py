"""Inference engines behind one small protocol, and the choice between them.

An engine runs one graph of a bundle. Each engine's module imports its own library only when it is created. Engines
of other packages are found by the entry-point group `deepbiq.engines`, name -> `module:factory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from deepbiq.bundle import Bundle
from deepbiq.engines.protocol import Engine
from deepbiq.errors import EngineError
from deepbiq.graphs import graph_of
from deepbiq.plans import Plan

ENGINES = ("onnxruntime", "tensorrt")
"""What deepbiq itself brings."""
ENGINE_HELP = f"auto, {', '.join(ENGINES)}, or pytorch where the extra export is installed."

__all__ = ["ENGINES", "ENGINE_HELP", "Engine", "create_engine", "engine_names"]


@cache
def _registered() -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="deepbiq.engines")}


def engine_names() -> tuple[str, ...]:
    """Names every engine that can be asked for."""
    return (*ENGINES, *sorted(_registered()))


def create_engine(bundle: Bundle, *, engine: str, precision: str, threads: int | None, plan: Plan) -> Engine:
    """Creates the engine that was asked for, or refuses; only `auto` chooses, and says what it passed over.

    Args:
        bundle: The opened bundle.
        engine: `auto` or one of `engine_names()`. `auto` takes TensorRT on an NVIDIA device where an engine is in
            the cache or can be built, and ONNX Runtime otherwise.
        precision: `auto` or a precision that the bundle holds a graph for. `auto` takes FP16 with TensorRT where
            the bundle holds it, and FP32 otherwise.
        threads: Threads that one inference on the CPU may use; None leaves the choice to the engine.
        plan: The sampling plan, which decides what shapes an engine is built for.

    Raises:
        OptionError: When there is no such precision.
        EngineError: When the engine is unknown or cannot be created.
        BundleError: When the bundle has no graph of that precision.
    """
    if engine not in ("auto", *engine_names()):
        raise EngineError(f"unknown engine {engine!r}: this deepbiq has auto, {', '.join(engine_names())}")
    if engine == "auto":
        return _automatic(bundle, precision, plan) or _onnxruntime(bundle, precision, threads)
    if engine == "tensorrt":
        return _tensorrt(bundle, precision, plan)
    if engine == "onnxruntime":
        return _onnxruntime(bundle, precision, threads)
    graph = graph_of(bundle, "fp32" if precision == "auto" else precision, engine)
    created: Engine = _registered()[engine].load()(graph, threads=threads)
    return created


def _automatic(bundle: Bundle, precision: str, plan: Plan) -> Engine | None:
    from deepbiq.engines.automatic import tensorrt_if_possible

    return tensorrt_if_possible(bundle, precision, plan)


def _tensorrt(bundle: Bundle, precision: str, plan: Plan) -> Engine:
    from deepbiq.engines.tensorrt.prepare import start_engine

    try:
        return start_engine(bundle, precision, plan)
    except EngineError as error:
        raise EngineError(f"engine tensorrt: {error}") from error


def _onnxruntime(bundle: Bundle, precision: str, threads: int | None) -> Engine:
    from deepbiq.engines.onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine(
        graph_of(bundle, "fp32" if precision == "auto" else precision, "onnxruntime"), threads=threads
    )
