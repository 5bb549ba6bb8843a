"""One picture of a camera, with the moment it was taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a camera.

    Attributes:
        camera: The camera's name in the configuration.
        number: Frames that this camera has given since the start, this one counted, over all connections.
        bgr: (H, W, 3) uint8, BGR, C-contiguous; nobody writes into it.
        captured: `time.monotonic()` when the source handed it over. Ages are differences to this clock: setting the
            wall clock does not change them.
        captured_at: The same moment as Unix seconds, for people and other machines.
        path: The file, where the source is a folder; None otherwise.
        media_s: Seconds since the start of the file, where the source is a video file; None otherwise.
    """

    camera: str
    number: int
    bgr: npt.NDArray[np.uint8]
    captured: float
    captured_at: float
    path: str | None = None
    media_s: float | None = None
