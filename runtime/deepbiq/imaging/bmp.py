"""BMP: uncompressed pixels, read without a decoder.

Read here and not by OpenCV because its versions differ in what the fourth channel of a 32-bit BMP means. The rule:
the fourth byte is alpha only where the header has an alpha mask (BITMAPV3INFOHEADER and later with BI_BITFIELDS, or
BI_ALPHABITFIELDS), and not where that alpha is zero everywhere, which is how writers that ignore it leave it.
Layout: Microsoft, "Bitmap Storage" and the structures BITMAPFILEHEADER, BITMAPINFOHEADER, BITMAPV5HEADER.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.imaging import pixels
from deepbiq.imaging.fault import FaultError
from deepbiq.imaging.header import Decoded, Header
from deepbiq.imaging.limits import Limits

MAGIC = b"BM"

_FILE_HEADER = 14
_CORE = 12
_INFO_HEADERS = (40, 52, 56, 108, 124)  # INFO, V2, V3, V4, V5
_WITH_ALPHA_MASK = (56, 108, 124)
# Compression values, BITMAPINFOHEADER.biCompression.
_RGB, _BITFIELDS, _ALPHABITFIELDS = 0, 3, 6
_REFUSED = {1: "run-length encoded (RLE8)", 2: "run-length encoded (RLE4)", 4: "JPEG inside", 5: "PNG inside"}
_DEPTHS = (1, 4, 8, 16, 24, 32)
# Masks of red, green, blue, alpha where the file gives none.
_DEFAULT_MASKS = {16: (0x7C00, 0x03E0, 0x001F, 0), 32: (0xFF0000, 0x00FF00, 0x0000FF, 0)}


@dataclass(frozen=True)
class BmpFile:
    """A BMP file whose pixel data is complete.

    Attributes:
        data: The file.
        header: What the file says about itself.
        offset: Where the pixel rows start.
        top_down: Whether the first stored row is the top one.
        palette: (256, 3) BGR for palette pictures, else None.
        masks: Bit masks of red, green, blue and alpha for 16 and 32 bits.
    """

    data: bytes
    header: Header
    offset: int
    top_down: bool
    palette: npt.NDArray[np.uint8] | None
    masks: tuple[int, int, int, int]

    def decode(self, min_short_side: int | None) -> Decoded:  # noqa: ARG002 (nothing is cheaper than a copy)
        """Decodes at full size.

        Args:
            min_short_side: Not used.

        Returns:
            The pixels.
        """
        width, height, depth = self.header.width, self.header.height, self.header.bit_depth
        stride = _stride(width, depth)
        rows = np.frombuffer(self.data, np.uint8, stride * height, self.offset).reshape(height, stride)
        if not self.top_down:
            rows = rows[::-1]
        if self.palette is not None:
            return Decoded(self.palette[unpack_bits(rows, depth, width)])
        if depth == 24:
            return Decoded(np.ascontiguousarray(rows[:, : 3 * width]).reshape(height, width, 3))
        return self._masked(np.ascontiguousarray(rows[:, : width * depth // 8]).view(f"<u{depth // 8}"))

    def _masked(self, values: npt.NDArray[np.unsignedinteger]) -> Decoded:
        red, green, blue, alpha_mask = self.masks
        bgr = np.stack([_field(values, mask) for mask in (blue, green, red)], axis=-1)
        if alpha_mask:
            alpha = _field(values, alpha_mask)
            if alpha.any() and not pixels.is_opaque(alpha):
                return Decoded(pixels.composite(bgr, alpha), (pixels.ALPHA_WARNING,))
        return Decoded(bgr)


def parse(data: bytes, limits: Limits) -> BmpFile:
    """Reads the headers of a BMP file and checks that all rows are there.

    Args:
        data: The file, starting with `MAGIC`.
        limits: Checked as soon as the size is known.

    Returns:
        The file, ready to be decoded.

    Raises:
        FaultError: When it is truncated, invalid or compressed.
    """
    offset, dib_size = _unpack("<4xII", data, 6)
    if dib_size == _CORE:
        width, height, planes, depth = _unpack("<HHHH", data, 18)
        compression, colours = _RGB, 0
    elif dib_size in _INFO_HEADERS:
        width, height, planes, depth, compression, colours = _unpack("<iiHHI12xI", data, 18)
    else:
        raise FaultError(f"unsupported or damaged BMP: an information header of {dib_size} bytes")
    limits.check_size(width, abs(height))
    if compression in _REFUSED:
        raise FaultError(f"unsupported BMP: {_REFUSED[compression]}: save it uncompressed or as PNG")
    allowed = (_RGB, _BITFIELDS, _ALPHABITFIELDS) if depth in _DEFAULT_MASKS else (_RGB,)
    if planes != 1 or depth not in _DEPTHS or compression not in allowed:
        raise FaultError(f"unsupported or damaged BMP: {planes} planes, {depth} bits, compression {compression}")
    _check_rows(data, offset, width, abs(height), depth)
    masks = _masks(data, dib_size, compression, depth)
    palette = _palette(data, dib_size, depth, colours, offset)
    kind = "palette" if palette is not None else "colour"
    header = Header("BMP", width, abs(height), kind, bit_depth=depth, has_alpha=masks[3] != 0)
    return BmpFile(data, header, offset, height < 0, palette, masks)


def unpack_bits(rows: npt.NDArray[np.uint8], depth: int, width: int) -> npt.NDArray[np.uint8]:
    """Spreads samples of 1, 2, 4 or 8 bits, the leftmost in the highest bits, over one byte each.

    Args:
        rows: (H, bytes per row).
        depth: Bits of a sample.
        width: Samples of a row.

    Returns:
        (H, width), 0 to 2 ** depth - 1.
    """
    if depth == 8:
        return rows[:, :width]
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    spread: npt.NDArray[np.uint8] = rows[:, :, None] >> shifts & np.uint8((1 << depth) - 1)
    return spread.reshape(len(rows), -1)[:, :width]


def _stride(width: int, depth: int) -> int:
    """Returns the bytes of a row, which is padded to four."""
    return (width * depth + 31) // 32 * 4


def _check_rows(data: bytes, offset: int, width: int, height: int, depth: int) -> None:
    needed = offset + _stride(width, depth) * height
    if needed > len(data):
        raise FaultError(f"truncated: the picture data should end at byte {needed}, the file has {len(data)} bytes")


def _masks(data: bytes, dib_size: int, compression: int, depth: int) -> tuple[int, int, int, int]:
    if compression == _RGB:
        return _DEFAULT_MASKS.get(depth, (0, 0, 0, 0))
    # The masks stand behind the first 40 bytes of the information header, inside or outside of it.
    red, green, blue = _unpack("<3I", data, _FILE_HEADER + 40)
    with_alpha = compression == _ALPHABITFIELDS or dib_size in _WITH_ALPHA_MASK
    alpha = _unpack("<I", data, _FILE_HEADER + 52)[0] if with_alpha else 0
    for mask in (red, green, blue, alpha):
        if mask >> depth or not _is_run(mask):
            raise FaultError(f"damaged BMP: 0x{mask:08X} is no mask of neighbouring bits of {depth}")
    if not (red and green and blue):
        raise FaultError("damaged BMP: a colour has no bits")
    return red, green, blue, alpha


def _is_run(mask: int) -> bool:
    shifted = mask // (mask & -mask) if mask else 0
    return shifted & (shifted + 1) == 0


def _field(values: npt.NDArray[np.unsignedinteger], mask: int) -> npt.NDArray[np.uint8]:
    """Takes one channel out of packed pixels and stretches it to 0..255, rounded."""
    lowest, length = (mask & -mask).bit_length() - 1, mask.bit_count()
    # The upper 16 bits of a channel are enough, and keep the product below within 32.
    shift, most = lowest + max(0, length - 16), (1 << min(length, 16)) - 1
    channel = (values >> values.dtype.type(shift) & values.dtype.type(most)).astype(np.uint32)
    stretched: npt.NDArray[np.uint8] = ((channel * 255 + most // 2) // most).astype(np.uint8)
    return stretched


def _palette(data: bytes, dib_size: int, depth: int, colours: int, offset: int) -> npt.NDArray[np.uint8] | None:
    """Reads the palette; entries that the file does not define are black."""
    if depth > 8:
        return None
    entry = 3 if dib_size == _CORE else 4
    start = _FILE_HEADER + dib_size
    count = min(colours or 1 << depth, 1 << depth, (offset - start) // entry)
    if count < 1:
        raise FaultError("damaged BMP: no room for a palette before the picture data")
    palette = np.zeros((256, 3), np.uint8)
    palette[:count] = np.frombuffer(data, np.uint8, entry * count, start).reshape(count, entry)[:, :3]
    return palette


def _unpack(layout: str, data: bytes, offset: int) -> tuple[int, ...]:
    if offset + struct.calcsize(layout) > len(data):
        raise FaultError(f"truncated: ends at byte {len(data)} inside the header")
    return struct.unpack_from(layout, data, offset)
