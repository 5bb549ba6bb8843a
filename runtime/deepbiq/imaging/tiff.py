"""TIFF: the first page, its samples, and what they mean.

What is read: 1, 4, 8 and 16 bits per sample; grey, RGB, palette, CMYK; strips and tiles, interleaved or not;
stored, PackBits, LZW, Deflate and JPEG. Everything else is refused by name: fax compressions, float samples, Lab,
raw photos.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.imaging import exif, jpeg, pixels, tiff_codecs
from deepbiq.imaging.bmp import unpack_bits
from deepbiq.imaging.fault import FaultError
from deepbiq.imaging.header import Decoded, Header
from deepbiq.imaging.limits import Limits
from deepbiq.imaging.tiff_directory import TILE_OFFSETS, Directory, pages

# Tags, TIFF 6.0 section 8 and the sections named there; DNGVersion: Adobe DNG specification.
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
_SAMPLES, _ROWS_PER_STRIP, _PLANAR, _PREDICTOR, _COLOR_MAP = 277, 278, 284, 317, 320
_TILE_WIDTH, _TILE_HEIGHT, _INK_SET, _EXTRA, _SAMPLE_FORMAT = 322, 323, 332, 338, 339
_JPEG_TABLES, _DNG_VERSION = 347, 50706

# PhotometricInterpretation, and how many samples each has.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_COLOUR_SAMPLES = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
_COLOUR_NAMES = {
    _WHITE_IS_ZERO: "grey",
    _BLACK_IS_ZERO: "grey",
    _RGB: "colour",
    _PALETTE: "palette",
    _CMYK: "cmyk",
    _YCBCR: "colour",
}
_REFUSED_PHOTOMETRICS = {
    4: "transparency mask",
    8: "CIE Lab",
    9: "ICC Lab",
    10: "ITU Lab",
    32803: "raw colour filter",
}
_REFUSED_COMPRESSIONS = {
    2: "CCITT Huffman",
    3: "CCITT Group 3 fax",
    4: "CCITT Group 4 fax",
    6: "old-style JPEG",
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    52546: "JPEG XL",
}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # ExtraSamples, TIFF 6.0 section 18

_MOST_PADDING = 2
"""Tiles of a picture may have so many times more pixels, in all, than a picture may have."""

_ANY_JPEG = Limits(max_pixels=65535 * 65535)
"""A strip's own size is compared with that of its page, which has been checked."""

_MOST_TABLE_BYTES = 4096
"""Four quantisation and eight Huffman tables (T.81, B.2.4) have less; each strip is decoded with a copy of them."""

_UNSAID = -1
"""ExtraSamples is missing although there is an extra sample, as in what OpenCV writes: it means alpha there."""

_EXTRA_WARNING = "an extra channel of unsaid meaning was ignored"


@dataclass(frozen=True)
class _Page:
    """How the samples of a page are stored."""

    width: int
    height: int
    bits: int
    samples: int
    photometric: int
    compression: int
    predictor: bool
    separate: bool
    tile: tuple[int, int]  # width and height of a strip or tile
    extra: int | None  # meaning of the first sample behind the colours

    @property
    def per_plane(self) -> int:
        """Samples of a pixel that are stored next to each other."""
        return 1 if self.separate else self.samples

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of a strip or tile."""
        return -(-self.tile[0] * self.per_plane * self.bits // 8)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Number of planes, and of strips or tiles down and across."""
        planes = self.samples if self.separate else 1
        return planes, -(-self.height // self.tile[1]), -(-self.width // self.tile[0])

    def places(self, tiled: bool) -> Iterator[tuple[int, int, int, int]]:
        """Yields plane, top, left and stored rows of each strip or tile, in file order."""
        planes, down, across = self.grid
        step_x, step_y = self.tile
        for plane in range(planes):
            for row in range(down):
                rows = step_y if tiled else min(step_y, self.height - row * step_y)
                for column in range(across):
                    yield plane, row * step_y, column * step_x, rows


@dataclass(frozen=True)
class TiffFile:
    """A TIFF file whose directories and strips are complete.

    Attributes:
        directory: The first page.
        header: What it says about itself.
        page: How its samples are stored.
    """

    directory: Directory
    header: Header
    page: _Page

    def decode(self, min_short_side: int | None) -> Decoded:  # noqa: ARG002 (TIFF has no cheaper small decode)
        """Decodes the first page, always at full size.

        Args:
            min_short_side: Not used.

        Returns:
            The pixels.

        Raises:
            FaultError: When a strip is damaged or too short.
        """
        if self.page.compression == tiff_codecs.JPEG:
            bgr, warnings = self._decode_jpeg()
        else:
            bgr, warnings = self._interpret(self._read_samples())
        if self.header.frames > 1:
            warnings = (*warnings, pixels.frames_warning(self.header.frames, "pages"))
        return Decoded(bgr, warnings)

    def _segments(self) -> Iterator[tuple[tuple[int, int, int, int], bytes]]:
        tiled = TILE_OFFSETS in self.directory.fields
        offsets, counts = self.directory.segments()
        for place, offset, count in zip(self.page.places(tiled), offsets.tolist(), counts.tolist(), strict=False):
            yield place, self.directory.data[offset : offset + count]

    def _read_samples(self) -> npt.NDArray[Any]:
        """Returns all samples, (H, W, samples), uint8 or uint16."""
        page = self.page
        result = np.empty((page.height, page.width, page.samples), np.uint16 if page.bits == 16 else np.uint8)
        for (plane, top, left, rows), packed in self._segments():
            unpacked = tiff_codecs.unpack(page.compression, packed, rows * page.row_bytes)
            block = self._samples_of(np.frombuffer(unpacked, np.uint8).reshape(rows, page.row_bytes))
            target = result[top : top + rows, left : left + page.tile[0], plane : plane + page.per_plane]
            target[...] = block[: target.shape[0], : target.shape[1]]
        return result

    def _samples_of(self, rows: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Turns the bytes of a strip into (rows, width, samples of a plane)."""
        page = self.page
        samples: npt.NDArray[Any]
        if page.bits == 16:
            samples = rows.view(self.directory.order + "u2").astype(np.uint16)
        else:
            samples = unpack_bits(rows, page.bits, page.tile[0] * page.per_plane)
        samples = samples.reshape(len(rows), page.tile[0], page.per_plane)
        if page.predictor:
            # Each sample was stored as the difference from its left neighbour, modulo 2 ** bits (section 14).
            samples = np.add.accumulate(samples, axis=1, dtype=samples.dtype)
        return samples

    def _interpret(self, samples: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
        """Turns samples into BGR."""
        page = self.page
        warnings: tuple[str, ...] = ()
        if page.bits == 16:
            samples = pixels.to_8_bits(samples)
            warnings = (pixels.DEPTH_WARNING,)
        if page.photometric == _PALETTE:
            return self._palette()[samples[..., 0]], warnings
        colours = _COLOUR_SAMPLES[page.photometric]
        colour = samples[..., :colours]
        if page.photometric == _CMYK:
            return _from_cmyk(colour), (*warnings, pixels.CMYK_WARNING)
        if colours == 1:
            bgr = pixels.to_bgr(self._grey(colour[..., 0]))
            warnings = (pixels.GREY_WARNING, *warnings)
        else:
            bgr = np.ascontiguousarray(colour[..., ::-1])
        if page.extra is None:
            return bgr, warnings
        return self._with_extra(bgr, samples[..., colours], warnings)

    def _grey(self, grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        if self.page.bits < 8:
            grey = grey * np.uint8(255 // ((1 << self.page.bits) - 1))
        return 255 - grey if self.page.photometric == _WHITE_IS_ZERO else grey

    def _with_extra(
        self, bgr: npt.NDArray[np.uint8], extra: npt.NDArray[np.uint8], warnings: tuple[str, ...]
    ) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
        kind = self.page.extra
        # A channel that nobody called alpha and that would hide everything is no alpha.
        if kind not in (_ASSOCIATED, _UNASSOCIATED, _UNSAID) or (kind == _UNSAID and not extra.any()):
            return bgr, (*warnings, _EXTRA_WARNING)
        if pixels.is_opaque(extra):
            return bgr, warnings
        result = pixels.composite(bgr, extra, premultiplied=kind == _ASSOCIATED)
        return result, (*warnings, pixels.ALPHA_WARNING)

    def _palette(self) -> npt.NDArray[np.uint8]:
        """Returns the colour map as (256, 3) BGR."""
        count = 1 << self.page.bits
        values = self.directory.values(_COLOR_MAP)
        if values is None or len(values) != 3 * count:
            raise FaultError(f"damaged TIFF: the colour map does not have 3 x {count} values")
        rgb = values.astype(np.uint16).reshape(3, count)
        # Writers turn 8 bits into 16 by times 256 or 257; the upper byte is right for both. Some store 8 bits
        # although section 5 asks for 16.
        rgb8 = (rgb >> 8 if (rgb > 255).any() else rgb).astype(np.uint8)
        palette = np.zeros((256, 3), np.uint8)
        palette[:count] = rgb8[::-1].T
        return palette

    def _decode_jpeg(self) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
        page = self.page
        tables = self._jpeg_tables()
        bgr = np.empty((page.height, page.width, 3), np.uint8)
        warnings: tuple[str, ...] = ()
        for (_, top, left, rows), packed in self._segments():
            stream = _jpeg_stream(tables, packed, is_rgb=page.photometric == _RGB)
            file = jpeg.parse(stream, _ANY_JPEG)
            if file.header.width != page.tile[0] or not rows <= file.header.height <= page.tile[1]:
                raise FaultError("damaged TIFF: a JPEG strip has another size than its page says")
            decoded = file.decode(None)
            warnings = decoded.warnings
            target = bgr[top : top + rows, left : left + page.tile[0]]
            target[...] = decoded.bgr[: target.shape[0], : target.shape[1]]
        return bgr, warnings

    def _jpeg_tables(self) -> bytes:
        """Returns the tables that all strips share, without their SOI and EOI markers (Technical Note 2)."""
        if _JPEG_TABLES not in self.directory.fields:
            return b""
        _, count, offset = self.directory.fields[_JPEG_TABLES]
        if count > _MOST_TABLE_BYTES:
            raise FaultError(f"damaged TIFF: its JPEG tables have {count} bytes, more than {_MOST_TABLE_BYTES}")
        return self.directory.data[offset : offset + count][2:-2]


def parse(data: bytes, limits: Limits) -> TiffFile:
    """Walks a TIFF file and reads how its first page is stored.

    Args:
        data: The file; `tiff_directory.is_tiff` is true of it.
        limits: Checked as soon as the size is known.

    Returns:
        The file, ready to be decoded.

    Raises:
        FaultError: When it is truncated, damaged, or of a kind that is not read.
    """
    found = pages(data)
    first = found[0]
    width, height = first.value(_WIDTH, 0), first.value(_HEIGHT, 0)
    limits.check_size(width, height)
    _check_kind(first)
    page = _page(first, width, height)
    _check_page(page, first)
    _check_segments(page, first, limits)
    header = Header(
        "TIFF",
        width,
        height,
        _COLOUR_NAMES[page.photometric],
        bit_depth=page.bits,
        has_alpha=page.extra in (_ASSOCIATED, _UNASSOCIATED, _UNSAID),
        orientation=exif.valid(first.value(exif.ORIENTATION, 1)),
        frames=len(found),
    )
    return TiffFile(first, header, page)


def _check_kind(first: Directory) -> None:
    if _DNG_VERSION in first.fields or first.value(_SUBFILE, 0) & 1:
        raise FaultError(
            "unsupported: a raw photo (its first TIFF page is only a preview): export it as JPEG or PNG"
        )
    photometric = first.value(_PHOTOMETRIC, -1)
    if photometric not in _COLOUR_SAMPLES:
        name = _REFUSED_PHOTOMETRICS.get(photometric, str(photometric))
        raise FaultError(f"unsupported TIFF: colour space {name}: save it as RGB")
    compression = first.value(_COMPRESSION, 1)
    if compression not in tiff_codecs.KNOWN and compression != tiff_codecs.JPEG:
        name = _REFUSED_COMPRESSIONS.get(compression, str(compression))
        raise FaultError(f"unsupported TIFF: compression {name}: save it with LZW or Deflate")


def _page(first: Directory, width: int, height: int) -> _Page:
    photometric = first.value(_PHOTOMETRIC, -1)
    samples = first.value(_SAMPLES, 1)
    if TILE_OFFSETS in first.fields:
        tile = (first.value(_TILE_WIDTH, 0), first.value(_TILE_HEIGHT, 0))
    else:
        tile = (width, min(first.value(_ROWS_PER_STRIP, height), height))
    extra = None
    if samples > _COLOUR_SAMPLES[photometric]:
        extra = first.value(_EXTRA, _UNSAID)
    return _Page(
        width,
        height,
        bits=first.value(_BITS, 1),
        samples=samples,
        photometric=photometric,
        compression=first.value(_COMPRESSION, 1),
        predictor=first.value(_PREDICTOR, 1) == 2,
        separate=first.value(_PLANAR, 1) == 2 and samples > 1,
        tile=tile,
        extra=extra,
    )


def _check_page(page: _Page, first: Directory) -> None:
    """Refuses what `TiffFile` does not read, before anything is allocated."""
    bits = first.values(_BITS)
    formats = first.values(_SAMPLE_FORMAT)
    if formats is not None and (formats != 1).any():
        raise FaultError(
            "unsupported TIFF: samples that are not unsigned whole numbers: convert them to 8 or 16 bits"
        )
    if page.bits not in (1, 4, 8, 16) or (bits is not None and (bits != page.bits).any()):
        raise FaultError(f"unsupported TIFF: {page.bits} bits per sample, not 1, 4, 8 or 16")
    wanted = _COLOUR_SAMPLES[page.photometric]
    if not wanted <= page.samples <= wanted + 1 or (page.bits < 8 and page.samples > 1):
        raise FaultError(f"unsupported TIFF: {page.samples} samples of {page.bits} bits per pixel")
    if page.photometric == _PALETTE and page.bits == 16:
        raise FaultError("unsupported TIFF: a palette of 16 bits")
    if first.value(_PREDICTOR, 1) not in (1, 2) or (page.predictor and page.bits < 8):
        raise FaultError(f"unsupported TIFF: predictor {first.value(_PREDICTOR, 1)} with {page.bits} bits")
    if first.value(_FILL_ORDER, 1) != 1 and page.bits < 8:
        raise FaultError("unsupported TIFF: the bits of a byte are stored in reverse (FillOrder 2)")
    if page.photometric == _CMYK and first.value(_INK_SET, 1) != 1:
        raise FaultError("unsupported TIFF: inks other than cyan, magenta, yellow and black")
    _check_jpeg(page)


def _check_jpeg(page: _Page) -> None:
    if page.compression != tiff_codecs.JPEG:
        if page.photometric == _YCBCR:
            raise FaultError("unsupported TIFF: YCbCr samples without JPEG compression: save it as RGB")
    elif (
        page.bits != 8
        or page.separate
        or page.photometric not in (_BLACK_IS_ZERO, _RGB, _YCBCR)
        or page.extra is not None
    ):
        raise FaultError("unsupported TIFF: JPEG compression of anything but 8-bit grey, RGB or YCbCr")


def _check_segments(page: _Page, first: Directory, limits: Limits) -> None:
    if min(page.tile) < 1:
        raise FaultError(f"damaged TIFF: strips or tiles of {page.tile[0]}x{page.tile[1]} pixels")
    planes, down, across = page.grid
    # Tiles may stick out, but a small picture made of huge tiles is only there to use up memory.
    if down * page.tile[1] * across * page.tile[0] > _MOST_PADDING * limits.max_pixels:
        raise FaultError(
            f"damaged TIFF: tiles of {page.tile[0]}x{page.tile[1]} pixels "
            f"for a picture of {page.width}x{page.height}"
        )
    _, counts = first.segments()
    if len(counts) < planes * down * across:
        raise FaultError(f"damaged or cut short: {len(counts)} of {planes * down * across} strips or tiles")
    # Section 7: "No data should be referenced from more than one place." Strips that share bytes would have a small
    # file read again and again.
    claimed = int(counts[: planes * down * across].sum())
    if claimed > len(first.data):
        raise FaultError(
            f"damaged TIFF: its strips or tiles claim {claimed} bytes of a file of {len(first.data)}: they overlap"
        )
    if page.compression == tiff_codecs.NONE:
        tiled = TILE_OFFSETS in first.fields
        for (_, top, _, rows), count in zip(page.places(tiled), counts.tolist(), strict=False):
            if count < rows * page.row_bytes:
                raise FaultError(
                    f"damaged or cut short: the strip at row {top} has {count} bytes, not {rows * page.row_bytes}"
                )


def _from_cmyk(inks: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Converts inks, (H, W, 4), 0 for none to 255 for full, by (1 - ink) * (1 - black)."""
    light = np.uint8(255) - inks
    # Light that black lets through, as an alpha channel over nothing.
    result = np.empty((*inks.shape[:2], 3), np.uint8)
    for row in range(len(inks)):
        passed = light[row, :, 3:].astype(np.uint16)
        result[row] = (light[row, :, 2::-1] * passed + 127) // 255
    return result


def _jpeg_stream(tables: bytes, packed: bytes, *, is_rgb: bool) -> bytes:
    """Makes a JPEG file of a strip: the shared tables, and an Adobe segment that says how colours are coded.

    The transform byte is 0 for RGB and 1 for YCbCr (Adobe Technical Note 5116, section 18); without the segment the
    decoder guesses.
    """
    if not packed.startswith(jpeg.MAGIC[:2]):
        raise FaultError("damaged TIFF: a JPEG strip without a start-of-image marker")
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + (b"\x00" if is_rgb else b"\x01")
    return packed[:2] + adobe + tables + packed[2:]
