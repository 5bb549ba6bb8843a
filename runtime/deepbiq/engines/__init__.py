"""Inference engines behind one small protocol, and the choice between them.

An engine runs one graph of a bundle. Each engine's module imports its own library only when it is created.
"""

from __future__ import annotations

from deepbiq.bundle import Bundle
from deepbiq.engines.protocol import Engine
from deepbiq.errors import BundleError, EngineError

ENGINES = ("onnxruntime",)

__all__ = ["ENGINES", "Engine", "create_engine"]


def create_engine(bundle: Bundle, *, engine: str, precision: str, threads: int | None) -> Engine:
    """Creates the engine that was asked for, or refuses; it never falls back to another one silently.

    Args:
        bundle: The opened bundle.
        engine: `auto` or one of `ENGINES`.
        precision: `auto` (fp32) or a precision that the bundle holds a graph for.
        threads: Threads that one inference may use; None leaves the choice to the engine.

    Raises:
        EngineError: When the engine is unknown or cannot be created.
        BundleError: When the bundle has no graph of that precision.
    """
    if engine not in ("auto", *ENGINES):
        raise EngineError(f"unknown engine {engine!r}: this deepbiq has auto, {', '.join(ENGINES)}")
    precision = "fp32" if precision == "auto" else precision
    graphs = bundle.manifest["graphs"]
    if precision not in graphs:
        raise BundleError(f"{bundle.path}: holds no {precision} graph, only {', '.join(graphs)}")
    from deepbiq.engines.onnxruntime import OnnxRuntimeEngine

    graph = graphs[precision]
    return OnnxRuntimeEngine(
        bundle.read(graph["file"]),
        precision=precision,
        input_name=bundle.manifest["input"]["name"],
        output_name=graph["output"],
        threads=threads,
    )
