"""The engine `pytorch`: runs a bundle's FP32 graph in the framework that trained it.

It is what `deepbiq bench parity` holds every other engine against; nobody deploys it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepbiq.engines.finite import check_finite
from deepbiq.errors import EngineError
from deepbiq.extras import require_extra
from deepbiq.graphs import Graph


class PyTorchEngine:
    """Runs the backbone's own PyTorch code with the weights of an FP32 graph, on the CPU.

    Args:
        graph: The graph.
        threads: Threads of torch, for the whole process until the engine is closed; None leaves torch's choice.

    Raises:
        MissingExtraError: When torch or onnx is not installed.
        EngineError: When the graph is of another precision, not readable, or does not say of which network it is.
    """

    name = "pytorch"
    crops_per_pass = 5
    longest_side: int | None = None
    workers = 1

    def __init__(self, graph: Graph, *, threads: int | None) -> None:
        require_extra("export", "torch", "onnx", "safetensors")
        import onnx
        import torch

        from deepbiq_export.from_pytorch import reference_of_graph

        if graph.kind != "fp32":
            raise EngineError(f"the engine pytorch runs fp32 only, got {graph.key}")
        self.precision = graph.precision
        self.version = torch.__version__
        try:
            told = {item.key: item.value for item in onnx.load_model_from_string(graph.model).metadata_props}
        except Exception as error:  # protobuf's own classes, which onnx does not name
            raise EngineError(f"the graph cannot be read: {error}") from error
        if "backbone" not in told:
            raise EngineError("the graph does not say of which network it is: export the bundle again")
        self._run = reference_of_graph(graph.model, told["backbone"])
        self._closed = False
        # Last, so that an engine that could not be made changes nothing.
        self._threads_before = None if threads is None else torch.get_num_threads()
        if threads is not None:
            torch.set_num_threads(threads)

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D, rows, columns) window features; see `Engine`."""
        if self._closed:
            raise EngineError("the engine was closed")
        features = self._run(images)
        check_finite(features, images.shape)
        return features

    def features_in_worker(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes the same as `features`: one worker has all of torch's threads; see `Engine`."""
        return self.features(images)

    def close(self) -> None:
        """Gives torch the number of threads back that it had, and refuses later calls."""
        import torch

        if self._threads_before is not None:
            # Results of whatever else this process does with torch depend on it, in their last bits.
            torch.set_num_threads(self._threads_before)
            self._threads_before = None
        self._closed = True
