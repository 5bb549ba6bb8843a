"""From untrusted bytes to pixels that can be scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.errors import ImageError
from deepbiq.imaging import pixels
from deepbiq.imaging.fault import FaultError, printable
from deepbiq.imaging.formats import open_picture
from deepbiq.imaging.header import Header
from deepbiq.imaging.limits import Limits, check_min_side

_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    Attributes:
        bgr: (H, W, 3) uint8, C-contiguous, blue-green-red, after the EXIF rotation.
        warnings: One sentence for each way in which pixel values were interpreted; rotation is none.
        width: Width in pixels at full size, after the rotation; `bgr` may be a reduced version.
        height: Height in pixels at full size, after the rotation.
        header: The file's header; None for arrays.
    """

    bgr: npt.NDArray[np.uint8]
    warnings: tuple[str, ...]
    width: int
    height: int
    header: Header | None = None


def decode_bytes(
    data: bytes | bytearray | memoryview,
    *,
    name: str = "<bytes>",
    limits: Limits = _DEFAULT_LIMITS,
    min_short_side: int | None = None,
) -> Picture:
    """Decodes a JPEG, PNG, WebP, BMP or TIFF file in memory.

    The whole file is walked and its claimed size checked before a decoder sees it.

    Args:
        data: The whole file.
        name: What to call it in errors.
        limits: Upper limits; the size limit applies to the full size.
        min_short_side: JPEGs are decoded at 1/2, 1/4 or 1/8 of their size, whichever is smallest with a short side
            of at least so many pixels; other formats always at full size. None for full size.

    Returns:
        The picture.

    Raises:
        ImageError: When the file cannot be decoded completely and correctly, or is too large or too small.
    """
    try:
        limits.check_bytes(len(data) if isinstance(data, (bytes, bytearray)) else data.nbytes)
        file = open_picture(bytes(data), limits)
        header = file.header
        check_min_side(header.width, header.height)
        decoded = file.decode(min_short_side)
    except FaultError as fault:
        raise ImageError(printable(name), str(fault)) from fault
    except MemoryError as error:
        raise ImageError(printable(name), "out of memory while decoding it") from error
    width, height = header.width, header.height
    if header.orientation >= 5:
        width, height = height, width
    return Picture(pixels.orient(decoded.bgr, header.orientation), decoded.warnings, width, height, header)
