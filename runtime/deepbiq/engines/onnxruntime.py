"""ONNX Runtime on the CPU: the engine that works everywhere."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.cores import usable_cores
from deepbiq.engines.finite import check_finite
from deepbiq.engines.prepared import prepared_graph, session_options
from deepbiq.errors import EngineError
from deepbiq.graphs import Graph


class OnnxRuntimeEngine:
    """Runs a bundle's ONNX graph with ONNX Runtime's CPU provider.

    One inference at a time uses all its threads. Workers have one thread each: two inferences beside each other on
    two cores take less time than two on both cores in turn, as no thread ever waits for another.

    Args:
        graph: The graph.
        threads: Threads of one inference, and workers, at least 1; None takes one per core.

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
        self.workers = usable_cores() if threads is None else threads
        self._graph = graph
        self._prepared = prepared_graph(graph)
        self._lock = Lock()
        self._worker_session: Any = None
        self._session: Any = self._start_session(threads or 0)
        self._check_names(self._session)

    def _start_session(self, threads: int) -> Any:
        import onnxruntime as ort

        options = session_options(threads)
        model = self._graph.model
        if self._prepared is not None:
            model = self._prepared
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a family of classes of its own without a common base
            raise EngineError(f"ONNX Runtime {self.version} cannot load the graph: {error}") from error

    def _check_names(self, session: Any) -> None:
        inputs = [(item.name, item.type) for item in session.get_inputs()]
        outputs = {item.name: item.type for item in session.get_outputs()}
        wanted_input, wanted_output = self._graph.input_name, self._graph.output_name
        if inputs != [(wanted_input, "tensor(uint8)")]:
            raise EngineError(f"the graph's inputs are {inputs}, expected one uint8 named {wanted_input}")
        if outputs.get(wanted_output) != "tensor(float)":
            raise EngineError(f"the graph's outputs are {outputs}, expected a float named {wanted_output}")

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D, h, w) window features; see `Engine`."""
        return self._run(self._session, images)

    def features_in_worker(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D, h, w) window features in the calling thread alone; see `Engine`."""
        with self._lock:
            if self._worker_session is None and self._session is not None:
                self._worker_session = self._session if self.workers == 1 else self._start_session(1)
            session = self._worker_session
        return self._run(session, images)

    def _run(self, session: Any, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if session is None:
            raise EngineError("the engine was closed")
        try:
            (result,) = session.run([self._graph.output_name], {self._graph.input_name: images})
        except Exception as error:  # as above: no common base class
            raise EngineError(f"ONNX Runtime failed on input {images.shape}: {error}") from error
        features: npt.NDArray[np.float32] = result
        check_finite(features, images.shape)
        return features

    def close(self) -> None:
        """Releases the sessions."""
        with self._lock:
            self._session = self._worker_session = None
