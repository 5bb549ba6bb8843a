"""The proof that no scan of a JPEG was cut short.

A damaged byte can put an end-of-image marker into the middle of the picture data, and a part of it can be missing.
libjpeg then fills the missing blocks with zeros and reports success. Whether a scan was complete is found out by
asking the decoder: bytes put behind the data of a complete scan are never read, so the picture stays the same; a
scan that was cut short swallows them and the picture changes. That costs a second decode, and libjpeg writes a line
to standard error for a good file, so it is done only where something is suspicious:

- one sequential scan: its last block is empty. Up to one minimum coded unit (16x16 pixels) may go unnoticed.
- several sequential scans, which hardly anybody writes: always.
- progressive: bytes that belong to nothing follow a scan or the file's end; or a scan of means (DC coefficients)
  ends empty, as seen at an eighth of the size in a copy of the file without any other scan. The copy costs a
  tenth of the file's own decoding. Not noticed is a scan of details (AC coefficients) that lacks its end: every
  block is there, some less precise than they were.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from deepbiq.imaging import opencv
from deepbiq.imaging.fault import FaultError
from deepbiq.imaging.jpeg_markers import EOI, Frame, Scan, Walk

_EMPTY_SAMPLE = 128
"""Sample that a block of nothing but zeros decodes to: the level shift of T.81, A.3.1."""

_FILLER = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64)).replace(b"\xff", b"\x5a")
"""Bytes that are entropy-coded data to any Huffman table, without the marker prefix 0xFF."""

_EIGHTH = 8
_ONLY_MEANS = b"\xff\xdb\x01\x06" + b"".join(bytes([n, 255]) + bytes(63) for n in range(4))
"""Quantisation tables (T.81, B.2.4.1) that take every mean but zero far from mid grey, and leave no details. Where
details are missing libjpeg smooths borders of blocks, but not with such tables: the last block looks as it is."""


def decode(data: bytes | memoryview, divisor: int) -> npt.NDArray[np.uint8]:
    """Decodes a JPEG file at 1/divisor of its size.

    Returns:
        (H, W, 3) BGR as stored: not turned upright.

    Raises:
        FaultError: When the decoder refuses the data.
    """
    bgr = opencv.imdecode(data, opencv.REDUCED_COLOUR[divisor] | opencv.IGNORE_ORIENTATION)
    if bgr.dtype != np.uint8:
        raise FaultError(f"the decoder returned {bgr.dtype} pixels")
    return bgr


def check_not_cut_short(data: bytes, found: Walk, bgr: npt.NDArray[np.uint8], divisor: int) -> None:
    """Checks that every scan holds the data of all its blocks, as far as the module's description says.

    Args:
        data: The file.
        found: What the walk found in it.
        bgr: What it decodes to, (H, W, 3).
        divisor: At which reduction.

    Raises:
        FaultError: When a scan was cut short.
    """
    file = data[: found.end]
    frame = found.found_frame()
    if not frame.progressive:
        ends = [scan.end for scan in found.scans]
        if len(ends) > 1 or _ends_empty(bgr, frame, divisor):
            _compare(file, ends, bgr, divisor)
        return
    _compare(file, found.dubious_ends, bgr, divisor)
    for scan in found.scans:
        if scan.begins_means:
            means, end = _only_means(file, found, scan)
            small = decode(means, _EIGHTH)
            if _may_be_empty(frame, small[-1:, -1:]):
                _compare(means, [end], small, _EIGHTH)


def _compare(file: bytes, ends: list[int], bgr: npt.NDArray[np.uint8], divisor: int) -> None:
    """Decodes a file with filler behind the data of some scans and compares."""
    if not ends:
        return
    parts = []
    begin = 0
    for end in ends:
        parts += [file[begin:end], _FILLER]
        begin = end
    if not np.array_equal(bgr, decode(b"".join([*parts, file[begin:]]), divisor)):
        raise FaultError("cut short: a marker ends the picture data before its last block")


def _may_be_empty(frame: Frame, corner: npt.NDArray[np.uint8]) -> bool:
    # What inks come to depends on the program that wrote them.
    return len(frame.components) == 4 or bool((corner == _EMPTY_SAMPLE).all())


def _ends_empty(bgr: npt.NDArray[np.uint8], frame: Frame, divisor: int) -> bool:
    """Tells from the far corner of the last minimum coded unit whether that unit may be empty."""
    across, down = frame.most_sampled() if len(frame.components) > 1 else (1, 1)
    visible = [
        (side - 1) % (8 * factor // divisor) + 1 for side, factor in zip(bgr.shape, (down, across), strict=False)
    ]
    # The half away from the neighbouring units, whose colours upsampling blends into the nearest pixels.
    corner = bgr[-((visible[0] + 1) // 2) :, -((visible[1] + 1) // 2) :]
    if min(visible) == 1 and (across, down) != (1, 1) and len(frame.components) == 3:
        # A single row or column has no such half. Its luma is not blended.
        return bool((abs(_luma(corner) - _EMPTY_SAMPLE) <= 2).all())
    return _may_be_empty(frame, corner)


def _luma(bgr: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Returns the Y of YCbCr, JFIF 1.02."""
    luma: npt.NDArray[np.float64] = bgr @ np.array([0.114, 0.587, 0.299])
    return luma


def _only_means(file: bytes, found: Walk, means: Scan) -> tuple[bytes, int]:
    """Returns a file with one scan of means and no other, and the offset of that scan's end."""
    parts = []
    begin = 0
    for scan in found.scans[: found.scans.index(means) + 1]:
        parts.append(file[begin : scan.start])
        begin = scan.end
    head = b"".join([*parts, _ONLY_MEANS, file[means.start : means.end]])
    return head + bytes([0xFF, EOI]), len(head)
