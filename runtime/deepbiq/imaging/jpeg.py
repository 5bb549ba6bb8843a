"""JPEG: decoding, at reduced size where that is enough."""

from __future__ import annotations

from dataclasses import dataclass

from deepbiq.imaging import pixels
from deepbiq.imaging.fault import FaultError
from deepbiq.imaging.header import Decoded, Header
from deepbiq.imaging.jpeg_markers import Walk, walk
from deepbiq.imaging.jpeg_proof import check_not_cut_short, decode
from deepbiq.imaging.limits import Limits

MAGIC = b"\xff\xd8\xff"  # SOI and the first byte of the next marker, ITU-T T.81 Table B.1


@dataclass(frozen=True)
class JpegFile:
    """A JPEG file that has been walked to its end.

    Attributes:
        data: The file.
        found: What the walk found.
    """

    data: bytes
    found: Walk

    @property
    def header(self) -> Header:
        """What the file says about itself."""
        frame = self.found.found_frame()
        return Header(
            "JPEG",
            frame.width,
            frame.height,
            colour={1: "grey", 3: "colour", 4: "cmyk"}[len(frame.components)],
            orientation=self.found.orientation or 1,
        )

    def decode(self, min_short_side: int | None) -> Decoded:
        """Decodes at the strongest reduction that keeps the short side long enough.

        Args:
            min_short_side: Least short side in pixels; None for full size.

        Returns:
            The pixels.

        Raises:
            FaultError: When the data is damaged or a scan was cut short.
        """
        header = self.header
        divisor = reduction(min(header.width, header.height), min_short_side)
        bgr = decode(memoryview(self.data)[: self.found.end], divisor)
        expected = (-(-header.height // divisor), -(-header.width // divisor), 3)
        if bgr.shape != expected:
            raise FaultError(f"the decoder returned an array of shape {bgr.shape} instead of {expected}")
        check_not_cut_short(self.data, self.found, bgr, divisor)
        warnings = {"grey": (pixels.GREY_WARNING,), "cmyk": (pixels.CMYK_WARNING,)}.get(header.colour, ())
        return Decoded(bgr, warnings)


def parse(data: bytes, limits: Limits) -> JpegFile:
    """Walks a JPEG file.

    Args:
        data: The file, starting with `MAGIC`.
        limits: Upper limits.

    Returns:
        The file, ready to be decoded.

    Raises:
        FaultError: See `jpeg_markers.walk`.
    """
    return JpegFile(data, walk(data, limits))


def reduction(short_side: int, min_short_side: int | None) -> int:
    """Chooses the divisor of libjpeg's scaled decoding.

    Args:
        short_side: Short side at full size, in pixels.
        min_short_side: Least short side after decoding; None for full size.

    Returns:
        8, 4, 2 or 1: the largest whose result, ceil(short_side / divisor), is long enough.
    """
    if min_short_side is None:
        return 1
    return next((d for d in (8, 4, 2) if -(-short_side // d) >= min_short_side), 1)
