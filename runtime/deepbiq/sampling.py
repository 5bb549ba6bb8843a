"""Sampling: from a picture to what the network takes, by plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.crops import WHOLE_MARGIN, crop_positions, cut_crops, pad_to_size, whole_crop
from deepbiq.dense import pad_to_stride
from deepbiq.plans import Plan


@dataclass(frozen=True, eq=False)
class Sample:
    """What the network takes of one picture.

    Attributes:
        images: (N, S, S, 3) uint8 BGR crops, or for `dense` the padded picture as (1, H, W, 3).
        positions: (N, 2), rows of (top, left) of the crops in the picture; None for `dense`.
        extent: Side of a crop in pixels of the picture.
        picture_hw: Size of the picture before padding.
    """

    images: npt.NDArray[np.uint8]
    positions: npt.NDArray[np.float64] | None
    extent: float
    picture_hw: tuple[int, int]


def sample(bgr: npt.NDArray[np.uint8], plan: Plan, size: int, stride: int) -> Sample:
    """Samples a picture.

    Args:
        bgr: (H, W, 3) uint8, BGR, contiguous, already at its scale.
        plan: The plan.
        size: Side of the network's input crop in pixels.
        stride: Pixels from one window of `dense` to the next.
    """
    height, width = bgr.shape[:2]
    if plan.family == "dense":
        return Sample(pad_to_stride(bgr, size, stride)[None], None, size, (height, width))
    if plan.family == "whole":
        # Seen from the picture, the centre crop of the resized picture has this size and place.
        extent = min(height, width) * size / (size + WHOLE_MARGIN)
        centre = np.array([[(height - extent) / 2, (width - extent) / 2]])
        return Sample(whole_crop(bgr, size), centre, extent, (height, width))
    padded = pad_to_size(bgr, size, size)
    positions = crop_positions(padded, plan, size)
    return Sample(cut_crops(padded, positions, size), positions.astype(np.float64), size, (height, width))
