"""All that one call at a time needs: a stream, the tensors' memory, and the network set up for a few shapes."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import ExitStack
from math import prod

import numpy as np
import numpy.typing as npt

from deepbiq.cuda import Cuda
from deepbiq.cuda.resources import Resources
from deepbiq.engines.tensorrt.network import Network
from deepbiq.engines.tensorrt.request import Shape
from deepbiq.engines.tensorrt.shape_runner import Addresses, ShapeRunner
from deepbiq.engines.tensorrt.staging import StagedTensor, Staging

KEPT_SHAPES = 8
"""Photographs come in few shapes; each costs a context and a graph, a few megabytes."""
_FLOAT_BYTES = 4
_COLOURS = 3


class Lane:
    """Runs the network for one caller at a time. To be made, used and closed inside `cuda.active`.

    Memory is allocated once, for the largest shape, so that addresses in captured graphs stay valid.

    Args:
        cuda: The device.
        network: The network.
        staging: Where the host's side of the tensors lies.

    Raises:
        EngineError: When memory does not suffice; what had been allocated is free again.
    """

    def __init__(self, cuda: Cuda, network: Network, staging: Staging) -> None:
        self._cuda = cuda
        self._network = network
        self._runners: OrderedDict[Shape, ShapeRunner] = OrderedDict()
        with ExitStack() as undo:
            resources = undo.enter_context(Resources(cuda))
            self._stream = resources.stream()
            self._done = resources.event()
            self._input = StagedTensor(resources, prod(network.maximum) * _COLOURS, staging)
            output_bytes = prod(network.feature_shape(network.maximum)) * _FLOAT_BYTES
            self._output = StagedTensor(resources, output_bytes, staging)
            scratch = resources.device_memory(network.scratch_bytes) if network.scratch_bytes else 0
            self._addresses = Addresses(self._input.address, self._output.address, scratch)
            self._resources = resources
            undo.pop_all()

    def run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes features.

        Args:
            images: (N, H, W, 3) uint8, BGR, of a shape within the engine's range.

        Returns:
            (N, D, rows, columns) float32, a fresh array.

        Raises:
            EngineError: When TensorRT or CUDA fails; the lane must then be closed.
        """
        batch, height, width = images.shape[:3]
        shape = (batch, height, width)
        runner = self._runner_of(shape)
        feature_shape = self._network.feature_shape(shape)
        output_bytes = prod(feature_shape) * _FLOAT_BYTES
        np.copyto(self._input.host[: images.size].reshape(images.shape), images)
        self._input.upload(images.size, self._stream)
        runner.start()
        self._output.download(output_bytes, self._stream)
        self._cuda.record(self._done, self._stream)
        self._cuda.wait(self._done)
        features: npt.NDArray[np.float32] = self._output.host[:output_bytes].view(np.float32).copy()
        return features.reshape(feature_shape)

    def _runner_of(self, shape: Shape) -> ShapeRunner:
        """Takes the runner of a shape, or makes one in the place of the one that was not needed for longest."""
        if shape in self._runners:
            self._runners.move_to_end(shape)
            return self._runners[shape]
        if len(self._runners) >= KEPT_SHAPES:
            self._runners.popitem(last=False)[1].close()
        runner = ShapeRunner(self._cuda, self._network, shape, self._addresses, self._stream)
        self._runners[shape] = runner
        return runner

    def close(self) -> None:
        """Frees everything; closing twice is allowed.

        Raises:
            EngineError: When something could not be freed; everything else was.
        """
        with ExitStack() as last_to_first:
            last_to_first.callback(self._resources.close)
            last_to_first.callback(self._close_runners)
            if self._runners:  # something may still be running after a failure
                last_to_first.callback(self._cuda.synchronize, self._stream)

    def _close_runners(self) -> None:
        while self._runners:
            self._runners.popitem()[1].close()
