"""What a picture file says about itself, and what every reader of a format must offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Header:
    """The header of a picture file.

    Attributes:
        format: "JPEG", "PNG", "WebP", "BMP" or "TIFF".
        width: Width in pixels as stored, before the orientation is applied.
        height: Height in pixels as stored.
        colour: "grey", "colour", "palette" or "cmyk".
        bit_depth: Bits of one sample (of one palette index, for palettes).
        has_alpha: Whether transparency is stored (it may still be opaque everywhere).
        orientation: EXIF orientation, 1 to 8; 1 where the file has none or a bad one.
        frames: Frames of an animation or pages of a document.
    """

    format: str
    width: int
    height: int
    colour: str
    bit_depth: int = 8
    has_alpha: bool = False
    orientation: int = 1
    frames: int = 1


@dataclass(frozen=True)
class Decoded:
    """Pixels as stored, not yet rotated.

    Attributes:
        bgr: (H, W, 3) uint8.
        warnings: One sentence for each way in which pixel values were interpreted.
    """

    bgr: npt.NDArray[np.uint8]
    warnings: tuple[str, ...] = ()


class PictureFile(Protocol):
    """A file whose structure has been walked to its end and found complete."""

    @property
    def header(self) -> Header:
        """What the file says about itself."""

    def decode(self, min_short_side: int | None) -> Decoded:
        """Decodes the first picture.

        Args:
            min_short_side: A shrunken decode is welcome where it is cheaper, as long as the short side keeps
                at least so many pixels; None for full size.

        Returns:
            The pixels.

        Raises:
            FaultError: When the pixel data is damaged or incomplete.
        """
