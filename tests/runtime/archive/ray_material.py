"""Pictures for tests of archives on Ray."""

from __future__ import annotations

import os

import cv2
import numpy as np


def picture(path, blue):
    """Writes a small picture that the tiny bundle scores by its blue channel."""
    pixels = np.zeros((72, 80, 3), np.uint8)
    pixels[..., 0] = blue
    assert cv2.imwrite(str(path), pixels)


def many_names(folder, count):
    """Makes a folder with many names of one picture, of a score near 40."""
    folder.mkdir()
    picture(folder / "0.png", 102)
    for number in range(1, count):
        os.link(folder / "0.png", folder / f"{number}.png")
    return folder
