"""Small videos for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np


def write_video(path: Path, frames: Iterable[np.ndarray], fps: float) -> Path:
    """Writes (H, W, 3) uint8 BGR frames of one size as a video: MPEG-4 in what the ending says (.mp4, .avi)."""
    frames = iter(frames)
    first = next(frames)
    height, width = first.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, (width, height))
    assert writer.isOpened()
    for frame in (first, *frames):
        writer.write(frame)
    writer.release()
    return path


def grey_ramp(count: int, width: int = 160, height: int = 120) -> list[np.ndarray]:
    """Plain frames whose grey level says which of 22 they are."""
    return [np.full((height, width, 3), 10 * (number % 22) + 20, np.uint8) for number in range(count)]


def level_of(frame: np.ndarray) -> int:
    """Which frame of `grey_ramp` it is, from 0 to 21."""
    return round((float(frame.mean()) - 20) / 10)
