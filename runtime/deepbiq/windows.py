"""Windows: averages of a feature map over every crop-sized square, by an integral image.

The feature vector of a crop is the average of its cells, so on the feature map of a whole picture every
crop-sized window is a crop whose features come at the price of four additions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def window_means(cells: npt.NDArray[np.floating[Any]], window: int) -> npt.NDArray[np.float64]:
    """Averages over every `window` x `window` square of the last two axes, stride one cell.

    Args:
        cells: (..., h, w) floating point, h and w at least `window`.
        window: Side of the square in cells, at least 1.

    Returns:
        (..., h - window + 1, w - window + 1) float64.

    Raises:
        ValueError: When the map is smaller than a window.
    """
    height, width = cells.shape[-2:]
    if not 1 <= window <= min(height, width):
        raise ValueError(f"a window of {window} cells does not fit a map of {height}x{width}")
    integral = np.zeros((*cells.shape[:-2], height + 1, width + 1), dtype=np.float64)
    np.cumsum(cells, axis=-2, dtype=np.float64, out=integral[..., 1:, 1:])
    np.cumsum(integral, axis=-1, out=integral)
    bottom, top = integral[..., window:, :], integral[..., :-window, :]
    strips = bottom - top
    means: npt.NDArray[np.float64] = (strips[..., window:] - strips[..., :-window]) / (window * window)
    return means
