"""The picture that latency is measured on: a file, one made in memory, or either at another size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.errors import OptionError
from deepbiq.imaging import Limits, decode_bytes, printable, read_bytes
from deepbiq.imaging.fault import FaultError
from deepbiq.imaging.limits import check_min_side
from deepbiq.scale import resize

MADE_SIDE = 512
MADE_SEED = 0
JPEG_QUALITY = 90


@dataclass(frozen=True, eq=False)
class BenchPicture:
    """A picture as callers hand it over, encoded, so that decoding is measured too.

    Attributes:
        name: What it is; for files the name without its folder.
        source: What the scorer is given: a path, or the bytes of a file.
        data: The bytes of the file.
        width: Pixels at full size.
        height: Pixels at full size.
    """

    name: str
    source: str | bytes
    data: bytes
    width: int
    height: int

    def describe(self) -> dict[str, Any]:
        """Returns what results say about it: `image`, `image_wh` in pixels, `image_bytes`."""
        return {"image": self.name, "image_wh": [self.width, self.height], "image_bytes": len(self.data)}


def open_picture(path: Path) -> BenchPicture:
    """Opens a picture file.

    Raises:
        ImageError: When it cannot be read or decoded.
    """
    data = read_bytes(path)
    decoded = decode_bytes(data, name=str(path))
    return BenchPicture(printable(path.name), str(path), data, decoded.width, decoded.height)


def make_picture() -> BenchPicture:
    """Makes a JPEG of 512x512 pixels: noise at every scale from 4 pixels on, as photographs have detail.

    The same pixels at every call (seed 0); white noise would be a file that no camera writes, slow to decode.
    """
    import cv2

    rng = np.random.default_rng(MADE_SEED)
    total = np.zeros((MADE_SIDE, MADE_SIDE, 3), dtype=np.float32)
    for cells in (2, 4, 8, 16, 32, 64, 128):
        octave = rng.standard_normal((cells, cells, 3)).astype(np.float32) / cells
        total += cv2.resize(octave, (MADE_SIDE, MADE_SIDE), interpolation=cv2.INTER_CUBIC)
    bgr = np.clip(128 + 64 * total / total.std(), 0, 255).astype(np.uint8)
    name = f"made in memory: {MADE_SIDE}x{MADE_SIDE}, noise at all scales, seed {MADE_SEED}"
    return _as_jpeg(bgr, f"{name}, JPEG quality {JPEG_QUALITY}")


def at_megapixels(picture: BenchPicture, megapixels: float) -> BenchPicture:
    """Makes a JPEG of another size of a picture, its aspect ratio kept; enlarging only adds pixels, no detail.

    Args:
        picture: The picture.
        megapixels: Millions of pixels, above 0.

    Raises:
        OptionError: When the picture would be too small or too large to be scored, or is none that a JPEG can hold.
    """
    factor = (megapixels * 1e6 / (picture.width * picture.height)) ** 0.5
    size_hw = round(picture.height * factor), round(picture.width * factor)
    try:
        check_min_side(*size_hw)
        Limits().check_size(size_hw[1], size_hw[0])
    except FaultError as fault:
        raise OptionError(f"{picture.name} cannot be scored at {megapixels:g} megapixels: {fault}") from fault
    bgr = resize(decode_bytes(picture.data, name=picture.name).bgr, size_hw)
    return _as_jpeg(bgr, f"{picture.name}, at {megapixels:g} megapixels, JPEG quality {JPEG_QUALITY}")


def _as_jpeg(bgr: npt.NDArray[np.uint8], name: str) -> BenchPicture:
    import cv2

    try:
        encoded, buffer = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    except cv2.error:
        encoded = False
    height, width = bgr.shape[:2]
    if not encoded:
        raise OptionError(f"{name}: no JPEG has {width}x{height} pixels, take fewer megapixels")
    data = buffer.tobytes()
    return BenchPicture(name, data, data, width, height)
