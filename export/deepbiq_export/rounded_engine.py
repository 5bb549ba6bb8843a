"""The engine `rounded-fp16`: shows on a CPU what a GPU's FP16 storage does to scores.

An export and `deepbiq bench parity` judge FP16 by it where there is no GPU; it is slow, and nobody deploys it.
"""

from __future__ import annotations

from dataclasses import replace

from deepbiq.engines.onnxruntime import OnnxRuntimeEngine
from deepbiq.errors import EngineError
from deepbiq.extras import require_extra
from deepbiq.graphs import Graph


class RoundedHalfEngine(OnnxRuntimeEngine):
    """Runs a graph with ONNX Runtime, every FP16 value rounded as a GPU stores it.

    Args:
        graph: A graph that computes in FP16, at least in part.
        threads: As for ONNX Runtime.

    Raises:
        MissingExtraError: When onnx is not installed.
        EngineError: When the graph cannot be read or run, or holds nothing in FP16.
    """

    name = "rounded-fp16"

    def __init__(self, graph: Graph, *, threads: int | None) -> None:
        require_extra("export", "onnx")
        from deepbiq_export.half_rounding import round_like_fp16

        try:
            rounded = round_like_fp16(graph.model)
        except Exception as error:  # protobuf's and onnx's own classes, without a common base
            raise EngineError(f"the graph {graph.key} cannot be rounded like FP16: {error}") from error
        super().__init__(replace(graph, model=rounded), threads=threads)
