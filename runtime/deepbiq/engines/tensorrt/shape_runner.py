"""The network set up for one shape of input, and the CUDA graph of its work.

A CUDA graph belongs to the state of the execution context that it was captured from: setting another shape makes it
invalid. So every shape has a context of its own; they share scratch memory, since only one of them works at a time.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from deepbiq.cuda import Cuda
from deepbiq.cuda.capture import capture
from deepbiq.engines.tensorrt.network import PROFILE, Network
from deepbiq.engines.tensorrt.request import Shape
from deepbiq.errors import EngineError


@dataclass(frozen=True)
class Addresses:
    """Where on the device the tensors and the scratch memory lie; none of it is owned here."""

    input: int
    output: int
    scratch: int


class ShapeRunner:
    """Runs the network on one stream for pictures of one shape.

    The first run is an ordinary one: TensorRT finishes its preparations in it, which cannot be captured. The second
    one captures. Where capturing is not possible all runs are ordinary ones.

    Args:
        cuda: The device.
        network: The network.
        shape: (batch, height, width) of the input.
        addresses: Where its memory lies.
        stream: The stream that all runs use.

    Raises:
        EngineError: When TensorRT does not take the shape or an address.
    """

    def __init__(self, cuda: Cuda, network: Network, shape: Shape, addresses: Addresses, stream: int) -> None:
        self._cuda = cuda
        self._network = network
        self._stream = stream
        self._warm = False
        self._may_capture = True
        self._executable: int | None = None
        self._context = network.new_context()
        self._set_up(shape, addresses)

    def _set_up(self, shape: Shape, addresses: Addresses) -> None:
        context, graph = self._context, self._network.graph
        if context.active_optimization_profile != PROFILE:
            self._check(context.set_optimization_profile_async(PROFILE, self._stream), "the profile")
        if self._network.scratch_bytes:
            context.set_device_memory(addresses.scratch, self._network.scratch_bytes)
        self._check(context.set_input_shape(graph.input_name, (*shape, 3)), f"input shape {(*shape, 3)}")
        for name, address in ((graph.input_name, addresses.input), (graph.output_name, addresses.output)):
            self._check(context.set_tensor_address(name, address), f"the address of {name}")
        missing = context.infer_shapes()
        found, expected = tuple(context.get_tensor_shape(graph.output_name)), self._network.feature_shape(shape)
        if missing or found != expected:
            unknown = f", and {', '.join(missing)} unknown" if missing else ""
            raise EngineError(f"the engine makes features {found} of input {(*shape, 3)}{unknown}, not {expected}")

    def start(self) -> None:
        """Gives one run to the stream.

        Raises:
            EngineError: When TensorRT or CUDA refuses.
        """
        if self._executable is None and self._warm and self._may_capture:
            self._try_to_capture()
        if self._executable is not None:
            self._cuda.launch(self._executable, self._stream)
        else:
            self._enqueue()
            self._warm = True

    def _try_to_capture(self) -> None:
        try:
            self._executable = capture(self._cuda, self._stream, self._enqueue)
        except EngineError:
            # Some layers cannot be captured. If the fault lies elsewhere, the ordinary run will say so.
            self._may_capture = False

    def _enqueue(self) -> None:
        self._check(self._context.execute_async_v3(self._stream), "to run")

    def _check(self, success: bool, what: str) -> None:
        if not success:
            raise EngineError(f"TensorRT refused {what}: {self._network.messages.take()}")

    def close(self) -> None:
        """Destroys the graph and the context; the stream must be idle."""
        if self._executable is not None:
            with suppress(EngineError):  # the device has failed before, which has been reported
                self._cuda.destroy_executable(self._executable)
            self._executable = None
        del self._context
