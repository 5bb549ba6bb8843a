"""Golden pictures: small crops whose scores tell on any machine whether a bundle still works as it did here.

They are PNG, because JPEG decoders differ by a level here and there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

import deepbiq
from deepbiq.errors import OptionError
from deepbiq.imaging import Limits, decode_bytes, read_bytes

GOLDEN_PLANS = ("dense", "random:25", "grid:25", "whole")
MAX_PICTURES = 3
MAX_BYTES = 80_000
_CROP_HW = (256, 288)
_BLUR_SIGMA = 2.0
_LEAST_BITS = 3


def golden_pictures(samples: Path) -> dict[str, bytes]:
    """Cuts golden pictures out of sample photographs.

    Args:
        samples: A folder with JPEG or PNG photographs of at least 288x256 pixels.

    Returns:
        PNG files by their path inside the bundle: the middle of each of the first three photographs, and the first
        one once more, blurred.

    Raises:
        OptionError: When the folder holds no such photograph.
        ImageError: When one cannot be read.
    """
    paths = sorted(path for path in samples.glob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    crops = {path.stem: _middle(path) for path in paths[:MAX_PICTURES]}
    if not crops:
        raise OptionError(f"{samples}: no photographs to make golden pictures of: give a folder with --golden")
    first = next(iter(crops))
    crops[f"{first}-blurred"] = np.asarray(cv2.GaussianBlur(crops[first], (0, 0), _BLUR_SIGMA), dtype=np.uint8)
    return {f"golden/{name}.png": _small_png(crop) for name, crop in crops.items()}


def golden_scores(bundle: Path, pictures: Mapping[str, bytes], key: str) -> dict[str, dict[str, float]]:
    """Scores golden pictures by every plan.

    Args:
        bundle: A complete bundle, with or without golden pictures.
        pictures: PNG files by path.
        key: Which graph scores: `fp32` or `fp16`.

    Returns:
        For each path the scores, 0..100, by plan.
    """
    scores: dict[str, dict[str, float]] = {name: {} for name in pictures}
    for plan in GOLDEN_PLANS:
        with deepbiq.load(bundle, engine="onnxruntime", precision=key, plan=plan) as scorer:
            for name, data in pictures.items():
                scores[name][plan] = scorer(data).score
    return scores


def _middle(path: Path) -> npt.NDArray[np.uint8]:
    limits = Limits()
    bgr = decode_bytes(read_bytes(path, limits), name=str(path), limits=limits).bgr
    height, width = _CROP_HW
    if bgr.shape[0] < height or bgr.shape[1] < width:
        raise OptionError(f"{path}: a golden picture needs a photograph of at least {width}x{height}")
    top, left = (bgr.shape[0] - height) // 2, (bgr.shape[1] - width) // 2
    return bgr[top : top + height, left : left + width]


def _small_png(bgr: npt.NDArray[np.uint8]) -> bytes:
    """Encodes a picture, with as many of its bits as fit the size: what it looks like does not matter."""
    for bits in range(8, _LEAST_BITS - 1, -1):
        kept = bgr & np.uint8(256 - (1 << (8 - bits)))
        encoded, data = cv2.imencode(".png", kept, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        if encoded and len(data) <= MAX_BYTES:
            return data.tobytes()
    raise OptionError(
        f"a golden picture of {bgr.shape[1]}x{bgr.shape[0]} does not fit {MAX_BYTES} bytes: use others"
    )
