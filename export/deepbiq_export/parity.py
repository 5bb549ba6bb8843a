"""Part of every export: the graph in ONNX Runtime must give what the trained network gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.regression import LinearRegressor
from deepbiq_export.export_error import ExportError
from deepbiq_export.graph import FEATURES, INPUT
from deepbiq_export.score_output import SCORE
from deepbiq_export.trained_model import Reference

BATCHES = (1, 5, 25)
WINDOWS = ((1, 1), (10, 10), (6, 14), (2, 16))
"""Rows and columns of windows of the tested pictures: with windows of 224 pixels and stride 32 these are a crop,
512x512, 384x640 and 256x704."""
_SEED = 20211


@dataclass(frozen=True)
class Tolerance:
    """How far a graph may be from the trained network.

    Attributes:
        features: Largest difference as a share of the largest value.
        score: Largest difference in score points.
    """

    features: float
    score: float


FP32 = Tolerance(features=1e-3, score=0.1)
"""About 1e-6 is what folding and another library cost."""
FP16 = Tolerance(features=0.05, score=0.5)
"""Every layer's output keeps 11 bits; measured with `round_like_fp16`."""


@dataclass(frozen=True)
class Difference:
    """How far a graph is from a network: in features as a share of the largest value, in score points."""

    features: float
    score: float


def check_parity(
    graph: bytes, reference: Reference, regressor: LinearRegressor, geometry: tuple[int, int], tolerance: Tolerance
) -> Difference:
    """Compares both outputs of a graph with a network on several batches and picture sizes.

    Args:
        graph: The ONNX file.
        reference: The network that it must reproduce.
        regressor: The SVR that is inside the graph.
        geometry: Side of a window and stride, in pixels.
        tolerance: How far it may be away.

    Returns:
        The largest differences found.

    Raises:
        ExportError: When the graph does not run, or differs by more than the tolerance.
    """
    try:
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        differences = {
            images.shape: _difference(session, reference, regressor, images) for images in _pictures(*geometry)
        }
    except Exception as error:
        # ONNX Runtime raises classes of its own that share no base but Exception.
        raise ExportError(f"the exported graph does not run in ONNX Runtime: {error}") from error
    for what in ("features", "score"):
        shape, worst = max(differences.items(), key=lambda item: getattr(item[1], what))
        # Negated, so that NaN is refused too.
        if not getattr(worst, what) <= getattr(tolerance, what):
            raise ExportError(
                f"the exported graph differs from PyTorch in {what} by {getattr(worst, what):.2g} "
                f"(at most {getattr(tolerance, what)}) on images {shape}"
            )
    return Difference(
        features=max(found.features for found in differences.values()),
        score=max(found.score for found in differences.values()),
    )


def _pictures(size: int, stride: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yields smooth colourful noise: crops in each batch size, and one picture of each further size."""
    generator = np.random.default_rng(_SEED)
    sizes_hw = [(size + (rows - 1) * stride, size + (columns - 1) * stride) for rows, columns in WINDOWS]
    shapes = [(batch, *sizes_hw[0]) for batch in BATCHES] + [(1, *size_hw) for size_hw in sizes_hw[1:]]
    for batch, height, width in shapes:
        coarse = generator.integers(0, 256, (batch, height // 8, width // 8, 3), dtype=np.uint8)
        yield np.stack([cv2.resize(picture, (width, height)) for picture in coarse]).astype(np.uint8)


def _difference(
    session: onnxruntime.InferenceSession,
    reference: Reference,
    regressor: LinearRegressor,
    images: npt.NDArray[np.uint8],
) -> Difference:
    scores, found = session.run([SCORE, FEATURES], {INPUT: images})
    expected = reference(images)
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise ExportError(f"expected {expected.dtype} {expected.shape}, got {found.dtype} {found.shape}")
    predicted = np.clip(regressor.predict(expected.mean(axis=(2, 3))), SCORE_MIN, SCORE_MAX)
    return Difference(
        features=float(np.abs(found - expected).max() / np.abs(expected).max()),
        score=float(np.abs(scores - predicted).max()),
    )
