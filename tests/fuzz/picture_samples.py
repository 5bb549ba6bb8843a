"""Small picture files of every kind, made on the spot: for the tests of imaging and for the mutation run."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Sample:
    """A good file.

    Attributes:
        data: The file.
        needed: Bytes from the start that belong to the picture; what follows is an appendix.
    """

    data: bytes
    needed: int


def picture(height: int = 72, width: int = 88) -> np.ndarray:
    """Return an RGB picture, (height, width, 3), with gradients, waves and a little noise; all corners differ."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    noise = np.random.default_rng(7).normal(0, 4, (height, width, 3))
    waves = 128 + 90 * np.sin(x / 5) * np.cos(y / 7)
    colours = np.stack([x * 255 / width, y * 255 / height, waves], axis=-1)
    return (colours + noise).clip(0, 255).astype(np.uint8)


def saved(pixels: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    """Encode RGB, RGBA or grey pixels with Pillow."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif_block(orientation: int, order: str = "<", thumbnail: bytes = b"") -> bytes:
    """Return an EXIF block with an orientation, and a second directory that holds a thumbnail if one is given."""
    mark = b"II" if order == "<" else b"MM"
    second = 8 + 2 + 12 + 4 if thumbnail else 0
    block = mark + struct.pack(order + "HI", 42, 8)
    block += struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, second)
    if thumbnail:
        start = second + 2 + 24 + 4
        block += struct.pack(order + "H", 2)
        block += struct.pack(order + "HHII", 0x0201, 4, 1, start) + struct.pack(
            order + "HHII", 0x0202, 4, 1, len(thumbnail)
        )
        block += struct.pack(order + "I", 0) + thumbnail
    return block


def with_exif(jpeg: bytes, block: bytes) -> bytes:
    """Put an EXIF segment behind the start-of-image marker."""
    content = b"Exif\0\0" + block
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(content)) + content + jpeg[2:]


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(rows: np.ndarray, colour: int, depth: int = 8, before_data: bytes = b"", width: int | None = None) -> bytes:
    """Write a PNG file.

    Args:
        rows: (H, bytes per row), as PNG stores samples.
        colour: Colour type.
        depth: Bits per sample.
        before_data: Chunks between IHDR and IDAT.
        width: Width in pixels, if a byte is not a pixel.
    """
    filtered = np.pad(rows, ((0, 0), (1, 0)))
    header = struct.pack(">IIBBBBB", width or rows.shape[1], len(rows), depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + before_data
        + png_chunk(b"IDAT", zlib.compress(filtered.tobytes()))
        + png_chunk(b"IEND", b"")
    )


def bmp(
    rows: np.ndarray,
    width: int,
    depth: int,
    *,
    height: int | None = None,
    compression: int = 0,
    extra: bytes = b"",
    header_size: int = 40,
) -> bytes:
    """Write a BMP file.

    Args:
        rows: (H, bytes per row padded to four), in file order.
        width: Width in pixels.
        depth: Bits per pixel.
        height: Height as the header says it; negative for top-down.
        compression: Value of biCompression.
        extra: What follows the first 40 bytes of the information header: masks, palette.
        header_size: Size of the information header.
    """
    offset = 14 + 40 + len(extra)
    info = struct.pack(
        "<IiiHHIIiiII", header_size, width, height or len(rows), 1, depth, compression, rows.size, 0, 0, 0, 0
    )
    return b"BM" + struct.pack("<IHHI", offset + rows.size, 0, 0, offset) + info + extra + rows.tobytes()


_TYPE_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}


def tiff(
    strips: list[bytes],
    width: int,
    height: int,
    tags: dict[int, tuple[int, list[int]]],
    *,
    order: str = "<",
    big: bool = False,
    pages: int = 1,
) -> bytes:
    """Write a TIFF or BigTIFF file, every page with the same strips.

    Args:
        strips: The strips or tiles.
        width: Width in pixels.
        height: Height in pixels.
        tags: By tag: field type and values; they override the ones made here. Offsets are filled in.
        order: "<" or ">".
        big: Write BigTIFF.
        pages: Number of directories.
    """
    tiled = 324 in tags
    word, size, count = ("Q", 8, "Q") if big else ("I", 4, "H")
    head = (b"II" if order == "<" else b"MM") + (
        struct.pack(order + "HHH", 43, 8, 0) if big else struct.pack(order + "H", 42)
    )
    body = bytearray(head + bytes(size))
    offsets = []
    for strip in strips:
        offsets.append(len(body))
        body += strip + bytes(len(strip) & 1)
    fields = {
        256: (4, [width]),
        257: (4, [height]),
        259: (3, [1]),
        (325 if tiled else 279): (4, [len(strip) for strip in strips]),
        **({} if tiled else {278: (4, [height])}),
        **tags,
        (324 if tiled else 273): (4, offsets),
    }
    link = len(body) - size if not strips else len(head)
    for _ in range(pages):
        body[link : link + size] = struct.pack(order + word, len(body))
        entries = bytearray(struct.pack(order + count, len(fields)))
        values_at = len(body) + len(entries) + len(fields) * (4 + 2 * size) + size
        values = bytearray()
        for tag, (kind, numbers) in sorted(fields.items()):
            raw = struct.pack(f"{order}{len(numbers)}{_TYPE_CODES[kind]}", *numbers)
            entries += struct.pack(order + "HH" + word, tag, kind, len(numbers))
            if len(raw) <= size:
                entries += raw.ljust(size, b"\0")
            else:
                entries += struct.pack(order + word, values_at + len(values))
                values += raw + bytes(len(raw) & 1)
        body += entries
        link = len(body)
        body += bytes(size) + values
    return bytes(body)


def rgb_tags(bits: int = 8, samples: int = 3, photometric: int = 2) -> dict[int, tuple[int, list[int]]]:
    """Return the tags of interleaved samples for `tiff`."""
    return {258: (3, [bits] * samples), 262: (3, [photometric]), 277: (3, [samples])}


def animated(kind: str, **options: object) -> bytes:
    """Return an animation of two frames: the picture and its negative."""
    first = picture()
    return saved(first, kind, save_all=True, append_images=[Image.fromarray(255 - first)], duration=100, **options)


def samples() -> dict[str, Sample]:
    """Return good files of every format by a describing name."""
    rgb = picture()
    grey = rgb[..., 2]
    alpha = np.dstack([rgb, np.linspace(0, 255, rgb.shape[1], dtype=np.uint8)[None].repeat(len(rgb), 0)])
    jpeg = saved(rgb, "JPEG", quality=85)
    thumbnail = saved(picture(24, 32), "JPEG")
    rgba_16 = alpha.astype(np.uint16)[..., :3] * 257 + 13
    files = {
        "jpeg-baseline": jpeg,
        "jpeg-444": saved(rgb, "JPEG", subsampling=0, quality=95),
        "jpeg-progressive": saved(rgb, "JPEG", progressive=True),
        "jpeg-restart": saved(rgb, "JPEG", restart_marker_blocks=3),
        "jpeg-progressive-restart": saved(rgb, "JPEG", restart_marker_blocks=4, progressive=True),
        "jpeg-exif": with_exif(jpeg, exif_block(6, ">", thumbnail)),
        "jpeg-grey": saved(grey, "JPEG"),
        "jpeg-cmyk": saved(Image.fromarray(rgb).convert("CMYK"), "JPEG"),
        "png-rgb": saved(rgb, "PNG"),
        "png-palette": saved(Image.fromarray(rgb).quantize(64), "PNG"),
        "png-grey": saved(grey, "PNG"),
        "png-16": cv2.imencode(".png", rgba_16)[1].tobytes(),
        "png-alpha": saved(alpha, "PNG"),
        "png-exif": saved(rgb, "PNG", exif=b"Exif\0\0" + exif_block(3)),
        "png-animated": animated("PNG"),
        "webp-lossy": saved(rgb, "WEBP", quality=70),
        "webp-lossless": saved(rgb, "WEBP", lossless=True),
        "webp-alpha": saved(alpha, "WEBP", quality=70),
        "webp-exif": saved(rgb, "WEBP", exif=b"Exif\0\0" + exif_block(8)),
        "webp-animated": animated("WEBP"),
        "bmp-24": saved(rgb, "BMP"),
        "bmp-8": saved(Image.fromarray(rgb).quantize(64), "BMP"),
        "bmp-32": saved(alpha, "BMP"),
        "tiff-stored": saved(rgb, "TIFF"),
        "tiff-lzw": cv2.imencode(".tiff", rgb)[1].tobytes(),
        "tiff-deflate": saved(rgb, "TIFF", compression="tiff_deflate"),
        "tiff-packbits": saved(rgb, "TIFF", compression="packbits"),
        "tiff-jpeg": saved(rgb, "TIFF", compression="jpeg"),
        "tiff-16": cv2.imencode(".tiff", rgba_16)[1].tobytes(),
        "tiff-pages": tiff([rgb.tobytes()], 88, 72, rgb_tags(), pages=3),
        "tiff-big": tiff([rgb.tobytes()], 88, 72, rgb_tags(), order=">", big=True),
    }
    made = {name: Sample(data, len(data)) for name, data in files.items()}
    made["jpeg-appendix"] = Sample(jpeg + b"appended by a phone" * 20, len(jpeg))
    return made
