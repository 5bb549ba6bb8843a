"""Small videos for tests."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np


def sample_video() -> ModuleType:
    """Returns samples/video.py as a module: the video that is sharp, out of focus, dark and sharp again."""
    spec = spec_from_file_location("sample_video", Path(__file__).parents[3] / "samples" / "video.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
