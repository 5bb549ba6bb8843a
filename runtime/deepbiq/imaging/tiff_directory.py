"""The walk through a TIFF file: directories, values, and where the strips lie.

Classic TIFF (TIFF 6.0 section 2) in both byte orders and BigTIFF (libtiff's specification of 2007). The walk
follows every directory, so that a file that ends too early is found out wherever it was cut.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.imaging.fault import FaultError

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by field type, TIFF 6.0 section 2; 13 is IFD (Technical Note 1), 16 to 18 are BigTIFF's."""

_WHOLE = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
"""Types that hold unsigned whole numbers, as NumPy type codes."""

# Tags, TIFF 6.0 section 8 and supplement 1; EXIF and GPS directories Exif 2.32 section 4.6.3.
STRIP_OFFSETS, STRIP_BYTE_COUNTS, TILE_OFFSETS, TILE_BYTE_COUNTS = 273, 279, 324, 325
_DIRECTORIES = (330, 34665, 34853)

_MAX_ENTRIES = 500_000
"""Directory entries and strips in all: far above real files, low enough to be walked in about a second."""


@dataclass(frozen=True)
class _Layout:
    """What differs between classic TIFF and BigTIFF: struct codes of counts and offsets."""

    order: str
    big: bool

    @property
    def count(self) -> str:
        return self.order + ("Q" if self.big else "H")

    @property
    def offset(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def entry(self) -> str:
        return self.order + ("HHQ" if self.big else "HHI")


@dataclass(frozen=True)
class Directory:
    """One image file directory.

    Attributes:
        data: The file.
        order: "<" or ">".
        fields: By tag: field type, number of values, offset of the first.
    """

    data: bytes
    order: str
    fields: dict[int, tuple[int, int, int]]

    def values(self, tag: int) -> npt.NDArray[np.uint64] | None:
        """Returns the whole numbers of a field, or None if there is no such field.

        Raises:
            FaultError: When it holds something else.
        """
        if tag not in self.fields:
            return None
        kind, count, offset = self.fields[tag]
        if kind not in _WHOLE:
            raise FaultError(f"damaged TIFF: tag {tag} has field type {kind}, not whole numbers")
        return np.frombuffer(self.data, self.order + _WHOLE[kind], count, offset).astype(np.uint64)

    def value(self, tag: int, default: int) -> int:
        """Returns the first whole number of a field, or a default if there is no such field."""
        found = self.values(tag)
        return default if found is None or not found.size else int(found[0])

    def segments(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Returns offsets and byte counts of the strips or tiles.

        Raises:
            FaultError: When there are none, or the two do not fit together.
        """
        tiled = TILE_OFFSETS in self.fields
        offsets = self.values(TILE_OFFSETS if tiled else STRIP_OFFSETS)
        counts = self.values(TILE_BYTE_COUNTS if tiled else STRIP_BYTE_COUNTS)
        if offsets is None or counts is None or not offsets.size:
            raise FaultError("damaged TIFF: a page without picture data")
        if len(offsets) != len(counts):
            raise FaultError(f"damaged TIFF: {len(offsets)} strips but {len(counts)} byte counts")
        return offsets, counts


def is_tiff(data: bytes) -> bool:
    """Tells whether a file is a TIFF or BigTIFF file by its first bytes."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def pages(data: bytes) -> list[Directory]:
    """Walks all directories of a file.

    Args:
        data: The file; `is_tiff` is true of it.

    Returns:
        The directories of the main chain, that is: the pages, at least one.

    Raises:
        FaultError: When anything that a directory refers to lies behind the end of the file, or directories form a
            loop.
    """
    order = "<" if data[:2] == b"II" else ">"
    layout = _Layout(order, big=b"+" in data[2:4])
    at = 4
    if layout.big:
        if _read(data, order + "HH", 4) != (8, 0):
            raise FaultError("damaged BigTIFF: its offsets are not of 8 bytes")
        at = 8
    (offset,) = _read(data, layout.offset, at)
    found: list[Directory] = []
    nested: list[int] = []
    seen: set[int] = set()
    budget = _MAX_ENTRIES
    while offset or nested:
        in_chain = bool(offset)
        at = offset or nested.pop()
        if at in seen:
            raise FaultError(f"damaged TIFF: the directory at byte {at} is referred to twice")
        seen.add(at)
        directory, following = _directory(data, at, layout, budget)
        budget -= len(directory.fields)
        if in_chain:
            found.append(directory)
            offset = following
            budget -= _check_segments(directory)
        for tag in _DIRECTORIES:
            inner = directory.values(tag)
            nested += [] if inner is None else [int(v) for v in inner[: budget + 1]]
        budget -= len(nested)
        if budget < 0:
            raise FaultError(f"damaged TIFF: more than {_MAX_ENTRIES} directory entries and strips")
    if not found:
        raise FaultError("damaged TIFF: no page")
    return found


def _directory(data: bytes, at: int, layout: _Layout, budget: int) -> tuple[Directory, int]:
    """Reads one directory; returns it and the offset of the next one."""
    (count,) = _read(data, layout.count, at)
    if count > max(budget, 0):
        raise FaultError(f"damaged TIFF: the directory at byte {at} claims {count} entries")
    entry = at + struct.calcsize(layout.count)
    inline = struct.calcsize(layout.offset)
    step = struct.calcsize(layout.entry) + inline
    (following,) = _read(data, layout.offset, entry + step * count)
    fields = {}
    for position in range(entry, entry + step * count, step):
        tag, kind, values = struct.unpack_from(layout.entry, data, position)
        start = position + step - inline
        size = values * _SIZES.get(kind, 0)
        if size > inline:
            (start,) = struct.unpack_from(layout.offset, data, start)
        if start + size > len(data):
            raise FaultError(
                f"truncated: the file has {len(data)} bytes, "
                f"the values of tag {tag} should end at byte {start + size}"
            )
        fields[tag] = (kind, values, start)
    return Directory(data, layout.order, fields), following


def _check_segments(directory: Directory) -> int:
    """Checks that the strips of a page lie inside the file; returns their number."""
    offsets, counts = directory.segments()
    size = len(directory.data)
    # Compared apart: the sum of two 64-bit numbers may overflow.
    behind = (offsets > size) | (counts > size) | (offsets + counts > size)
    if behind.any():
        worst = int(np.argmax(behind))
        end = int(offsets[worst]) + int(counts[worst])
        raise FaultError(f"truncated: the file has {size} bytes, a strip should end at byte {end}")
    return len(offsets)


def _read(data: bytes, layout: str, at: int) -> tuple[int, ...]:
    if at + struct.calcsize(layout) > len(data):
        raise FaultError(f"truncated: the file has {len(data)} bytes, a directory lies at byte {at}")
    return struct.unpack_from(layout, data, at)
