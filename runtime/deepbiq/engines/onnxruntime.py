"""ONNX Runtime on the CPU: the engine that works everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.engines.finite import check_finite
from deepbiq.errors import EngineError
from deepbiq.graphs import Graph


class OnnxRuntimeEngine:
    """Runs a bundle's ONNX graph with ONNX Runtime's CPU provider.

    Args:
        graph: The graph.
        threads: Threads of one inference, at least 1; None takes ONNX Runtime's choice, one per physical core.

    Raises:
        EngineError: When ONNX Runtime refuses the graph, or it lacks one of the names.
    """

    name = "onnxruntime"
    crops_per_pass = 5
    """Five crops of 224 are as many pixels as one 512x512 picture. Larger batches fall out of the processor's
    cache: 25 at once take about a fifth longer."""
    longest_side: int | None = None

    def __init__(self, graph: Graph, *, threads: int | None) -> None:
        import onnxruntime as ort

        self.precision = graph.precision
        self.version: str = ort.__version__
        self._input_name = graph.input_name
        self._output_name = graph.output_name
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 4
        try:
            session = ort.InferenceSession(graph.model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a family of classes of its own without a common base
            raise EngineError(f"ONNX Runtime {self.version} cannot load the graph: {error}") from error
        self._check_names(session)
        self._session: Any = session

    def _check_names(self, session: Any) -> None:
        inputs = [(item.name, item.type) for item in session.get_inputs()]
        outputs = {item.name: item.type for item in session.get_outputs()}
        if inputs != [(self._input_name, "tensor(uint8)")]:
            raise EngineError(f"the graph's inputs are {inputs}, expected one uint8 named {self._input_name}")
        if outputs.get(self._output_name) != "tensor(float)":
            raise EngineError(f"the graph's outputs are {outputs}, expected a float named {self._output_name}")

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D, h, w) window features; see `Engine`."""
        if self._session is None:
            raise EngineError("the engine was closed")
        try:
            (result,) = self._session.run([self._output_name], {self._input_name: images})
        except Exception as error:  # as above: no common base class
            raise EngineError(f"ONNX Runtime failed on input {images.shape}: {error}") from error
        features: npt.NDArray[np.float32] = result
        check_finite(features, images.shape)
        return features

    def close(self) -> None:
        """Releases the session."""
        self._session = None
