"""A plan in TensorRT's hands: its tensors, checked, and the shapes that it takes."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from deepbiq.engines.tensorrt.messages import messages_of
from deepbiq.engines.tensorrt.request import Shape
from deepbiq.errors import EngineError
from deepbiq.graphs import Graph

if TYPE_CHECKING:
    import tensorrt as trt

PROFILE = 0
"""Engines have one optimisation profile."""


class Network:
    """A deserialised plan. To be made, used and dropped inside `cuda.active`.

    Args:
        plan: The plan file's bytes, which must come from a trusted place: a plan is executable content.
        graph: The graph that it was built from.
        dla_core: Core of the deep learning accelerator that it was built for, if any.

    Attributes:
        graph: As given.
        messages: What TensorRT says.
        minimum: Smallest (batch, height, width) of the input.
        maximum: Largest (batch, height, width) of the input.
        scratch_bytes: Device memory that a context needs while it works.

    Raises:
        EngineError: When TensorRT refuses the plan, or its tensors are not those of the graph.
    """

    def __init__(self, plan: bytes, graph: Graph, *, dla_core: int | None = None) -> None:
        import tensorrt as trt

        self.graph = graph
        self.messages = messages_of(trt)
        self._lock = Lock()
        try:
            self._runtime = trt.Runtime(self.messages.logger)
        except TypeError as error:  # how pybind11 reports that the factory returned nothing
            raise EngineError(f"TensorRT cannot start: {self.messages.take()}") from error
        if dla_core is not None:
            self._runtime.DLA_core = dla_core
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise EngineError(f"TensorRT {trt.__version__} cannot load the plan: {self.messages.take()}")
        self._engine = engine
        self._check_tensors()
        low, _, high = (tuple(dims) for dims in engine.get_tensor_profile_shape(graph.input_name, PROFILE))
        self.minimum: Shape = (low[0], low[1], low[2])
        self.maximum: Shape = (high[0], high[1], high[2])
        self.scratch_bytes = int(engine.device_memory_size_v2)

    def _check_tensors(self) -> None:
        import tensorrt as trt

        engine, graph = self._engine, self.graph
        found = {
            name: (engine.get_tensor_mode(name), engine.get_tensor_dtype(name))
            for name in map(engine.get_tensor_name, range(engine.num_io_tensors))
        }
        expected = {
            graph.input_name: (trt.TensorIOMode.INPUT, trt.DataType.UINT8),
            graph.output_name: (trt.TensorIOMode.OUTPUT, trt.DataType.FLOAT),
        }
        if found != expected:
            raise EngineError(f"the plan's tensors are {found}, expected {expected}")

    def feature_shape(self, shape: Shape) -> tuple[int, int, int, int]:
        """Returns the (N, D, rows, columns) of the features of pictures of (batch, height, width)."""
        graph = self.graph
        rows, columns = (
            (side - graph.input_size) // graph.stride + 1 + 2 * graph.outer_windows for side in shape[1:]
        )
        return shape[0], graph.feature_size, rows, columns

    def takes(self, shape: Shape) -> bool:
        """Says whether a (batch, height, width) is within the engine's range."""
        return all(low <= side <= high for low, side, high in zip(self.minimum, shape, self.maximum, strict=True))

    def new_context(self) -> trt.IExecutionContext:
        """Creates an execution context that has no scratch memory yet.

        Raises:
            EngineError: When TensorRT cannot.
        """
        import tensorrt as trt

        # TensorRT promises that contexts may work at the same time, not that they may be made at the same time.
        with self._lock:
            context = self._engine.create_execution_context(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
        if context is None:
            raise EngineError(f"TensorRT cannot create an execution context: {self.messages.take()}")
        return context
