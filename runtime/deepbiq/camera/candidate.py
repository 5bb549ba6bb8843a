"""A frame that may be kept as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deepbiq.camera.events import Result
from deepbiq.errors import ImageError

JPEG_SIDE = 65500
"""Largest side of a JPEG that libjpeg writes (JPEG_MAX_DIMENSION of its jmorecfg.h)."""


class Candidate:
    """A frame that may be kept: its pixels at first, a JPEG once it was encoded.

    Args:
        result: The scored frame.
        quality: Of the JPEG, 1..100.

    Attributes:
        camera: Whose frame.
        score: Its own, 0..100.
        captured: In seconds of the monotonic clock.
        captured_at: In Unix seconds.
        about: What people may want to know of the picture, JSON-ready.
        path: Where it was written; None before.

    Raises:
        ImageError: When the frame is too large for a JPEG.
    """

    def __init__(self, result: Result, quality: int) -> None:
        self.camera = result.camera
        self.score = result.score.score
        self.captured = result.frame.captured
        self.captured_at = result.frame.captured_at
        self.about = _about(result)
        self.path: Path | None = None
        self._quality = quality
        # One attribute, so that two threads may encode it at once and neither finds it half done.
        self._content: npt.NDArray[np.uint8] | bytes = result.frame.bgr
        height, width = result.frame.bgr.shape[:2]
        if max(height, width) > JPEG_SIDE:
            raise ImageError(
                f"frame {result.frame.number} of camera {self.camera}",
                f"{width}x{height} is too large to be kept as JPEG: its sides are at most {JPEG_SIDE}",
            )

    @property
    def is_encoded(self) -> bool:
        """Whether it let go of its pixels."""
        return isinstance(self._content, bytes)

    def jpeg(self) -> bytes:
        """Returns the picture as JPEG; the pixels are let go of."""
        content = self._content
        if not isinstance(content, bytes):
            content = cv2.imencode(".jpg", content, [cv2.IMWRITE_JPEG_QUALITY, self._quality])[1].tobytes()
            self._content = content
        return content


def _about(result: Result) -> dict[str, Any]:
    event = result.describe()
    keys = (
        "camera",
        "frame",
        "captured_at",
        "score",
        "label",
        "verdict",
        "smoothed",
        "reasons",
        "signals",
        "model",
    )
    return {key: event[key] for key in keys}
