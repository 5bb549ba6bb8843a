"""ONNX Runtime on the CPU: the engine that works everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.errors import EngineError


class OnnxRuntimeEngine:
    """Runs a bundle's ONNX graph with ONNX Runtime's CPU provider.

    Args:
        model: The ONNX file's bytes.
        precision: What the graph computes in, for the results.
        input_name: The uint8 NHWC BGR input.
        feature_map_name: The (N, D, h, w) output.
        features_name: The (N, D) output.
        threads: Threads of one inference, at least 1; None takes ONNX Runtime's choice, one per physical core.

    Raises:
        EngineError: When ONNX Runtime refuses the graph, or it lacks one of the names.
    """

    name = "onnxruntime"

    def __init__(
        self,
        model: bytes,
        *,
        precision: str,
        input_name: str,
        feature_map_name: str,
        features_name: str,
        threads: int | None,
    ) -> None:
        import onnxruntime as ort

        self.precision = precision
        self.version: str = ort.__version__
        self._input_name = input_name
        self._feature_map_name = feature_map_name
        self._features_name = features_name
        # Without this option every node would run, also those that only the other output needs.
        self._run_options = ort.RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 4
        try:
            session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a family of classes of its own without a common base
            raise EngineError(f"ONNX Runtime {self.version} cannot load the graph: {error}") from error
        self._check_names(session)
        self._session: Any = session

    def _check_names(self, session: Any) -> None:
        inputs = [(item.name, item.type) for item in session.get_inputs()]
        outputs = {item.name for item in session.get_outputs()}
        if inputs != [(self._input_name, "tensor(uint8)")]:
            raise EngineError(f"the graph's inputs are {inputs}, expected one uint8 named {self._input_name}")
        missing = {self._feature_map_name, self._features_name} - outputs
        if missing:
            raise EngineError(f"the graph lacks the outputs {sorted(missing)}, it has {sorted(outputs)}")

    def feature_map(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D, h, w) feature maps; see `Engine`."""
        return self._run(self._feature_map_name, images)

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes (N, D) feature vectors; see `Engine`."""
        return self._run(self._features_name, images)

    def _run(self, output: str, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if self._session is None:
            raise EngineError("the engine was closed")
        try:
            (result,) = self._session.run([output], {self._input_name: images}, self._run_options)
        except Exception as error:  # as above: no common base class
            raise EngineError(f"ONNX Runtime failed on input {images.shape}: {error}") from error
        features: npt.NDArray[np.float32] = result
        # One pass and no temporary: a NaN or infinity anywhere makes the sum of squares one, too.
        flat = features.reshape(-1)
        if not np.isfinite(np.dot(flat, flat)):
            raise EngineError(f"the network returned NaN or infinite features for input {images.shape}")
        return features

    def close(self) -> None:
        """Releases the session."""
        self._session = None
