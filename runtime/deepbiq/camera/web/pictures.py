"""Pictures for browsers: a frame as a small JPEG, a quality map as a transparent PNG to lay over it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepbiq.quality_map import overlay
from deepbiq.scale import Scale, resize, size_at_scale

PICTURE_WIDTH = 960
"""Most pixels across of a live picture: what a card on a large screen shows, at some 60 kB a frame."""
_JPEG_QUALITY = 80
_CELL = 8
"""Pixels per map cell of the PNG: its colours are smooth, so that browsers may enlarge it."""


def live_jpeg(bgr: npt.NDArray[np.uint8]) -> bytes:
    """Encodes a frame, at most `PICTURE_WIDTH` pixels wide.

    Args:
        bgr: (H, W, 3) uint8, BGR.
    """
    import cv2

    height, width = bgr.shape[:2]
    if width > PICTURE_WIDTH:
        bgr = resize(bgr, (max(1, round(height * PICTURE_WIDTH / width)), PICTURE_WIDTH))
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()


def map_png(quality_map: npt.NDArray[np.float32], frame_hw: tuple[int, int], scale: Scale, stride: int) -> bytes:
    """Draws a quality map in the colours of `deepbiq score --map`, transparent where it says nothing.

    Args:
        quality_map: (h, w) float32, 0..100 or NaN.
        frame_hw: Size of the frame in pixels; the PNG has its proportions.
        scale: At which size the network saw it.
        stride: Pixels per cell at that size.

    Returns:
        A PNG with an alpha channel.
    """
    import cv2

    size_hw = tuple(max(1, round(side * _CELL / stride)) for side in size_at_scale(*frame_hw, scale))
    # What the overlay draws over black and over white tells its colour and how much of it there is.
    over_black = overlay(np.zeros((*size_hw, 3), np.uint8), quality_map, _CELL).astype(np.float32)
    over_white = overlay(np.full((*size_hw, 3), 255, np.uint8), quality_map, _CELL).astype(np.float32)
    alpha = np.clip(1 - (over_white - over_black).mean(axis=2, keepdims=True) / 255, 0, 1)
    colour = np.divide(over_black, alpha, out=np.zeros_like(over_black), where=alpha > 0)
    bgra = np.concatenate([np.clip(colour, 0, 255), 255 * alpha], axis=2)
    return cv2.imencode(".png", np.rint(bgra).astype(np.uint8))[1].tobytes()
