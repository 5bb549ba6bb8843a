"""Small versions of pictures for the page, made from the files that were scored, or why there are none."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.archive.remote import fetch, is_remote
from deepbiq.errors import ImageError
from deepbiq.imaging import Limits, decode_bytes, read_bytes
from deepbiq.scale import resize

HEIGHT = 200
WIDEST = 320
"""Pixels: what thumbnails are brought down to fit in."""
_JPEG_QUALITY = 78
_LIMITS = Limits()


@dataclass(frozen=True)
class Thumbnail:
    """A small picture, or why there is none.

    Attributes:
        width: Pixels.
        height: Pixels.
        url: A `data:` URL of a JPEG; None where there is none.
        fault: Why there is none.
    """

    width: int = HEIGHT
    height: int = HEIGHT
    url: str | None = None
    fault: str | None = None


def thumbnail(path: str, content_hash: str | None) -> Thumbnail:
    """Makes a picture's thumbnail.

    Args:
        path: A path or URL.
        content_hash: SHA-256 of what was scored: nothing else may stand beside its score.
    """
    try:
        data = fetch(path, _LIMITS)[0] if is_remote(path) else read_bytes(path, _LIMITS)
        if hashlib.sha256(data).hexdigest() != content_hash:
            return Thumbnail(fault="it has changed since it was scored")
        return _draw(decode_bytes(data, name=path, limits=_LIMITS, min_short_side=HEIGHT).bgr)
    except ImageError as error:
        return Thumbnail(fault=error.fault)


def _draw(bgr: npt.NDArray[np.uint8]) -> Thumbnail:
    import cv2

    height, width = bgr.shape[:2]
    ratio = min(1.0, HEIGHT / height, WIDEST / width)
    small = resize(bgr, (max(1, round(ratio * height)), max(1, round(ratio * width))))
    jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    url = f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"
    return Thumbnail(width=small.shape[1], height=small.shape[0], url=url)
