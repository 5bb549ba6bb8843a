"""ONNX Runtime on the CPU: the engine that works everywhere."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.cores import usable_cores
from deepbiq.engines.finite import check_finite
from deepbiq.engines.prepared import prepared_graph, session_options
from deepbiq.engines.projecting import project
from deepbiq.errors import EngineError
from deepbiq.graphs import Graph
from deepbiq.projection import Projection


class OnnxRuntimeEngine:
    """Runs a bundle's ONNX graph with ONNX Runtime's CPU provider.

    One inference at a time uses all its threads. Workers have one thread each: two inferences beside each other on
    two cores take less time than two on both cores in turn, as no thread ever waits for another.

    Args:
        graph: The graph.
        threads: Threads of one inference, and workers, at least 1; None takes one per core.
        projection: What `projections` will project on, where the graph can; features are then loaded when they are
            first asked for.

    Raises:
        EngineError: When ONNX Runtime refuses the graph, or it lacks one of the names.
    """

    name = "onnxruntime"
    crops_per_pass = 5
    """Five crops of 224 are as many pixels as one 512x512 picture. Larger batches fall out of the processor's
    cache: 25 at once take about a fifth longer."""
    longest_side: int | None = None

    def __init__(self, graph: Graph, *, threads: int | None, projection: Projection | None = None) -> None:
        import onnxruntime as ort

        self.precision = graph.precision
        self.version: str = ort.__version__
        self.workers = usable_cores() if threads is None else threads
        self._features = _Sessions(graph, threads)
        projecting = project(graph, projection)
        self._projections = None if projecting is None else _Sessions(projecting, threads)
        self.projection = None if projecting is None else projection
        (self._projections or self._features).start()

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D, h, w) window features; see `Engine`."""
        return self._features.run(images)

    def features_in_worker(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D, h, w) window features in the calling thread alone; see `Engine`."""
        return self._features.run_in_worker(images)

    def projections(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, K, h, w) projections; see `Projecting`."""
        assert self._projections is not None
        return self._projections.run(images)

    def projections_in_worker(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, K, h, w) projections in the calling thread alone; see `Projecting`."""
        assert self._projections is not None
        return self._projections.run_in_worker(images)

    def close(self) -> None:
        """Releases the sessions."""
        self._features.close()
        if self._projections is not None:
            self._projections.close()


class _Sessions:
    """A graph's sessions: one with all threads, and one with a single thread, each started when first needed."""

    def __init__(self, graph: Graph, threads: int | None) -> None:
        self._graph = graph
        self._threads = threads
        self._lock = Lock()
        self._started: dict[int, Any] | None = {}

    def start(self) -> None:
        """Starts the session with all threads; raises EngineError as the engine does."""
        self._session(self._threads or 0)

    def run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self._run(self._session(self._threads or 0), images)

    def run_in_worker(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self._run(self._session(1), images)

    def close(self) -> None:
        with self._lock:
            self._started = None

    def _session(self, threads: int) -> Any:
        """Returns the session with so many threads; 0 is one per physical core."""
        with self._lock:
            if self._started is None:
                raise EngineError("the engine was closed")
            if threads not in self._started:
                self._started[threads] = _start_session(self._graph, self._prepared, threads)
            return self._started[threads]

    @cached_property
    def _prepared(self) -> bytes | None:
        """What tuning kept of the graph: read once for both sessions, and not at all where none is started."""
        return prepared_graph(self._graph)

    def _run(self, session: Any, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        try:
            (result,) = session.run([self._graph.output_name], {self._graph.input_name: images})
        except Exception as error:  # ONNX Runtime raises a family of classes of its own without a common base
            raise EngineError(f"ONNX Runtime failed on input {images.shape}: {error}") from error
        values: npt.NDArray[np.float32] = result
        check_finite(values, images.shape)
        return values


def _start_session(graph: Graph, prepared: bytes | None, threads: int) -> Any:
    import onnxruntime as ort

    options = session_options(threads)
    if prepared is not None:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    model = graph.model if prepared is None else prepared
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above: no common base class
        raise EngineError(f"ONNX Runtime {ort.__version__} cannot load the graph: {error}") from error
    _check_names(graph, session)
    return session


def _check_names(graph: Graph, session: Any) -> None:
    inputs = [(item.name, item.type) for item in session.get_inputs()]
    outputs = {item.name: item.type for item in session.get_outputs()}
    if inputs != [(graph.input_name, "tensor(uint8)")]:
        raise EngineError(f"the graph's inputs are {inputs}, expected one uint8 named {graph.input_name}")
    if outputs.get(graph.output_name) != "tensor(float)":
        raise EngineError(f"the graph's outputs are {outputs}, expected a float named {graph.output_name}")
