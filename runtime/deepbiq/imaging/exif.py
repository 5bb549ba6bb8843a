"""The orientation from an EXIF block: the one thing in it that changes pixels.

EXIF is a small TIFF file (Exif 2.32, section 4.5) and often written carelessly, so whatever is damaged
here means "not rotated": a broken comment is no reason to refuse a good picture.
"""

from __future__ import annotations

import struct

ORIENTATION = 0x0112
"""Tag Orientation, Exif 2.32 section 4.6.4 and TIFF 6.0 section 8."""

_SHORT, _LONG = 3, 4  # field types, TIFF 6.0 section 2
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}


def orientation(block: bytes) -> int:
    """Reads the orientation from an EXIF block.

    Args:
        block: The block from its byte-order mark on; a leading "Exif" identifier is skipped.

    Returns:
        1 to 8; 1 (upright) if the block has none, an invalid one, or is damaged.
    """
    if block.startswith(b"Exif\0"):
        block = block[6:]
    order = _BYTE_ORDERS.get(block[:2])
    if order is None:
        return 1
    try:
        return _find_orientation(block, order)
    except struct.error:
        return 1


def valid(value: int) -> int:
    """Replaces an orientation outside 1 to 8 by 1."""
    return value if 1 <= value <= 8 else 1


def _find_orientation(block: bytes, order: str) -> int:
    magic, directory = struct.unpack_from(order + "HI", block, 2)
    if magic != 42:
        return 1
    (count,) = struct.unpack_from(order + "H", block, directory)
    for index in range(count):
        entry = directory + 2 + 12 * index
        tag, kind, values = struct.unpack_from(order + "HHI", block, entry)
        if tag == ORIENTATION and values == 1 and kind in (_SHORT, _LONG):
            (value,) = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), block, entry + 8)
            return valid(value)
    return 1
