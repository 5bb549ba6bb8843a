"""The one door to OpenCV's decoders.

On damaged data libjpeg and libpng write a line of their own to standard error ("Corrupt JPEG data: ...",
"libpng error: ..."), and OpenCV logs through its logger. Silencing them would need process-wide state (the log
level, file descriptor 2) that a library has no right to touch, so they are left alone. Some good JPEGs give such a
line, too, as they are decoded a second time with bytes put behind their data (see jpeg_proof.py): those that end in
flat mid grey, in inks, of several sequential scans, and progressive ones with a scan of colour alone that ends in
grey.
The environment variable OPENCV_LOG_LEVEL=OFF quietens OpenCV's own part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.imaging.fault import FaultError

# Values of cv2.ImreadModes, the same in OpenCV 4 and 5. Written out because reading them from cv2 would import it.
UNCHANGED = -1
COLOUR = 1
IGNORE_ORIENTATION = 128
REDUCED_COLOUR = {1: COLOUR, 2: 17, 4: 33, 8: 65}
"""Flags for decoding a JPEG to BGR at 1/key of its size, by libjpeg's scaled inverse DCT."""


def imdecode(data: bytes | memoryview, flags: int) -> npt.NDArray[Any]:
    """Decodes a picture in memory.

    Args:
        data: The encoded picture, not empty.
        flags: A combination of the flags above.

    Returns:
        The pixels as OpenCV gives them: (H, W) or (H, W, C), uint8 or uint16, never empty.

    Raises:
        FaultError: When OpenCV refuses the data.
    """
    import cv2

    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        reason = " ".join(str(getattr(error, "err", None) or error).split())
        raise FaultError(f"the decoder failed: {reason}") from error
    if pixels is None or pixels.size == 0:
        raise FaultError("the picture data is damaged or cut short: the decoder gave up")
    return pixels
