"""WebP: the RIFF chunks, the headers of both bitstreams, and a minimal copy for the decoder.

As for PNG, the decoder is given a file that holds only one still picture: OpenCV before 4.11 refuses animations.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from deepbiq.imaging import exif, opencv, pixels
from deepbiq.imaging.fault import FaultError
from deepbiq.imaging.header import Decoded, Header
from deepbiq.imaging.limits import Limits

# RFC 9649, section 2.3 (RIFF), 2.4 (file header).
_RIFF, _WEBP = b"RIFF", b"WEBP"
_FLAG_ANIMATION = 0x02  # RFC 9649, section 2.7.1: VP8X flags R R I L E X A R, most significant first
_FLAG_ALPHA = 0x10
_VP8_START_CODE = b"\x9d\x01\x2a"  # RFC 6386, section 9.1
_VP8L_SIGNATURE = 0x2F  # RFC 9649, section 3.4


@dataclass(frozen=True)
class _Chunk:
    kind: bytes
    content: bytes


@dataclass(frozen=True)
class _Still:
    """One picture: its bitstream chunk, its alpha chunk if any, and where it lies on the canvas."""

    width: int
    height: int
    has_alpha: bool
    bitstream: _Chunk
    alpha: _Chunk | None
    left: int = 0
    top: int = 0

    def file(self) -> bytes:
        """Returns a WebP file of this picture alone."""
        chunks = [self.bitstream]
        if self.alpha is not None and self.bitstream.kind == b"VP8 ":
            extended = struct.pack("<I", _FLAG_ALPHA) + _uint24(self.width - 1) + _uint24(self.height - 1)
            chunks = [_Chunk(b"VP8X", extended), self.alpha, self.bitstream]
        body = b"".join(
            c.kind + struct.pack("<I", len(c.content)) + c.content + b"\0" * (len(c.content) & 1) for c in chunks
        )
        return _RIFF + struct.pack("<I", 4 + len(body)) + _WEBP + body


@dataclass(frozen=True)
class WebpFile:
    """A WebP file whose chunks are complete.

    Attributes:
        header: What the file says about itself.
        still: The picture, or the first frame of the animation.
    """

    header: Header
    still: _Still

    def decode(self, min_short_side: int | None) -> Decoded:  # noqa: ARG002 (WebP has no cheaper small decode)
        """Decodes the picture or the first frame, always at full size.

        Args:
            min_short_side: Not used.

        Returns:
            The pixels.

        Raises:
            FaultError: When the compressed data is damaged or incomplete.
        """
        decoded = opencv.imdecode(self.still.file(), opencv.UNCHANGED)
        if decoded.shape[:2] != (self.still.height, self.still.width) or decoded.ndim != 3:
            raise FaultError(f"the decoder returned an array of shape {decoded.shape}")
        bgr, warnings = pixels.flatten(decoded)
        size = (self.header.height, self.header.width)
        if bgr.shape[:2] != size:
            canvas = np.full((*size, 3), pixels.BACKGROUND, np.uint8)
            top, left = self.still.top, self.still.left
            canvas[top : top + self.still.height, left : left + self.still.width] = bgr
            bgr, warnings = canvas, (pixels.ALPHA_WARNING,)
        if self.header.frames > 1:
            warnings = (*warnings, pixels.frames_warning(self.header.frames, "animation frames"))
        return Decoded(bgr, warnings)


def matches(data: bytes) -> bool:
    """Tells whether a file is a WebP file by its first bytes."""
    return data[:4] == _RIFF and data[8:12] == _WEBP


def parse(data: bytes, limits: Limits) -> WebpFile:
    """Walks a WebP file.

    Args:
        data: The file; `matches` is true of it.
        limits: Checked as soon as a size is known.

    Returns:
        The file, ready to be decoded.

    Raises:
        FaultError: When it is truncated, invalid, or its parts contradict each other.
    """
    (riff_size,) = struct.unpack_from("<I", data, 4)
    if riff_size + 8 > len(data):
        raise FaultError(f"truncated: it should have {riff_size + 8} bytes but has {len(data)}")
    chunks = _chunks(data, 12, riff_size + 8)
    if not chunks:
        raise FaultError("damaged WebP: no chunks")
    if chunks[0].kind != b"VP8X":
        return _simple(chunks[0], limits)
    return _extended(chunks, limits)


def _simple(chunk: _Chunk, limits: Limits) -> WebpFile:
    still = _still([chunk], limits)
    return WebpFile(Header("WebP", still.width, still.height, "colour", has_alpha=still.has_alpha), still)


def _extended(chunks: list[_Chunk], limits: Limits) -> WebpFile:
    """Reads the extended format, RFC 9649 section 2.7."""
    content = chunks[0].content
    if len(content) < 10:
        raise FaultError(f"damaged WebP: VP8X has {len(content)} bytes instead of 10")
    width, height = _int24(content, 4) + 1, _int24(content, 7) + 1
    limits.check_size(width, height)
    stills = []
    if content[0] & _FLAG_ANIMATION:
        stills = [_frame(c.content, limits) for c in chunks if c.kind == b"ANMF"]
        if not stills:
            raise FaultError("damaged WebP: an animation without frames")
        still = stills[0]
        fits = all(s.left + s.width <= width and s.top + s.height <= height for s in stills)
    else:
        still = _still(chunks[1:], limits)
        fits = (still.width, still.height) == (width, height)
    if not fits:
        raise FaultError(f"damaged WebP: the picture does not fit its canvas of {width}x{height}")
    block = next((c.content for c in chunks if c.kind == b"EXIF"), b"")
    header = Header(
        "WebP",
        width,
        height,
        "colour",
        has_alpha=still.has_alpha or (still.width, still.height) != (width, height),
        orientation=exif.orientation(block),
        frames=max(1, len(stills)),
    )
    return WebpFile(header, still)


def _frame(content: bytes, limits: Limits) -> _Still:
    """Reads one animation frame, RFC 9649 section 2.7.1.1."""
    if len(content) < 16:
        raise FaultError(f"damaged WebP: an ANMF chunk has {len(content)} bytes")
    left, top = 2 * _int24(content, 0), 2 * _int24(content, 3)
    size = (_int24(content, 6) + 1, _int24(content, 9) + 1)
    still = _still(_chunks(content, 16, len(content)), limits)
    if (still.width, still.height) != size:
        raise FaultError("damaged WebP: an animation frame differs in size from its picture")
    return _Still(still.width, still.height, still.has_alpha, still.bitstream, still.alpha, left, top)


def _still(chunks: list[_Chunk], limits: Limits) -> _Still:
    bitstream = next((c for c in chunks if c.kind in (b"VP8 ", b"VP8L")), None)
    if bitstream is None:
        raise FaultError("damaged WebP: no picture data (VP8 or VP8L)")
    if bitstream.kind == b"VP8L":
        width, height, has_alpha = _vp8l_size(bitstream.content)
        alpha = None
    else:
        width, height = _vp8_size(bitstream.content)
        alpha = next((c for c in chunks if c.kind == b"ALPH"), None)
        has_alpha = alpha is not None
    limits.check_size(width, height)
    return _Still(width, height, has_alpha, bitstream, alpha)


def _vp8_size(content: bytes) -> tuple[int, int]:
    """Reads the frame header, RFC 6386 section 9.1."""
    if len(content) < 10 or content[0] & 1 or content[3:6] != _VP8_START_CODE:
        raise FaultError("damaged WebP: the VP8 data does not start with a key frame")
    first_partition = _int24(content, 0) >> 5
    if 10 + first_partition > len(content):
        raise FaultError(f"damaged or cut short: {len(content)} bytes of VP8 data end inside the first partition")
    width, height = struct.unpack_from("<HH", content, 6)
    return width & 0x3FFF, height & 0x3FFF


def _vp8l_size(content: bytes) -> tuple[int, int, bool]:
    """Reads the image header, RFC 9649 section 3.4."""
    if len(content) < 5 or content[0] != _VP8L_SIGNATURE:
        raise FaultError("damaged WebP: the VP8L data has no signature")
    (bits,) = struct.unpack_from("<I", content, 1)
    if bits >> 29:
        raise FaultError(f"unsupported WebP: VP8L version {bits >> 29}")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)


def _chunks(data: bytes, begin: int, end: int) -> list[_Chunk]:
    """Splits a range into RIFF chunks, RFC 9649 section 2.3."""
    found = []
    while begin < end:
        if begin + 8 > end:
            raise FaultError(f"damaged WebP: {end - begin} stray bytes behind the last chunk")
        kind, length = struct.unpack_from("<4sI", data, begin)
        if begin + 8 + length > end:
            raise FaultError(
                f"damaged or cut short: the chunk {ascii(kind)[1:]} of {length} bytes ends behind the file"
            )
        found.append(_Chunk(kind, data[begin + 8 : begin + 8 + length]))
        begin += 8 + length + (length & 1)
    return found


def _int24(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 3], "little")


def _uint24(value: int) -> bytes:
    return value.to_bytes(3, "little")
