"""JPEG: decoding, and the proof that no scan was cut short.

A damaged byte can put an end-of-image marker into the middle of the picture data. libjpeg then fills the missing
blocks with zeros and reports success. Whether a scan was complete is found out by asking the decoder: bytes put
behind the data of a complete scan are never read, so the picture stays the same; a scan that was cut short swallows
them and the picture changes. That costs a second decode, so it is done only where something is suspicious:

- one scan: its last block is empty. Up to one minimum coded unit (16x16 pixels) may go unnoticed.
- several scans: bytes that belong to nothing follow a scan or the file's end. Not noticed is a progressive file cut
  inside its last scan and sealed with a new end-of-image marker: every block is there, less precise than it was.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.imaging import opencv, pixels
from deepbiq.imaging.fault import FaultError
from deepbiq.imaging.header import Decoded, Header
from deepbiq.imaging.jpeg_markers import Walk, walk
from deepbiq.imaging.limits import Limits

MAGIC = b"\xff\xd8\xff"  # SOI and the first byte of the next marker, ITU-T T.81 Table B.1

_EMPTY_SAMPLE = 128
"""Sample that a block of nothing but zeros decodes to: the level shift of T.81, A.3.1."""

_FILLER = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64)).replace(b"\xff", b"\x5a")
"""Bytes that are entropy-coded data to any Huffman table, without the marker prefix 0xFF."""


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
        bgr = _decode(memoryview(self.data)[: self.found.end], divisor)
        expected = (-(-header.height // divisor), -(-header.width // divisor), 3)
        if bgr.shape != expected:
            raise FaultError(f"the decoder returned an array of shape {bgr.shape} instead of {expected}")
        self._check_not_cut_short(bgr, divisor)
        warnings = {"grey": (pixels.GREY_WARNING,), "cmyk": (pixels.CMYK_WARNING,)}.get(header.colour, ())
        return Decoded(bgr, warnings)

    def _check_not_cut_short(self, bgr: npt.NDArray[np.uint8], divisor: int) -> None:
        ends = self._suspicious_ends(bgr, divisor)
        if not ends:
            return
        parts = []
        begin = 0
        for end in ends:
            parts += [self.data[begin:end], _FILLER]
            begin = end
        parts.append(self.data[begin : self.found.end])
        if not np.array_equal(bgr, _decode(b"".join(parts), divisor)):
            raise FaultError("cut short: a marker ends the picture data before its last block")

    def _suspicious_ends(self, bgr: npt.NDArray[np.uint8], divisor: int) -> list[int]:
        if self.found.scans > 1:
            return self.found.dubious_ends
        # With a single scan the missing blocks stay empty, down to the last one.
        if self.header.colour == "cmyk" or self._ends_empty(bgr, divisor):
            return [self.found.first_scan_end]
        return []

    def _ends_empty(self, bgr: npt.NDArray[np.uint8], divisor: int) -> bool:
        """Tells from the far corner of the last minimum coded unit whether that unit may be empty."""
        frame = self.found.found_frame()
        across, down = frame.most_sampled() if len(frame.components) > 1 else (1, 1)
        visible = [
            (side - 1) % (8 * factor // divisor) + 1
            for side, factor in zip(bgr.shape, (down, across), strict=False)
        ]
        # The half away from the neighbouring units, whose colours upsampling blends into the nearest pixels.
        corner = bgr[-((visible[0] + 1) // 2) :, -((visible[1] + 1) // 2) :]
        if min(visible) == 1 and (across, down) != (1, 1):
            # A single row or column has no such half. Its luma is not blended.
            return bool((abs(_luma(corner) - _EMPTY_SAMPLE) <= 2).all())
        return bool((corner == _EMPTY_SAMPLE).all())


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


def _luma(bgr: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Returns the Y of YCbCr, JFIF 1.02."""
    luma: npt.NDArray[np.float64] = bgr @ np.array([0.114, 0.587, 0.299])
    return luma


def _decode(data: bytes | memoryview, divisor: int) -> npt.NDArray[np.uint8]:
    bgr = opencv.imdecode(data, opencv.REDUCED_COLOUR[divisor] | opencv.IGNORE_ORIENTATION)
    if bgr.dtype != np.uint8:
        raise FaultError(f"the decoder returned {bgr.dtype} pixels")
    return bgr


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
