"""The scale policy: at which size a picture is looked at.

People rated pictures of a certain size. A photo of twelve megapixels at its own scale shows other detail than
what they saw, so by default the short side is brought down to the size the bundle was trained at. Pictures
are never enlarged: that would invent blur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.errors import OptionError
from deepbiq.imaging import MIN_SIDE

SCALE_HELP = "auto (the bundle's training scale), native (every pixel), or the short side in pixels"


@dataclass(frozen=True)
class Scale:
    """The short side that pictures are brought down to.

    Attributes:
        short_side: In pixels, at least 64; None keeps every pixel.
    """

    short_side: int | None

    def __post_init__(self) -> None:
        if self.short_side is not None and self.short_side < MIN_SIDE:
            raise OptionError(f"scale must keep at least {MIN_SIDE} pixels, got {self.short_side}")


def parse_scale(text: str, trained_short_side: int) -> Scale:
    """Reads a scale as users write it.

    Args:
        text: `auto`, `native` or a number of pixels.
        trained_short_side: What `auto` stands for, in pixels.

    Raises:
        OptionError: When it is none of these, or below 64 pixels.
    """
    if text == "auto":
        return Scale(trained_short_side)
    if text == "native":
        return Scale(None)
    if text.isascii() and text.isdigit():
        return Scale(int(text))
    raise OptionError(f"unknown scale {text!r}: use {SCALE_HELP}")


def scaled_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Computes the size of a picture whose short side becomes `short_side`, aspect ratio kept.

    The long side is rounded to the nearest pixel, halves up, in exact arithmetic.

    Returns:
        (height, width) in pixels.
    """
    short = min(height, width)
    return _nearest(height * short_side, short), _nearest(width * short_side, short)


def _nearest(dividend: int, divisor: int) -> int:
    return (2 * dividend + divisor) // (2 * divisor)


def size_at_scale(height: int, width: int, scale: Scale) -> tuple[int, int]:
    """Computes the (height, width) in pixels at which a picture is looked at: its own where it is small enough."""
    if scale.short_side is None or min(height, width) <= scale.short_side:
        return height, width
    return scaled_size(height, width, scale.short_side)


def bring_to_scale(bgr: npt.NDArray[np.uint8], scale: Scale) -> npt.NDArray[np.uint8]:
    """Shrinks a picture to the scale by area interpolation; leaves it alone where it is small enough.

    Args:
        bgr: (H, W, 3) uint8, BGR.
        scale: The policy.

    Returns:
        (h, w, 3) uint8, BGR; `bgr` itself where nothing had to change.
    """
    height, width = bgr.shape[:2]
    size_hw = size_at_scale(height, width, scale)
    return bgr if size_hw == (height, width) else resize(bgr, size_hw)


def resize(bgr: npt.NDArray[np.uint8], size_hw: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Resizes with the interpolation that aliases least: area when shrinking, cubic when enlarging.

    Args:
        bgr: (H, W, 3) uint8, BGR.
        size_hw: The wanted (height, width) in pixels.

    Returns:
        (height, width, 3) uint8, BGR.
    """
    import cv2

    height, width = size_hw
    shrinks = height <= bgr.shape[0] and width <= bgr.shape[1]
    resized = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(resized, dtype=np.uint8)
