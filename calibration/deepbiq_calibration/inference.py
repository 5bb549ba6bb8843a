"""Running graphs on calibration inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from deepbiq_calibration.calibration_error import CalibrationError
from deepbiq_calibration.network import with_outputs

Images = npt.NDArray[np.uint8]
"""What the network takes: (N, H, W, 3) uint8 BGR."""


def open_session(
    model: onnx.ModelProto, threads: int | None, *, fused: bool = True
) -> onnxruntime.InferenceSession:
    """Opens a session on the CPU.

    Args:
        model: The graph.
        threads: Threads of one inference; None takes one per physical core.
        fused: Whether ONNX Runtime may join nodes, as it does when it scores.

    Raises:
        CalibrationError: When ONNX Runtime refuses the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 4
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a family of classes of its own without a common base
        raise CalibrationError(f"ONNX Runtime {onnxruntime.__version__} cannot load the graph: {error}") from error


def run_on(
    model: onnx.ModelProto, tensors: Sequence[str], inputs: Iterable[Images], threads: int | None
) -> Iterator[list[npt.NDArray[np.float32]]]:
    """Runs a graph up to some of its tensors.

    Args:
        model: The graph.
        tensors: What to compute.
        inputs: One array per pass.
        threads: Threads of one inference.

    Yields:
        The values of `tensors`, for each input.
    """
    session = open_session(with_outputs(model, tensors), threads)
    name = model.graph.input[0].name
    for images in inputs:
        yield session.run(list(tensors), {name: images})
