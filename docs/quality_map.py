"""Draws docs/images/quality-map.jpg: a sample photograph, the same half blurred, and the quality map of each.

Run it again when the default model changes: `python docs/quality_map.py`.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

import deepbiq
from deepbiq.files import write_atomically

ROOT = Path(__file__).parents[1]
BLUR_SIGMA = 5.0
GAP = 8
JPEG_QUALITY = 88


def main() -> None:
    """Writes the picture."""
    sharp = np.asarray(cv2.imread(str(ROOT / "samples" / "rocket.jpg")), dtype=np.uint8)
    half_blurred = sharp.copy()
    middle = sharp.shape[1] // 2
    half_blurred[:, middle:] = cv2.GaussianBlur(sharp, (0, 0), BLUR_SIGMA)[:, middle:]
    with deepbiq.load() as scorer:
        rows = [_beside(picture, scorer.overlay(picture, scorer(picture))) for picture in (sharp, half_blurred)]
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    drawn = cv2.imencode(".jpg", np.vstack([rows[0], gap, rows[1]]), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    target = ROOT / "docs" / "images" / "quality-map.jpg"
    target.parent.mkdir(exist_ok=True)
    write_atomically(target, drawn.tobytes())


def _beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.hstack([left, np.full((left.shape[0], GAP, 3), 255, np.uint8), right])


if __name__ == "__main__":
    main()
