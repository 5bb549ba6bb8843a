"""Generated pictures, a dozen of them, in BIQ2021's official layout: the blurrier, the lower the score."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

PICTURES = 12
_SIZES_HW = ((288, 256), (256, 320), (260, 260))


def miniature_picture(number: int, sharpness: float) -> npt.NDArray[np.uint8]:
    """Smooth colourful noise of its own seed, (H, W, 3) uint8 BGR."""
    height, width = _SIZES_HW[number % len(_SIZES_HW)]
    coarse = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(fine, (0, 0), 0.5 + 8 * (1 - sharpness)), dtype=np.uint8)


def write_miniature_biq2021(root: Path, pictures: int = PICTURES) -> None:
    (root / "Images").mkdir(parents=True)
    rows = []
    for number in range(pictures):
        sharpness = number / (pictures - 1)
        name = f"ss0{1 + number % 3} ({number + 1}).jpg"
        cv2.imwrite(str(root / "Images" / name), miniature_picture(number, sharpness))
        rows.append([name, f"{sharpness:.3f}"])
    for split in ("Train", "Test"):
        with (root / f"{split} (Images and MOS).csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["Images", "MOS"], *rows])
