"""The quality map: where in a picture the quality is, and an overlay to look at.

A map has one cell per `stride` pixels of the picture that the network saw. Its value is the prediction of the
window around the cell, or with a plan of crops the mean prediction of the crops that cover it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.labels import SCORE_MAX, SCORE_MIN


def map_of_crops(
    crop_scores: npt.NDArray[np.float64],
    positions: npt.NDArray[np.floating[Any]] | npt.NDArray[np.int64],
    size: float,
    picture_hw: tuple[int, int],
    stride: int,
) -> npt.NDArray[np.float64]:
    """Averages, for every cell, the predictions of the crops that cover the cell's centre.

    Args:
        crop_scores: (N,) predictions.
        positions: (N, 2), rows of (top, left) in pixels.
        size: Side of a crop in pixels.
        picture_hw: Size of the picture in pixels.
        stride: Pixels per cell.

    Returns:
        (ceil(H / stride), ceil(W / stride)) float64, not clipped; NaN where no crop lies.
    """
    covers = []
    for start, extent in zip(positions.T, picture_hw, strict=True):
        centres = np.minimum(np.arange(0, extent, stride) + stride // 2, extent - 1)
        covers.append(((start[:, None] <= centres) & (centres < start[:, None] + size)).astype(np.float64))
    rows, columns = covers
    total = np.einsum("n,nh,nw->hw", crop_scores, rows, columns)
    count = np.einsum("nh,nw->hw", rows, columns)
    means: npt.NDArray[np.float64] = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return means


OVERLAY_SPAN = 15.0
"""Score points from the picture's mean at which an overlay has its full colour; about what separates two labels."""
_WORSE_BGR = np.array([43, 24, 178], dtype=np.float32)
_BETTER_BGR = np.array([172, 102, 33], dtype=np.float32)
"""The ends of ColorBrewer's RdBu scale, which reads with and without colour vision deficiency."""
_FULL_COLOUR = 0.75


def overlay(bgr: npt.NDArray[np.uint8], quality_map: npt.NDArray[np.float32], stride: int) -> npt.NDArray[np.uint8]:
    """Draws a quality map over its picture: red where it is worse than the picture's own mean, blue where better.

    The picture shows in grey under the colours, plain grey where it is as good as on average; cells that no crop
    covered keep the picture's own colours.

    Args:
        bgr: (H, W, 3) uint8, BGR, as the network saw it.
        quality_map: (ceil(H / stride), ceil(W / stride)) float32, 0..100 or NaN.
        stride: Pixels per cell.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    import cv2

    height, width = bgr.shape[:2]
    size_wh = (quality_map.shape[1] * stride, quality_map.shape[0] * stride)
    known = np.isfinite(quality_map)
    deviation = np.where(known, quality_map - np.mean(quality_map, where=known), 0.0) / OVERLAY_SPAN
    smooth = cv2.resize(deviation.astype(np.float32), size_wh, interpolation=cv2.INTER_CUBIC)[:height, :width]
    strength = _FULL_COLOUR * np.clip(np.abs(smooth), 0, 1)[..., None]
    colour = np.where(smooth[..., None] < 0, _WORSE_BGR, _BETTER_BGR)
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)[..., None]
    drawn = np.rint(grey + strength * (colour - grey))
    covered = cv2.resize(known.astype(np.uint8), size_wh, interpolation=cv2.INTER_NEAREST)[:height, :width]
    return np.where(covered[..., None] > 0, drawn, bgr).astype(np.uint8)


def clip_map(raw: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Clips a map of predictions to the score range, keeping NaN.

    Returns:
        The same shape in float32, 0..100 or NaN.
    """
    return np.clip(raw, SCORE_MIN, SCORE_MAX).astype(np.float32)
