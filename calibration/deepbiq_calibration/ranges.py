"""Ranges of activations, by ONNX Runtime's calibrators: min-max, entropy, percentile, smallest squared error.

ONNX Runtime has the first three. The fourth (ModelOpt's needs PyTorch, which no device should) takes the histograms
that ONNX Runtime collects and only chooses another border from them.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import onnx
from onnx import shape_inference
from onnxruntime.quantization import CalibrationMethod, MinMaxCalibrater, TensorsData
from onnxruntime.quantization.calibrate import EntropyCalibrater, HistogramCalibrater, PercentileCalibrater

from deepbiq.errors import OptionError
from deepbiq_calibration.inference import Images

Method = Literal["minmax", "entropy", "percentile", "mse"]
METHODS: tuple[Method, ...] = get_args(Method)
HISTOGRAM_INPUTS = 16
"""Histograms take a second per input; these many fill them."""
_SQUARED_ERROR_BINS = 2048
_PERCENTILE = 99.999
"""ONNX Runtime's own."""
_SHARES = np.linspace(0.3, 1.0, 71)
"""Of the whole range, which the squared error is computed for."""

Range = tuple[float, float]


class SquaredErrorCalibrater(HistogramCalibrater):  # type: ignore[misc]  # ONNX Runtime has no annotations
    """Chooses for each tensor the share of its range that 8 bits store with the smallest squared error."""

    def __init__(self, model_path: Path, **settings: Any) -> None:
        # Which collector fills the histogram goes by the name of its method: entropy's covers -peak..peak.
        super().__init__(model_path, method="entropy", num_bins=_SQUARED_ERROR_BINS, **settings)

    def compute_data(self) -> TensorsData:
        """Returns the ranges by tensor."""
        ranges = {}
        for name, (counts, edges, low, high, _) in self.collector.get_histogram_dict().items():
            share = best_share(counts, edges, (float(low), float(high)), symmetric=self.symmetric)
            ranges[name] = (np.float32(share * low), np.float32(share * high))
        return TensorsData(CalibrationMethod.MinMax, ranges)


def best_share(
    counts: npt.NDArray[np.int64], edges: npt.NDArray[np.floating[Any]], full: Range, *, symmetric: bool
) -> float:
    """Finds the share of a range that loses least when values are rounded to 8 bits inside it and cut off outside.

    Args:
        counts: (B,) values per bin.
        edges: (B + 1,) borders of the bins.
        full: Least and largest value.
        symmetric: Whether nought lies in the middle (255 steps) or the range is its own (256 levels).

    Returns:
        A share, 0.3..1; the largest of those that lose the same.
    """
    centres = (edges[:-1] + edges[1:]) / 2
    low, high = min(full[0], 0.0), max(full[1], 0.0)
    if symmetric:
        low, high = -max(-low, high), max(-low, high)
    if high == low:
        return 1.0
    steps = 254 if symmetric else 255
    errors = []
    for share in _SHARES:
        step = share * (high - low) / steps
        stored = np.clip(np.round(centres / step) * step, share * low, share * high)
        errors.append(float(np.sum(counts * (stored - centres) ** 2)))
    least = min(errors)
    return float(max(share for share, error in zip(_SHARES, errors, strict=True) if error == least))


def collect_ranges(
    model: onnx.ModelProto,
    tensors: Iterable[str],
    inputs: Sequence[Images],
    method: Method,
    *,
    symmetric: bool,
) -> TensorsData:
    """Collects the ranges of tensors.

    Args:
        model: The FP32 network.
        tensors: Names.
        inputs: What scoring feeds the network, one array per pass; at least one. Memory is that of one pass.
        method: How the range is chosen from the values.
        symmetric: Whether nought will lie in the middle.

    Raises:
        OptionError: When there is nothing to calibrate on.
    """
    if not inputs:
        raise OptionError("there are no pictures to calibrate on")
    known = shape_inference.infer_shapes(model)
    # Where the calibrators print what they do is where results are printed.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        file = Path(folder) / "network.onnx"
        onnx.save(known, file)
        calibrater = _calibrater(method, file, symmetric)
        _restrict(calibrater, set(tensors))
        calibrater.augment_graph()
        calibrater.create_inference_session()
        name = model.graph.input[0].name
        for images in inputs if method == "minmax" else inputs[:HISTOGRAM_INPUTS]:
            calibrater.collect_data(_OnePass({name: images}))
        return calibrater.compute_data()


def _calibrater(method: Method, file: Path, symmetric: bool) -> Any:
    settings: dict[str, Any] = {
        "augmented_model_path": str(file.with_name("augmented.onnx")),
        "symmetric": symmetric,
    }
    if method == "minmax":
        return MinMaxCalibrater(file, **settings)
    if method == "entropy":
        return EntropyCalibrater(file, **settings)
    if method == "percentile":
        return PercentileCalibrater(file, percentile=_PERCENTILE, **settings)
    return SquaredErrorCalibrater(file, **settings)


def _restrict(calibrater: Any, tensors: set[str]) -> None:
    """Lets a calibrater look at these tensors only: every one more costs memory and time."""
    select = calibrater.select_tensors_to_calibrate

    def chosen(model: onnx.ModelProto) -> tuple[set[str], Any]:
        found, infos = select(model)
        return found & tensors, infos

    calibrater.select_tensors_to_calibrate = chosen


class _OnePass:
    """What ONNX Runtime reads inputs from, with one input."""

    def __init__(self, feed: dict[str, Images]) -> None:
        self._left: list[dict[str, Images]] = [feed]

    def get_next(self) -> dict[str, Images] | None:
        """Returns the input, then None."""
        return self._left.pop() if self._left else None

    def __len__(self) -> int:
        return len(self._left)
