"""The engine `tensorrt`: a proven plan behind the same protocol as every other engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Lock

import numpy as np
import numpy.typing as npt

from deepbiq.cuda import Cuda, Device
from deepbiq.engines.finite import check_finite
from deepbiq.engines.tensorrt.lane import Lane
from deepbiq.engines.tensorrt.library import tensorrt_version
from deepbiq.engines.tensorrt.network import Network
from deepbiq.engines.tensorrt.request import Shape
from deepbiq.engines.tensorrt.staging import staging_for
from deepbiq.errors import EngineError
from deepbiq.graphs import Graph


class TensorRTEngine:
    """Runs a plan with TensorRT; see `Engine`.

    Every call that works at the same time as others has a lane of its own: stream, memory, contexts and graphs.
    Lanes are made when they are needed and used again, so there are as many as calls that ever worked at once.

    Args:
        plan: The plan file's bytes, whose SHA-256 was checked.
        graph: The graph that it was built from.
        device: The device.
        cuda: Access to the device.
        dla_core: Core of the deep learning accelerator that it was built for, if any.

    Raises:
        EngineError: When TensorRT refuses the plan.
    """

    name = "tensorrt"
    workers = 2
    """While the device computes one picture, the processor makes the next one ready."""

    def __init__(
        self, plan: bytes, graph: Graph, *, device: Device, cuda: Cuda, dla_core: int | None = None
    ) -> None:
        self.precision = graph.precision
        self.version = tensorrt_version()
        self._cuda = cuda
        self._staging = staging_for(device)
        self._lock = Lock()
        self._idle: list[Lane] = []
        with cuda.active():
            network = Network(plan, graph, dla_core=dla_core)
        self._network: Network | None = network
        self.crops_per_pass = network.maximum[0]
        self.longest_side: int | None = min(network.maximum[1:])

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D, rows, columns) window features; see `Engine`."""
        with self._cuda.active():
            network = self._open_network()
            count, padded = len(images), _filled_up(images, network.minimum[0])
            shape = _shape_of(padded)
            if shape is None or not network.takes(shape):
                raise EngineError(
                    f"the engine takes uint8 pictures (N, H, W, 3) with (N, H, W) from {network.minimum} to "
                    f"{network.maximum}, got {images.dtype} {images.shape}"
                )
            with self._lane(network) as lane:
                features = lane.run(padded)[:count]
        check_finite(features, images.shape)
        return features

    def features_in_worker(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes the same as `features`: every call has a lane of its own; see `Engine`."""
        return self.features(images)

    def _open_network(self) -> Network:
        network = self._network
        if network is None:
            raise EngineError("the engine was closed")
        return network

    @contextmanager
    def _lane(self, network: Network) -> Iterator[Lane]:
        """Lends a lane; one that failed is not used again."""
        with self._lock:
            lane = self._idle.pop() if self._idle else None
        lane = Lane(self._cuda, network, self._staging) if lane is None else lane
        try:
            yield lane
        except BaseException:
            with suppress(EngineError):  # the first fault is the one to report
                lane.close()
            raise
        with self._lock:
            if self._network is not None:
                self._idle.append(lane)
                return
        lane.close()  # the engine was closed meanwhile

    def close(self) -> None:
        """Frees everything; calls that are at work finish first and free what they use."""
        with self._cuda.active(), ExitStack() as all_of_them:
            with self._lock:
                lanes, self._idle = self._idle, []
                self._network = None
            for lane in lanes:
                all_of_them.callback(lane.close)


def _shape_of(images: npt.NDArray[np.uint8]) -> Shape | None:
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        return None
    batch, height, width = images.shape[:3]
    return batch, height, width


def _filled_up(images: npt.NDArray[np.uint8], least: int) -> npt.NDArray[np.uint8]:
    """Adds black pictures where an engine was built for a larger batch, as for a deep learning accelerator."""
    if not 0 < len(images) < least:
        return images
    return np.concatenate([images, np.zeros((least - len(images), *images.shape[1:]), dtype=images.dtype)])
