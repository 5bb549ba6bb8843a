"""Which format a file has, by its first bytes and never by its name."""

from __future__ import annotations

from deepbiq.errors import ImageError
from deepbiq.imaging import bmp, jpeg, png, tiff, tiff_directory, webp
from deepbiq.imaging.fault import FaultError, printable
from deepbiq.imaging.header import Header, PictureFile
from deepbiq.imaging.limits import Limits

SUPPORTED = "JPEG, PNG, WebP, BMP and TIFF"
PICTURE_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff")
"""Which files of a folder are taken, in lower case; a file that is named itself is taken whatever its name."""

_OTHERS = (
    (b"GIF8", "GIF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"8BPS", "Photoshop PSD"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"qoif", "QOI"),
    (b"DDS ", "DDS"),
    (b"\0\0\1\0", "ICO"),
    (b"FUJIFILMCCD-RAW", "raw photo (RAF)"),
    (b"IIRO", "raw photo (ORF)"),
    (b"IIRS", "raw photo (ORF)"),
    (b"IIU\0", "raw photo (RW2)"),
    (b"PK\3\4", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"\x1aE\xdf\xa3", "Matroska video"),
    (b"RIFF", "RIFF (WAV or AVI)"),
)
"""First bytes of formats that are recognised only to be refused by name (each format's specification)."""

_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "raw photo (CR3)"}
"""Major brand of an ISO base media file ("ftyp" box, ISO/IEC 14496-12 section 4.3)."""

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def open_picture(data: bytes, limits: Limits) -> PictureFile:
    """Recognises a file's format and walks it to its end.

    Args:
        data: The whole file.
        limits: Upper limits.

    Returns:
        The file, ready to be decoded.

    Raises:
        FaultError: When it is of another format, truncated, damaged or too large.
    """
    limits.check_bytes(len(data))
    if data.startswith(jpeg.MAGIC):
        return jpeg.parse(data, limits)
    if data.startswith(png.MAGIC):
        return png.parse(data, limits)
    if webp.matches(data):
        return webp.parse(data, limits)
    if tiff_directory.is_tiff(data):
        return tiff.parse(data, limits)
    if data.startswith(bmp.MAGIC):
        return bmp.parse(data, limits)
    raise FaultError(_describe_other(data))


def parse_header(data: bytes, *, name: str, limits: Limits | None = None) -> Header:
    """Walks a picture file to its end and returns what it says about itself; no pixel is decoded.

    Args:
        data: The whole file.
        name: What to call it in errors.
        limits: Upper limits; the default ones if not given.

    Returns:
        The header.

    Raises:
        ImageError: When the file is of an unsupported format, truncated, damaged or too large.
    """
    try:
        return open_picture(data, limits or Limits()).header
    except FaultError as fault:
        raise ImageError(printable(name), str(fault)) from fault


def _describe_other(data: bytes) -> str:
    name = _other_format(data)
    if name is not None:
        return f"unsupported format {name}: convert it to JPEG or PNG"
    if not data.strip(b"\0"):
        return f"no picture: {len(data)} zero bytes"
    if _is_text(data[:512]):
        return f"no picture but text: it starts with {data[:20].decode('utf-8', 'replace')!a}"
    return f"unknown format (first bytes {data[:8].hex(' ')}): {SUPPORTED} are read"


def _other_format(data: bytes) -> str | None:
    for magic, name in _OTHERS:
        if data.startswith(magic):
            return name
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return "HEIC" if brand in _HEIF_BRANDS else _BRANDS.get(brand, "MP4 or QuickTime video")
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "SVG"
    if start.startswith((b"<!doctype html", b"<html")):
        return "HTML (a web page instead of the picture?)"
    if start[:1] == b"p" and start[1:2] in b"1234567" and start[2:3].isspace():
        return "PNM"
    return None


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # a character cut in two by the slice does not count
            return False
        text = start[: error.start].decode("utf-8")
    return bool(text) and all(c.isprintable() or c in "\t\r\n\f" for c in text)
