"""PNG: every chunk's length and checksum, then a minimal copy for the decoder.

The decoder is given only the chunks that make up the still picture. That leaves out animation frames, colour
profiles and texts: the pixels then do not depend on which of those an OpenCV version understands, and compressed
text cannot be used against it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

import numpy as np

from deepbiq.imaging import exif, opencv, pixels
from deepbiq.imaging.fault import FaultError
from deepbiq.imaging.header import Decoded, Header
from deepbiq.imaging.limits import Limits

MAGIC = b"\x89PNG\r\n\x1a\n"  # PNG (third edition), section 5.2

# Colour types and the bit depths that each allows, section 11.2.1, Table 12.
_GREY, _COLOUR, _PALETTE, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_DEPTHS = {
    _GREY: (1, 2, 4, 8, 16),
    _COLOUR: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GREY_ALPHA: (8, 16),
    _COLOUR_ALPHA: (8, 16),
}
_SAMPLES = {_GREY: 1, _COLOUR: 3, _PALETTE: 1, _GREY_ALPHA: 2, _COLOUR_ALPHA: 4}
_COLOUR_NAMES = {
    _GREY: "grey",
    _COLOUR: "colour",
    _PALETTE: "palette",
    _GREY_ALPHA: "grey",
    _COLOUR_ALPHA: "colour",
}

MOST_DEFLATE = 1032
"""Deflate cannot shrink data by more than this factor ("zlib Technical Details": 1032 to 1)."""


@dataclass
class _Chunks:
    """The chunks that matter, as offset and length of each one's content."""

    header: bytes = b""
    palette: bytes | None = None
    transparency: bytes | None = None
    data: list[tuple[int, int]] = field(default_factory=list)
    orientation: int = 1
    frames: int = 1


@dataclass(frozen=True)
class PngFile:
    """A PNG file whose chunks are complete.

    Attributes:
        data: The file.
        header: What the file says about itself.
        chunks: The chunks that matter.
    """

    data: bytes
    header: Header
    chunks: _Chunks

    def decode(self, min_short_side: int | None) -> Decoded:  # noqa: ARG002 (PNG has no cheaper small decode)
        """Decodes the still picture, always at full size.

        Args:
            min_short_side: Not used.

        Returns:
            The pixels.

        Raises:
            FaultError: When the compressed data is damaged or ends before the last row.
        """
        decoded = opencv.imdecode(self._still(), opencv.UNCHANGED)
        if decoded.shape[:2] != (self.header.height, self.header.width):
            raise FaultError(f"the decoder returned a picture of {decoded.shape[1]}x{decoded.shape[0]} pixels")
        key = self._grey_key()
        bgr, warnings = pixels.flatten(decoded)
        if self.chunks.header[9] == _GREY_ALPHA:  # OpenCV has made three channels of the grey one
            warnings = (pixels.GREY_WARNING, *warnings)
        if key is not None and bool((decoded == key).any()):
            bgr = np.where((decoded == key)[..., None], np.uint8(pixels.BACKGROUND), bgr)
            warnings = (*warnings, pixels.ALPHA_WARNING)
        if self.header.frames > 1:
            warnings = (*warnings, pixels.frames_warning(self.header.frames, "animation frames"))
        return Decoded(bgr, warnings)

    def _still(self) -> bytes:
        parts = [MAGIC, _chunk(b"IHDR", self.chunks.header)]
        if self.chunks.palette is not None:
            parts.append(_chunk(b"PLTE", self.chunks.palette))
        if self.chunks.transparency is not None:
            parts.append(_chunk(b"tRNS", self.chunks.transparency))
        view = memoryview(self.data)
        # With length and checksum, which the walk has found good.
        parts += [bytes(view[start - 8 : start + length + 4]) for start, length in self.chunks.data]
        parts.append(_chunk(b"IEND", b""))
        return b"".join(parts)

    def _grey_key(self) -> int | None:
        """Returns the one grey value, as decoded, that is transparent: OpenCV ignores tRNS in grey pictures."""
        if self.chunks.header[9] != _GREY or self.chunks.transparency is None:
            return None
        value = int.from_bytes(self.chunks.transparency, "big")
        depth = self.header.bit_depth
        return value if depth == 16 else (value & ((1 << depth) - 1)) * 255 // ((1 << depth) - 1)


def parse(data: bytes, limits: Limits) -> PngFile:
    """Walks a PNG file chunk by chunk to IEND.

    Args:
        data: The file, starting with `MAGIC`.
        limits: Checked as soon as IHDR is read.

    Returns:
        The file, ready to be decoded.

    Raises:
        FaultError: When it is truncated, a checksum is wrong, or a chunk is missing, misplaced or invalid.
    """
    chunks = _Chunks()
    position, kind, previous = len(MAGIC), b"", b""
    while kind != b"IEND":
        previous = kind
        kind, start, length = _next_chunk(data, position)
        if not chunks.header:
            if kind != b"IHDR":
                raise FaultError(f"damaged PNG: the first chunk is {_name(kind)}, not IHDR")
            chunks.header = data[start : start + length]
            _check_header(chunks.header, limits)
        else:
            _note(chunks, kind, data, start, length, previous)
        position = start + length + 4
    _check_complete(chunks)
    width, height, depth, colour = struct.unpack(">IIBB", chunks.header[:10])
    header = Header(
        "PNG",
        width,
        height,
        _COLOUR_NAMES[colour],
        bit_depth=depth,
        has_alpha=colour in (_GREY_ALPHA, _COLOUR_ALPHA) or chunks.transparency is not None,
        orientation=chunks.orientation,
        frames=chunks.frames,
    )
    return PngFile(data, header, chunks)


def _next_chunk(data: bytes, position: int) -> tuple[bytes, int, int]:
    """Returns type, start and length of a chunk's content after checking its checksum (section 5.3)."""
    if position + 8 > len(data):
        raise FaultError(f"truncated: ends at byte {len(data)}, before the IEND chunk")
    length, kind = struct.unpack_from(">I4s", data, position)
    if not kind.isalpha():
        raise FaultError(f"damaged PNG: {_name(kind)} at byte {position + 4} is no chunk type")
    start = position + 8
    if start + length + 4 > len(data):
        raise FaultError(
            f"truncated: ends at byte {len(data)} inside the chunk {_name(kind)} "
            f"of {length} bytes that starts at byte {position}"
        )
    (stated,) = struct.unpack_from(">I", data, start + length)
    if zlib.crc32(memoryview(data)[position + 4 : start + length]) != stated:
        raise FaultError(f"damaged PNG: wrong checksum of the chunk {_name(kind)} at byte {position}")
    return kind, start, length


def _check_header(header: bytes, limits: Limits) -> None:
    """Checks IHDR, section 11.2.1."""
    if len(header) != 13:
        raise FaultError(f"damaged PNG: IHDR has {len(header)} bytes instead of 13")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    limits.check_size(width, height)
    if depth not in _DEPTHS.get(colour, ()):
        raise FaultError(f"damaged PNG: colour type {colour} with {depth} bits per sample does not exist")
    if compression or filtering or interlace > 1:
        raise FaultError(
            f"unsupported PNG: compression {compression}, filter {filtering}, interlace {interlace} are not defined"
        )


def _note(chunks: _Chunks, kind: bytes, data: bytes, start: int, length: int, previous: bytes) -> None:
    """Takes in one chunk behind IHDR."""
    if kind == b"IDAT":
        if chunks.data and previous != b"IDAT":
            raise FaultError(f"damaged PNG: {_name(previous)} stands between two IDAT chunks")
        chunks.data.append((start, length))
    elif kind == b"PLTE":
        chunks.palette = _palette(chunks, data[start : start + length])
    elif kind == b"tRNS":
        chunks.transparency = _transparency(chunks, data[start : start + length])
    elif kind == b"eXIf":
        chunks.orientation = exif.orientation(data[start : start + length])
    elif kind == b"acTL" and length == 8:
        chunks.frames = max(1, int.from_bytes(data[start : start + 4], "big"))
    elif kind[:1].isupper() and kind != b"IEND":
        # An upper-case first letter: a decoder that does not know the chunk cannot show the picture (section 5.4).
        raise FaultError(f"unsupported PNG: it needs the unknown critical chunk {_name(kind)}")


def _palette(chunks: _Chunks, palette: bytes) -> bytes:
    if chunks.palette is not None or chunks.data:
        raise FaultError("damaged PNG: a PLTE chunk in the wrong place")
    if len(palette) % 3 or not 1 <= len(palette) // 3 <= 256:
        raise FaultError(f"damaged PNG: PLTE has {len(palette)} bytes")
    return palette


def _transparency(chunks: _Chunks, values: bytes) -> bytes | None:
    """Returns a tRNS chunk if it fits the colour type (section 11.3.1.1); decoders ignore it otherwise."""
    colour = chunks.header[9]
    fits = {
        _GREY: len(values) == 2,
        _COLOUR: len(values) == 6,
        _PALETTE: 0 < len(values) <= len(chunks.palette or b"") // 3,
    }
    return values if fits.get(colour, False) and not chunks.data else None


def _check_complete(chunks: _Chunks) -> None:
    if not chunks.data:
        raise FaultError("damaged PNG: no picture data (IDAT)")
    width, height, depth, colour = struct.unpack(">IIBB", chunks.header[:10])
    if colour == _PALETTE and chunks.palette is None:
        raise FaultError("damaged PNG: no palette (PLTE)")
    if colour in (_GREY, _GREY_ALPHA):
        chunks.palette = None
    compressed = sum(length for _, length in chunks.data)
    needed = height * -(-width * depth * _SAMPLES[colour] // 8)
    if compressed * MOST_DEFLATE < needed:
        raise FaultError(
            f"damaged or cut short: {compressed} bytes of picture data cannot hold {width}x{height} pixels"
        )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))


def _name(kind: bytes) -> str:
    return ascii(kind.decode("latin-1"))[1:-1]
