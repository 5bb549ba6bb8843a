"""What an export starts from, whatever framework trained it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Reference = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""The trained network in its own framework: images (N, H, W, 3) uint8 BGR, H and W the crop size plus multiples of
the stride, to the features of its windows, (N, D, rows, columns) float32."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained model, ready to become a bundle.

    Attributes:
        description: What the checkpoint says of itself (`checkpoint.json`).
        feature_layer: The layer whose output is the feature, in words.
        feature_size: Length D of a feature vector.
        stride: Pixels from one window to the next.
        outer_windows: Windows at each edge that reach over it.
        input_size: Side of a crop in pixels.
        mean: Red, green, blue: subtracted from pixels, inside the graph.
        std: Red, green, blue: what pixels are divided by, inside the graph.
        raw_graph: The exporter's ONNX file, before `clean_graph`.
        regressors: npz bytes by path inside the bundle.
        reference: The network that the graph must reproduce.
        reference_of: The same network with the weights that an ONNX file of it holds.
    """

    description: Mapping[str, Any]
    feature_layer: str
    feature_size: int
    stride: int
    outer_windows: int
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    raw_graph: bytes
    regressors: Mapping[str, bytes]
    reference: Reference
    reference_of: Callable[[bytes], Reference]
