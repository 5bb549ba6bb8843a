"""Which camera took a picture, and when, from its EXIF."""

from __future__ import annotations

import io
import warnings
from datetime import datetime
from typing import NamedTuple

from PIL import Image

_PIL_FORMATS = {"JPEG": ("JPEG", "MPO"), "PNG": ("PNG",), "WebP": ("WEBP",), "TIFF": ("TIFF",)}
"""Pillow's readers by our names of formats; BMP holds no EXIF."""
_SIGNS = {"JPEG": b"Exif\0", "PNG": b"eXIf", "WebP": b"EXIF"}
"""Bytes without which a file of the format holds no EXIF. Looking for them costs less than opening the file."""

# Exif 2.32, sections 4.6.3 to 4.6.5.
_MAKE, _MODEL, _EXIF_IFD, _TAKEN = 0x010F, 0x0110, 0x8769, 0x9003
_LONGEST_TEXT = 100


class ExifFacts(NamedTuple):
    """What a picture's EXIF says.

    Attributes:
        camera: Make and model, the make once; None where neither is known.
        taken: The camera's own clock when it was taken, without a time zone; None where it is not known.
    """

    camera: str | None = None
    taken: datetime | None = None


def exif_facts(data: bytes, kind: str) -> ExifFacts:
    """Reads a picture's headers, not its pixels; what is damaged counts as missing.

    Args:
        data: The whole file.
        kind: Its format, by the name that `deepbiq.imaging.Header` gives.
    """
    if kind not in _PIL_FORMATS or _SIGNS.get(kind, b"") not in data:
        return ExifFacts()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make, model, taken = _tags_of(data, kind)
    except Exception:  # noqa: BLE001  # Pillow's parsers raise nearly anything on damaged files
        return ExifFacts()
    return ExifFacts(_camera(_text(make), _text(model)), _moment(_text(taken)))


def _tags_of(data: bytes, kind: str) -> tuple[object, object, object]:
    with Image.open(io.BytesIO(data), formats=_PIL_FORMATS[kind]) as image:
        if kind == "TIFF":
            exif = image.getexif()
        else:
            # Not `getexif` of the image: for a PNG that would decode the pixels.
            exif = Image.Exif()
            exif.load(image.info["exif"])
        return exif.get(_MAKE), exif.get(_MODEL), exif.get_ifd(_EXIF_IFD).get(_TAKEN)


def _text(value: object) -> str:
    """Returns a tag's text on one line, without what cameras pad it with; empty where it is no text."""
    if not isinstance(value, str):
        return ""
    return "".join(c for c in value if c.isprintable())[:_LONGEST_TEXT].strip()


def _camera(make: str, model: str) -> str | None:
    if model.lower().startswith(make.lower()):
        return model or None
    return f"{make} {model}".strip()


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # EXIF's clock has no time zone
    except ValueError:
        return None
