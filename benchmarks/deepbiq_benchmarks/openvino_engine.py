"""The engine `openvino`: what `deepbiq bench peers` compares ONNX Runtime with; no scorer takes it by itself.

As long as it is not clearly faster on the same graph (see benchmarks/README.md), deepbiq has one engine for CPUs.

It reads the same ONNX files and never computes in less than the graph says: OpenVINO's own choice, bfloat16 where
the processor has it, would be another precision under the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.cores import usable_cores
from deepbiq.engines.finite import check_finite
from deepbiq.errors import EngineError
from deepbiq.extras import require_extra
from deepbiq.graphs import Graph


class OpenVinoEngine:
    """Runs a bundle's ONNX graph with OpenVINO's CPU plugin.

    Args:
        graph: The graph.
        threads: Threads of one inference, and workers, at least 1; None takes one per core.

    Raises:
        MissingExtraError: When OpenVINO is not installed.
        EngineError: When it refuses the graph, or the graph lacks one of the names.
    """

    name = "openvino"
    crops_per_pass = 5
    longest_side: int | None = None

    def __init__(self, graph: Graph, *, threads: int | None) -> None:
        require_extra("peers", "openvino")
        import openvino

        self.precision = graph.precision
        self.version: str = openvino.__version__.partition("-")[0]
        self.workers = usable_cores() if threads is None else threads
        self._graph = graph
        self._lock = Lock()
        self._for_workers: _Compiled | None = None
        self._for_one: _Compiled | None = self._compile(PERFORMANCE_HINT="LATENCY", NUM_STREAMS=1)

    def _compile(self, **settings: Any) -> _Compiled:
        import openvino

        core = openvino.Core()
        fixed = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": self.workers}
        try:
            model = core.read_model(self._graph.model)
            self._check_names(model)
            return _Compiled(core.compile_model(model, "CPU", {**fixed, **settings}), self._graph)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO {self.version} cannot load the graph: {error}") from error

    def _check_names(self, model: Any) -> None:
        inputs = [(item.any_name, item.element_type.get_type_name()) for item in model.inputs]
        outputs = {name: item.element_type.get_type_name() for item in model.outputs for name in item.names}
        wanted_input, wanted_output = self._graph.input_name, self._graph.output_name
        if inputs != [(wanted_input, "u8")]:
            raise EngineError(f"the graph's inputs are {inputs}, expected one uint8 named {wanted_input}")
        if outputs.get(wanted_output) != "f32":
            raise EngineError(f"the graph's outputs are {outputs}, expected a float named {wanted_output}")

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D, h, w) window features; see `Engine`."""
        return self._run(self._for_one, images)

    def features_in_worker(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D, h, w) window features with one thread; see `Engine`."""
        with self._lock:
            if self._for_workers is None and self._for_one is not None:
                self._for_workers = self._compile(PERFORMANCE_HINT="THROUGHPUT", NUM_STREAMS=self.workers)
            compiled = self._for_workers
        return self._run(compiled, images)

    def _run(self, compiled: _Compiled | None, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if compiled is None:
            raise EngineError("the engine was closed")
        # OpenVINO converts what is not uint8 in silence, and takes any number of channels.
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise EngineError(f"the engine takes uint8 pictures (N, H, W, 3), got {images.dtype} {images.shape}")
        try:
            features = compiled.run(images)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on input {images.shape}: {error}") from error
        check_finite(features, images.shape)
        return features

    def close(self) -> None:
        """Releases what was compiled."""
        with self._lock:
            self._for_one = self._for_workers = None


class _Compiled:
    """A compiled network with a request for every call that ever worked at the same time as others."""

    def __init__(self, compiled: Any, graph: Graph) -> None:
        self._compiled = compiled
        self._graph = graph
        self._lock = Lock()
        self._idle: list[Any] = []

    def run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with self._request() as request:
            result: npt.NDArray[np.float32] = request.infer({self._graph.input_name: images})[
                self._graph.output_name
            ]
        return result

    @contextmanager
    def _request(self) -> Iterator[Any]:
        with self._lock:
            request = self._idle.pop() if self._idle else None
        request = self._compiled.create_infer_request() if request is None else request
        try:
            yield request
        finally:
            with self._lock:
                self._idle.append(request)
