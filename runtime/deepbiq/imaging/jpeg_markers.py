"""The walk through a JPEG file, from marker to marker to the end-of-image marker.

Entropy-coded data is skipped, not decoded: every 0xFF in it is followed by a stuffed zero (ITU-T T.81, B.1.1.5),
so the next marker is found at the speed of memory. What can be proven wrong on the way is:
a missing end, a missing component, scans that never reach full precision, lost restart intervals, and data that is
too short for the number of blocks.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

import numpy as np

from deepbiq.imaging import exif
from deepbiq.imaging.fault import FaultError
from deepbiq.imaging.limits import Limits

# Marker codes: second byte after 0xFF, ITU-T T.81 Table B.1.
SOI, EOI, SOS, DHT, DAC, DRI = 0xD8, 0xD9, 0xDA, 0xC4, 0xCC, 0xDD
APP1 = 0xE1
_RST0, _RST7, _TEM = 0xD0, 0xD7, 0x01
_SOF_BASELINE, _SOF_EXTENDED, _SOF_PROGRESSIVE = 0xC0, 0xC1, 0xC2
_REFUSED_FRAMES = {
    0xC3: "lossless",
    0xC5: "hierarchical (differential sequential)",
    0xC6: "hierarchical (differential progressive)",
    0xC7: "hierarchical (differential lossless)",
    0xC9: "arithmetic-coded sequential",
    0xCA: "arithmetic-coded progressive",
    0xCB: "arithmetic-coded lossless",
    0xCD: "hierarchical (arithmetic, differential sequential)",
    0xCE: "hierarchical (arithmetic, differential progressive)",
    0xCF: "hierarchical (arithmetic, differential lossless)",
    0xDE: "hierarchical",
}
# Segments that a decoder reads or skips by their length: DHT, DAC, DQT, DNL, DRI, APP0 to APP15, COM.
_SEGMENTS = {DHT, DAC, 0xDB, 0xDC, DRI, *range(0xE0, 0xF0), 0xFE}

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")

_SCAN_BLOCK = 1 << 17
"""Bytes of picture data that are searched at once: the copy stays in the processor's cache."""

_ALL_RESTARTS = bytes(range(_RST0, _RST7 + 1))

_MAX_PASSES = 16
"""How often the scans of a picture may pass over all its blocks. Encoders stay below 7; each pass costs time,
however few bytes it has, so a small file with hundreds of empty scans would keep the decoder busy for minutes."""


@dataclass(frozen=True)
class Component:
    """One colour component of a frame: identifier and sampling factors (T.81, B.2.2)."""

    identifier: int
    horizontal: int
    vertical: int


@dataclass(frozen=True)
class Frame:
    """The frame header (T.81, B.2.2), 8 bits per sample."""

    progressive: bool
    width: int
    height: int
    components: tuple[Component, ...]

    def blocks(self, component: Component) -> tuple[int, int]:
        """Counts the 8x8 blocks, across and down, of a component coded alone (T.81, A.2.2)."""
        most_h, most_v = self.most_sampled()
        across = _ceil(_ceil(self.width * component.horizontal, most_h), 8)
        down = _ceil(_ceil(self.height * component.vertical, most_v), 8)
        return across, down

    def units(self, components: list[Component]) -> tuple[int, int]:
        """Counts the minimum coded units of a scan and the blocks in each (T.81, A.2)."""
        if len(components) == 1:
            across, down = self.blocks(components[0])
            return across * down, 1
        most_h, most_v = self.most_sampled()
        units = _ceil(self.width, 8 * most_h) * _ceil(self.height, 8 * most_v)
        return units, sum(c.horizontal * c.vertical for c in components)

    def all_blocks(self) -> int:
        """Counts the blocks of all components."""
        units, blocks = self.units(list(self.components))
        return units * blocks

    def most_sampled(self) -> tuple[int, int]:
        """Returns the largest horizontal and vertical sampling factor."""
        return max(c.horizontal for c in self.components), max(c.vertical for c in self.components)


@dataclass(frozen=True)
class Scan:
    """One scan.

    Attributes:
        start: Offset of its start-of-scan marker.
        end: Offset of the marker behind its data.
        begins_means: Whether it holds the upper bits of DC coefficients, and nothing else.
    """

    start: int
    end: int
    begins_means: bool


@dataclass
class Walk:
    """What the walk has found so far; complete once `walk` returns.

    Attributes:
        frame: The frame header.
        orientation: From the first EXIF block.
        scans: The scans.
        blocks: Blocks in all scans.
        end: Offset just behind the end-of-image marker.
        dubious_ends: Ends of scans (offset of the marker behind the data) that are followed by bytes belonging to
            nothing: perhaps an appendix, perhaps the rest of the scan behind a damaged byte.
        restart_interval: Minimum coded units between restart markers, 0 for none.
        precision: By component identifier, for each of the 64 coefficients, the lowest bit sent so far;
            None before the first.
    """

    frame: Frame | None = None
    orientation: int | None = None
    scans: list[Scan] = field(default_factory=list)
    blocks: int = 0
    end: int = 0
    dubious_ends: list[int] = field(default_factory=list)
    restart_interval: int = 0
    precision: dict[int, list[int | None]] = field(default_factory=dict)

    def found_frame(self) -> Frame:
        """Returns the frame header, which every scan and every finished walk has.

        Raises:
            FaultError: When there was none.
        """
        if self.frame is None:
            raise FaultError("damaged JPEG: no frame header before the picture data")
        return self.frame


def walk(data: bytes, limits: Limits) -> Walk:
    """Walks a JPEG file to its end-of-image marker.

    Args:
        data: The file, starting with a start-of-image marker.
        limits: Checked as soon as the frame header is met.

    Returns:
        What was found.

    Raises:
        FaultError: When the file is truncated, too large, of a kind that cannot be decoded, or provably damaged.
    """
    state = Walk()
    position = 2
    scan_end = None
    while True:
        match = _MARKER.search(data, position)
        if match is None:
            raise FaultError(f"truncated: no end-of-image marker in its {len(data)} bytes")
        if scan_end is not None and match.start() > position:
            state.dubious_ends.append(scan_end)
        code, start = data[match.end() - 1], match.end()
        if code == EOI:
            state.end = start
            _check_complete(state)
            if scan_end is not None and start < len(data):
                state.dubious_ends.append(scan_end)
            return state
        if code == SOS:
            state.scans.append(_scan(data, start, state))
            position = scan_end = state.scans[-1].end
        else:
            position = _marker(data, start, code, state, limits)


def _marker(data: bytes, start: int, code: int, state: Walk, limits: Limits) -> int:
    """Handles any marker but SOS and EOI; returns the offset behind it."""
    if _RST0 <= code <= _RST7 or code == _TEM:
        return start
    if state.frame is not None and (code in _REFUSED_FRAMES or _SOF_BASELINE <= code <= _SOF_PROGRESSIVE):
        raise FaultError(f"damaged JPEG: a second frame header at byte {start - 2}")
    if code in _REFUSED_FRAMES:
        raise FaultError(f"unsupported JPEG: {_REFUSED_FRAMES[code]}: save it as a baseline JPEG or as PNG")
    if _SOF_BASELINE <= code <= _SOF_PROGRESSIVE:
        body = _segment(data, start, code)
        state.frame = _frame(body, code, state, limits)
    elif code in _SEGMENTS:
        body = _segment(data, start, code)
        if code == DRI:
            state.restart_interval = _restart_interval(body)
        elif code == APP1 and state.orientation is None and body.startswith(b"Exif\0"):
            state.orientation = exif.orientation(body)
    else:
        raise FaultError(f"damaged JPEG: invalid marker 0xFF{code:02X} at byte {start - 2}")
    return start + 2 + len(body)


def _segment(data: bytes, start: int, code: int) -> bytes:
    """Returns a marker segment's content, behind its two length bytes."""
    length = int.from_bytes(data[start : start + 2], "big")
    if start + 2 > len(data) or start + length > len(data):
        raise FaultError(
            f"truncated: ends at byte {len(data)} inside the segment 0xFF{code:02X} that starts at byte {start - 2}"
        )
    if length < 2:
        raise FaultError(f"damaged JPEG: segment 0xFF{code:02X} at byte {start - 2} has length {length}")
    return data[start + 2 : start + length]


def _frame(body: bytes, code: int, state: Walk, limits: Limits) -> Frame:
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise FaultError("damaged JPEG: the frame header has a wrong length")
    depth, height, width, count = struct.unpack(">BHHB", body[:6])
    if height == 0 and width > 0:
        raise FaultError("unsupported JPEG: height 0, to be defined by a DNL marker behind the first scan")
    limits.check_size(width, height)
    if depth != 8:
        raise FaultError(f"unsupported JPEG: {depth} bits per sample, only 8 can be decoded")
    if count not in (1, 3, 4):
        raise FaultError(f"unsupported JPEG: {count} colour components, not 1, 3 or 4")
    components = tuple(
        Component(identifier, factors >> 4, factors & 15)
        for identifier, factors, _ in struct.iter_unpack("3B", body[6:])
    )
    if any(not (1 <= c.horizontal <= 4 and 1 <= c.vertical <= 4) for c in components):
        raise FaultError("damaged JPEG: a sampling factor is not 1, 2, 3 or 4")
    state.precision = {c.identifier: [None] * 64 for c in components}
    if len(state.precision) != count:
        raise FaultError("damaged JPEG: two colour components have the same identifier")
    return Frame(code == _SOF_PROGRESSIVE, width, height, components)


def _restart_interval(body: bytes) -> int:
    if len(body) != 2:
        raise FaultError("damaged JPEG: the restart interval has a wrong length")
    return int.from_bytes(body, "big")


def _scan(data: bytes, start: int, state: Walk) -> Scan:
    """Checks the scan whose marker ends at `start`."""
    frame = state.found_frame()
    body = _segment(data, start, SOS)
    if len(body) < 4 or len(body) != 4 + 2 * body[0]:
        raise FaultError("damaged JPEG: a scan header has a wrong length")
    components = _scan_components(body, frame)
    units, blocks = frame.units(components)
    state.blocks += units * blocks
    if state.blocks > _MAX_PASSES * frame.all_blocks():
        raise FaultError(f"unsupported JPEG: its scans pass over the picture more than {_MAX_PASSES} times")
    first, last, approximation = body[-3:]
    begins_means = frame.progressive and first == 0 and approximation >> 4 == 0
    if begins_means and any(state.precision[c.identifier][0] is not None for c in components):
        raise FaultError("damaged JPEG: two scans begin the DC coefficients of a colour component")
    if frame.progressive:
        _note_precision(state, components, first, last, approximation & 15)
    else:
        _note_precision(state, components, 0, 63, 0)

    begin = start + 2 + len(body)
    # Without an interval no restart marker may come, so any marker ends the scan: one pass instead of two.
    end = _find_scan_end(data, begin, restarts=state.restart_interval > 0)
    if end is None:
        raise FaultError(f"truncated: ends at byte {len(data)} inside the picture data, no end-of-image marker")
    if state.restart_interval:
        _check_restarts(data, begin, end, units, state.restart_interval)
    elif _RST0 <= data[end + 1] <= _RST7:
        raise FaultError("damaged JPEG: a restart marker in a scan that has no restart interval")
    # A sequential scan spends at least one bit on a block's DC coefficient and one on the others, a progressive
    # DC scan one bit (no Huffman code is shorter, T.81 Annex C); a progressive AC scan may skip thousands of
    # blocks at once.
    least_bits = units * blocks * (1 if frame.progressive else 2) if first == 0 else 0
    if (end - begin) * 8 < least_bits:
        raise FaultError(
            f"damaged or cut short: {end - begin} bytes of picture data "
            f"cannot hold {frame.width}x{frame.height} pixels"
        )
    return Scan(start - 2, end, begins_means)


def _find_scan_end(data: bytes, begin: int, *, restarts: bool) -> int | None:
    """Returns the offset of the first marker from `begin` on, passing restart markers where a scan may have them.

    A regular expression stops at each stuffed 0xFF; comparing a block at once is several times as fast.
    """
    codes = np.frombuffer(data, np.uint8)
    for start in range(begin, len(data) - 1, _SCAN_BLOCK):
        stop = min(start + _SCAN_BLOCK, len(data) - 1)
        second = codes[start + 1 : stop + 1]
        ends = (codes[start:stop] == 0xFF) & (second != 0x00) & (second != 0xFF)
        if restarts:
            ends &= (second & 0xF8) != _RST0
        if ends.any():
            return start + int(ends.argmax())
    return None


def _scan_components(body: bytes, frame: Frame) -> list[Component]:
    by_identifier = {c.identifier: c for c in frame.components}
    identifiers = body[1 : 1 + 2 * body[0] : 2]
    if not identifiers or any(i not in by_identifier for i in identifiers):
        raise FaultError("damaged JPEG: a scan names a colour component that the frame does not have")
    return [by_identifier[i] for i in identifiers]


def _note_precision(state: Walk, components: list[Component], first: int, last: int, lowest_bit: int) -> None:
    if first > last or last > 63:
        raise FaultError(f"damaged JPEG: a scan covers the coefficients {first} to {last}")
    for component in components:
        state.precision[component.identifier][first : last + 1] = [lowest_bit] * (last + 1 - first)


def _check_restarts(data: bytes, begin: int, end: int, units: int, interval: int) -> None:
    """Compares the restart markers of a scan with what its interval demands (T.81, B.2.1).

    One marker too many at the end is tolerated: some cameras close the last interval with one.
    """
    found = b"".join(_RESTART.findall(data, begin, end))[1::2]
    expected = _ceil(units, interval) - 1
    cycle = (_ALL_RESTARTS * (len(found) // 8 + 1))[: len(found)]
    if len(found) < expected or found != cycle:
        raise FaultError(
            f"damaged or cut short: of {expected} restart markers in a scan "
            f"{len(found)} were found{'' if found == cycle else ', out of order'}"
        )


def _check_complete(state: Walk) -> None:
    if not state.scans:
        raise FaultError("damaged JPEG: no picture data before the end-of-image marker")
    lowest = [bit for bits in state.precision.values() for bit in bits]
    if None in lowest or any(lowest):
        raise FaultError("cut short: the file ends before all scans of the picture")


def _ceil(value: int, divisor: int) -> int:
    return -(-value // divisor)
