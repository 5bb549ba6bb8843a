"""Files to time: JPEGs of several sizes made of the same photographs, so that only the number of pixels differs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from deepbiq_benchmarks.peers_material import SIDE, read_bgr, square

MEGAPIXELS = (2.0, 6.0, 12.0, 24.0, 48.0)
QUALITY = 90
"""Of the JPEGs: what cameras write is between 85 and 95."""

Bgr = npt.NDArray[np.uint8]


def write_jpegs(photographs: Sequence[Path], folder: Path) -> dict[float, Path]:
    """Writes a JPEG of 512x512 pixels, and one in 4:3 for each of `MEGAPIXELS`, tiled with photographs.

    Args:
        photographs: At least one; each is a tile of 512x512 pixels.
        folder: Where to.

    Returns:
        The files by megapixels, smallest first.
    """
    tiles = [square(read_bgr(path)) for path in photographs]
    sizes: dict[float, tuple[int, int]] = {SIDE * SIDE / 1e6: (SIDE, SIDE)}
    for megapixels in MEGAPIXELS:
        height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
        sizes[megapixels] = (height, round(height * 4 / 3))
    files: dict[float, Path] = {}
    for megapixels, (height, width) in sizes.items():
        files[megapixels] = folder / f"{megapixels:.1f}-megapixels.jpg"
        cv2.imwrite(str(files[megapixels]), _tiled(tiles, height, width), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return files


def _tiled(tiles: Sequence[Bgr], height: int, width: int) -> Bgr:
    """Lays tiles row by row, each in turn, and cuts what reaches over the edges."""
    across, down = -(-width // SIDE), -(-height // SIDE)
    rows = [np.hstack([tiles[(y * across + x) % len(tiles)] for x in range(across)]) for y in range(down)]
    return np.ascontiguousarray(np.vstack(rows)[:height, :width])
