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

ENGINES = ("onnxruntime",)
"""What deepbiq itself brings."""
ENGINE_HELP = f"auto, {', '.join(ENGINES)}, or pytorch where the extra export is installed."

__all__ = ["ENGINES", "ENGINE_HELP", "Engine", "create_engine", "engine_names"]


@cache
def _registered() -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="deepbiq.engines")}


def engine_names() -> tuple[str, ...]:
    """Names every engine that can be asked for."""
    return (*ENGINES, *sorted(_registered()))


def create_engine(bundle: Bundle, *, engine: str, precision: str, threads: int | None) -> Engine:
    """Creates the engine that was asked for, or refuses; it never falls back to another one silently.

    Args:
        bundle: The opened bundle.
        engine: `auto` or one of `engine_names()`.
        precision: `auto` (fp32) or a precision that the bundle holds a graph for.
        threads: Threads that one inference may use; None leaves the choice to the engine.

    Raises:
        OptionError: When there is no such precision.
        EngineError: When the engine is unknown or cannot be created.
        BundleError: When the bundle has no graph of that precision.
    """
    if engine not in ("auto", *engine_names()):
        raise EngineError(f"unknown engine {engine!r}: this deepbiq has auto, {', '.join(engine_names())}")
    graph = graph_of(bundle, "fp32" if precision == "auto" else precision, engine)
    if engine in _registered():
        created: Engine = _registered()[engine].load()(graph, threads=threads)
        return created
    from deepbiq.engines.onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine(graph, threads=threads)
