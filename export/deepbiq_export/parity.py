"""Part of every export: the graph in ONNX Runtime must give what the trained network gives."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from deepbiq_export.export_error import ExportError
from deepbiq_export.graph import FEATURES, INPUT
from deepbiq_export.trained_model import Reference, TrainedModel

BATCHES = (1, 5, 25)
WINDOWS = ((1, 1), (10, 10), (6, 14), (2, 16))
"""Rows and columns of windows of the tested pictures: with windows of 224 pixels and stride 32 these are a crop,
512x512, 384x640 and 256x704."""
TOLERANCE = 1e-3
"""Largest difference as a share of the largest value; about 1e-6 is what folding and another library cost."""
_SEED = 20211


def check_parity(graph: bytes, model: TrainedModel) -> float:
    """Compares a graph with the trained network on several batches and picture sizes.

    Args:
        graph: The ONNX file.
        model: The trained network and the size of its windows.

    Returns:
        The largest difference found, as a share of the largest value.

    Raises:
        ExportError: When the graph does not run, or differs by more than `TOLERANCE`.
    """
    try:
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        differences = {
            images.shape: _difference(session, model.reference, images)
            for images in _pictures(model.input_size, model.stride)
        }
    except Exception as error:
        # ONNX Runtime raises classes of its own that share no base but Exception.
        raise ExportError(f"the exported graph does not run in ONNX Runtime: {error}") from error
    shape, worst = max(differences.items(), key=lambda item: item[1])
    if not worst <= TOLERANCE:
        raise ExportError(f"the exported graph differs from PyTorch by {worst:.2g} (relative) on images {shape}")
    return worst


def _pictures(size: int, stride: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yields smooth colourful noise: crops in each batch size, and one picture of each further size."""
    generator = np.random.default_rng(_SEED)
    sizes_hw = [(size + (rows - 1) * stride, size + (columns - 1) * stride) for rows, columns in WINDOWS]
    shapes = [(batch, *sizes_hw[0]) for batch in BATCHES] + [(1, *size_hw) for size_hw in sizes_hw[1:]]
    for batch, height, width in shapes:
        coarse = generator.integers(0, 256, (batch, height // 8, width // 8, 3), dtype=np.uint8)
        yield np.stack([cv2.resize(picture, (width, height)) for picture in coarse]).astype(np.uint8)


def _difference(
    session: onnxruntime.InferenceSession, reference: Reference, images: npt.NDArray[np.uint8]
) -> float:
    (found,) = session.run([FEATURES], {INPUT: images})
    expected = reference(images)
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise ExportError(f"expected {expected.dtype} {expected.shape}, got {found.dtype} {found.shape}")
    return float(np.abs(found - expected).max() / np.abs(expected).max())
