"""Inference engines behind one small protocol, and the choice between them.

An engine runs one graph of a bundle. Each engine's module imports its own library only when it is created. Engines
of other packages are found by the entry-point group `deepbiq.engines`, name -> `module:factory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from deepbiq.bundle import Bundle
from deepbiq.configuration import AUTO, Configuration
from deepbiq.engines.protocol import Engine, Projecting
from deepbiq.errors import EngineError
from deepbiq.graphs import CPU_INT8, graph_of, keeps_accuracy
from deepbiq.plans import Plan
from deepbiq.setting import Setting

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENGINES = ("onnxruntime", "tensorrt")
"""What deepbiq itself brings."""
ENGINE_HELP = f"auto, {', '.join(ENGINES)}; pytorch with the extra export, openvino with the extra peers."

__all__ = ["ENGINES", "ENGINE_HELP", "Engine", "Projecting", "create_engine", "engine_names"]


@cache
def _registered() -> Mapping[str, EntryPoint]:
    # Importing this takes longer than most of deepbiq: only who names such an engine waits for it.
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group="deepbiq.engines")}


def engine_names() -> tuple[str, ...]:
    """Names every engine that can be asked for."""
    return (*ENGINES, *sorted(_registered()))


def create_engine(bundle: Bundle, setting: Setting, wanted: Configuration) -> Engine:
    """Creates the engine that was asked for, or refuses; only `auto` chooses, and says what it passed over.

    The engine `auto` takes TensorRT on an NVIDIA device where an engine is in the cache or can be built, and ONNX
    Runtime otherwise. The precision `auto` takes FP16 with TensorRT where the bundle holds it, INT8 with ONNX
    Runtime where it is known to keep accuracy, and FP32 otherwise.

    Args:
        bundle: The opened bundle.
        setting: Its plan decides what shapes an engine is built for, with the pooling what INT8 is known to keep.
        wanted: Engine, precision and threads.

    Raises:
        OptionError: When there is no such precision.
        EngineError: When the engine is unknown or cannot be created.
        BundleError: When the bundle has no graph of that precision.
    """
    name, precision = wanted.engine, wanted.precision
    if name not in (AUTO, *ENGINES) and name not in _registered():
        raise EngineError(f"unknown engine {name!r}: this deepbiq has auto, {', '.join(engine_names())}")
    if name == AUTO:
        return _automatic(bundle, precision, setting.plan) or _onnxruntime(bundle, setting, wanted)
    if name == "tensorrt":
        return _tensorrt(bundle, precision, setting.plan)
    if name == "onnxruntime":
        return _onnxruntime(bundle, setting, wanted)
    graph = graph_of(bundle, "fp32" if precision == AUTO else precision, name)
    created: Engine = _registered()[name].load()(graph, threads=wanted.threads)
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


def _onnxruntime(bundle: Bundle, setting: Setting, wanted: Configuration) -> Engine:
    from deepbiq.engines.onnxruntime import OnnxRuntimeEngine

    precision = _precision_on_cpus(bundle, setting) if wanted.precision == AUTO else wanted.precision
    graph = graph_of(bundle, precision, "onnxruntime")
    return OnnxRuntimeEngine(graph, threads=wanted.threads, projection=setting.projection)


def _precision_on_cpus(bundle: Bundle, setting: Setting) -> str:
    """Chooses a precision unmeasured: INT8, nearly always the faster one, where it is known to keep accuracy."""
    keeps = keeps_accuracy(bundle.manifest, CPU_INT8, setting.plan, setting.pooling)
    return "int8" if keeps else "fp32"
