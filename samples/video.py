"""A video to try `deepbiq watch` on: a camera that is sharp, loses focus, goes dark, and is sharp again.

    python samples/video.py watch.mp4
    deepbiq watch watch.mp4 --serve

The view drifts slowly over the sample photographs; a camera's noise lies over all of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Bgr = npt.NDArray[np.uint8]

FPS = 15.0
WIDTH, HEIGHT = 640, 360
PHASE_SECONDS = 5.0
SAMPLES = ("coffee.jpg", "rocket.jpg")
NOISE_SIGMA = 1.5
BLUR_SIGMA = 6.0
DARK_GAIN = 0.06
DARK_NOISE_SIGMA = 6.0
"""In the dark a camera turns its gain up: little light, much noise."""


def sharp(bgr: Bgr, random: np.random.Generator) -> Bgr:
    """Returns the view as a good camera sees it."""
    return _with_noise(bgr, NOISE_SIGMA, random)


def defocused(bgr: Bgr, random: np.random.Generator) -> Bgr:
    """Returns the view out of focus."""
    return _with_noise(np.asarray(cv2.GaussianBlur(bgr, (0, 0), BLUR_SIGMA), dtype=np.uint8), NOISE_SIGMA, random)


def dark(bgr: Bgr, random: np.random.Generator) -> Bgr:
    """Returns the view in the dark."""
    return _with_noise(np.rint(bgr * DARK_GAIN).astype(np.uint8), DARK_NOISE_SIGMA, random)


PHASES: tuple[tuple[str, Callable[[Bgr, np.random.Generator], Bgr]], ...] = (
    ("sharp", sharp),
    ("defocused", defocused),
    ("dark", dark),
    ("sharp again", sharp),
)


def frames() -> Iterator[Bgr]:
    """Draws the frames of the whole video, (360, 640, 3) uint8 BGR each."""
    random = np.random.default_rng(0)
    scene = _scene()
    count = round(len(PHASES) * PHASE_SECONDS * FPS)
    travel = np.array(scene.shape[:2]) - (HEIGHT, WIDTH)
    for number in range(count):
        top, left = (travel * number // max(count - 1, 1)).tolist()
        view = np.ascontiguousarray(scene[top : top + HEIGHT, left : left + WIDTH])
        _, seen_as = PHASES[int(number / FPS / PHASE_SECONDS)]
        yield seen_as(view, random)


def write_video(path: Path) -> None:
    """Writes the video; MPEG-4 needs no program but OpenCV."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise OSError(f"{path} cannot be written: OpenCV has no MPEG-4 encoder here, or there is no such folder")
    for frame in frames():
        writer.write(frame)
    writer.release()


def _scene() -> Bgr:
    """Lays the samples side by side, at the height of the lowest and at least as wide as the view."""
    pictures = [cv2.imread(str(Path(__file__).parent / name)) for name in SAMPLES]
    height = min(picture.shape[0] for picture in pictures)
    return np.ascontiguousarray(np.hstack([picture[:height] for picture in pictures]))


def _with_noise(bgr: Bgr, sigma: float, random: np.random.Generator) -> Bgr:
    return np.clip(bgr + random.normal(0.0, sigma, bgr.shape), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    write_video(Path(sys.argv[1]))
