"""The compressions of TIFF, unpacked strictly.

OpenCV reads TIFF through libtiff's RGBA interface, which returns what it has when a strip is damaged or cut
short, and reports success. A picture of which the rest is black must not get a score, so strips are unpacked here,
and every byte that is missing or wrong is a fault.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from deepbiq.imaging.fault import FaultError

# Values of tag Compression: TIFF 6.0 sections 3, 9, 13; TIFF Technical Note 2 and Photoshop Technical Notes.
NONE, LZW, JPEG, ADOBE_DEFLATE, PACKBITS, DEFLATE = 1, 5, 7, 8, 32773, 32946

# TIFF 6.0 section 13.
_LZW_CLEAR, _LZW_END, _LZW_FIRST = 256, 257, 258
_LZW_TABLE = 4096

_LZW_LEAST_BITS = 2048
"""Least bits per table on average. Encoders fill a table of 4096 entries; one cleared after every other code would
cost thousands of times more than its bytes are worth."""


def unpack(compression: int, packed: bytes, expected: int) -> bytes | npt.NDArray[np.uint8]:
    """Unpacks one strip or tile.

    Args:
        compression: NONE, LZW, ADOBE_DEFLATE, DEFLATE or PACKBITS.
        packed: Its bytes in the file.
        expected: Bytes that it must unpack to; more are cut off.

    Returns:
        `expected` bytes.

    Raises:
        FaultError: When the data is damaged or too short.
    """
    unpacked = _CODECS[compression](packed, expected)
    if len(unpacked) < expected:
        raise FaultError(f"damaged or cut short: a strip unpacks to {len(unpacked)} instead of {expected} bytes")
    return unpacked[:expected]


def _stored(packed: bytes, expected: int) -> bytes:  # noqa: ARG001 (one signature for all)
    return packed


def _inflate(packed: bytes, expected: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(packed, expected)
        # One byte more makes zlib read on to its own checksum and compare it.
        stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error as error:
        raise FaultError(f"damaged or cut short: a Deflate strip is invalid ({error})") from error
    return unpacked


def _packbits(packed: bytes, expected: int) -> bytes:
    """Unpacks PackBits, TIFF 6.0 section 9."""
    unpacked = bytearray()
    position = 0
    while len(unpacked) < expected and position < len(packed):
        count = packed[position]
        if count < 128:
            unpacked += packed[position + 1 : position + 2 + count]
            position += 2 + count
        else:
            if count > 128:  # 128 does nothing
                unpacked += packed[position + 1 : position + 2] * (257 - count)
            position += 2 if count > 128 else 1
    return bytes(unpacked)


def _lzw(packed: bytes, expected: int) -> npt.NDArray[np.uint8]:
    """Unpacks LZW, TIFF 6.0 section 13, one table (clear code to clear code) at a time, each without a loop."""
    source = np.frombuffer(packed + bytes(4), np.uint8)
    last_bit = 8 * len(packed)
    parts: list[npt.NDArray[np.uint8]] = []
    have = tables = 0
    # The clear code that starts every strip; cutting out a whole table's codes to find it would be a waste.
    bit = 9 if len(packed) > 1 and packed[0] == 0x80 and packed[1] < 0x80 else 0
    while have < expected:
        tables += 1
        if tables > 16 + bit // _LZW_LEAST_BITS:
            raise FaultError("damaged: an LZW strip clears its table again and again")
        codes = _lzw_codes(source, bit, last_bit)
        stops = np.flatnonzero((codes == _LZW_CLEAR) | (codes == _LZW_END))
        used = int(stops[0]) if stops.size else len(codes)
        if used:
            part = _lzw_expand(codes[:used])
            parts.append(part)
            have += len(part)
        if not stops.size or codes[used] == _LZW_END:
            break
        bit += int(_LZW_BITS[used + 1])
    return np.concatenate(parts) if parts else np.empty(0, np.uint8)


def _lzw_codes(source: npt.NDArray[np.uint8], bit: int, last_bit: int) -> npt.NDArray[np.int32]:
    """Cuts the bits from `bit` on into codes, as if no clear code came before the table is full."""
    count = int(np.searchsorted(_LZW_BITS, last_bit - bit, side="right")) - 1
    starts = bit + _LZW_BITS[:count]
    at, shift = starts >> 3, starts & 7
    window = (
        source[at].astype(np.int32) << 16 | source[at + 1].astype(np.int32) << 8 | source[at + 2].astype(np.int32)
    )
    widths = _LZW_WIDTHS[:count]
    codes: npt.NDArray[np.int32] = (window >> (24 - shift - widths) & ((1 << widths) - 1)).astype(np.int32)
    return codes


def _lzw_expand(codes: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Expands the codes between two clear codes.

    Table entry k is the string of code k and the first byte of the next string, that is: the output from where
    code k starts, one byte longer than code k. So a code is either a literal or a pointer back into the output.
    """
    index = np.arange(len(codes), dtype=np.int32)
    entry = codes - _LZW_FIRST
    if (entry >= index).any():
        raise FaultError("damaged or cut short: an LZW strip uses a code before it is defined")
    literal = entry < 0
    lengths = _lzw_lengths(entry, literal, index)
    ends = np.cumsum(lengths, dtype=np.int32)
    starts = ends - lengths
    # Where each output byte is copied from: a byte of a literal from itself, any other from further back.
    back = np.where(literal, 0, starts - starts[np.where(literal, 0, entry)])
    total = int(ends[-1])
    pointer = np.arange(total, dtype=np.int32) - np.repeat(back, lengths)
    while True:
        further = pointer[pointer]
        if np.array_equal(further, pointer):
            break
        pointer = further
    value = np.zeros(total, np.uint8)
    value[starts[literal]] = codes[literal]
    part: npt.NDArray[np.uint8] = value[pointer]
    return part


def _lzw_lengths(
    entry: npt.NDArray[np.int32], literal: npt.NDArray[np.bool_], index: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Returns the length of each code's string: one more than that of the code pointed to, by pointer doubling."""
    parent = np.where(literal, index, entry)
    depth = np.where(literal, 0, 1).astype(np.int32)
    while True:
        more = depth[parent]
        if not more.any():
            return depth + 1
        depth = depth + more
        parent = parent[parent]


def _lzw_widths() -> npt.NDArray[np.int32]:
    # Behind code number n after a clear code the table is filled up to 257 + n, and the width grows one code early.
    defined = _LZW_FIRST + np.arange(_LZW_TABLE - _LZW_FIRST + 1)
    return (9 + (defined > 511) + (defined > 1023) + (defined > 2047)).astype(np.int32)


_LZW_WIDTHS = _lzw_widths()

_LZW_BITS = np.concatenate(([0], np.cumsum(_LZW_WIDTHS))).astype(np.int32)
"""Bits from the start of a table to each of its codes."""

_CODECS: dict[int, Callable[[bytes, int], bytes | npt.NDArray[np.uint8]]] = {
    NONE: _stored,
    LZW: _lzw,
    ADOBE_DEFLATE: _inflate,
    DEFLATE: _inflate,
    PACKBITS: _packbits,
}

KNOWN = frozenset(_CODECS)
"""Compressions that `unpack` knows."""
