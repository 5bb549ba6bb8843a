"""What is wrong with a picture, measured on its pixels: brightness, sharpness, noise, change; hints, not a score.

All is measured on the luma of Rec. 601 as OpenCV computes it, reduced by a whole factor to a short side of 360 to
719 pixels: cheap, and close to what the network sees.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deepbiq.camera.config import SignalsSection
from deepbiq.camera.events import Signals
from deepbiq.camera.frame import Frame

SHORT_SIDE = 360
"""Least short side of the reduced luma, in pixels; smaller pictures stay as they are."""
NEARLY_BLACK = 10
NEARLY_WHITE = 250
SHARPNESS_TILE = 64
"""Side of the tiles that sharpness is measured in, in pixels of the reduced luma."""
SHARPNESS_PERCENTILE = 90
"""Of the tiles: a picture is as sharp as its sharpest parts, so that a soft background is no blur."""
LEAST_VARIANCE = 25.0
"""Grey levels squared. Tiles with less contrast hold nothing that could be sharp."""
NOISE_BLOCK = 16
"""Side of the blocks that noise is measured in, in pixels of the reduced luma."""
NOISE_PERCENTILE = 20
"""Of the blocks: flat ones, where what changes from pixel to pixel is noise and not detail."""
NOISE_UNDERSTATED = 1.1
"""Noise over its measure, for taking it out of the detail: the percentile lies below the mean."""
LAPLACIAN_GAIN = 20.0
"""Variance of OpenCV's Laplacian of white noise of variance 1: the sum of its squared weights, 4**2 + 4 * 1."""
STILL = 0.02
"""Grey levels of mean difference up to which two frames are the same: a living sensor's noise gives more."""
_SECOND_DIFFERENCE = np.array([1, -2, 1], np.float32)
_IMMERKAER = math.sqrt(math.pi / 2) / 6

Luma = npt.NDArray[np.uint8]


def measure(frame: Frame, before: Luma | None) -> tuple[Signals, Luma]:
    """Measures a frame.

    Noise is Immerkaer's estimate ("Fast noise variance estimation", 1996) of flat blocks. Sharpness is the energy
    of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000) without the
    noise's share, relative to the contrast of each tile.

    Args:
        frame: The picture.
        before: What this function returned for the camera's frame before; None for the first.

    Returns:
        The signals, and the (h, w) uint8 luma that they were measured on. Change is None for the first frame and
        after a change of resolution.
    """
    luma = _reduced_luma(frame.bgr)
    noise = _noise(luma)
    signals = Signals(
        brightness=cv2.mean(luma)[0] / 255,
        shadows=np.count_nonzero(luma <= NEARLY_BLACK) / luma.size,
        highlights=np.count_nonzero(luma >= NEARLY_WHITE) / luma.size,
        sharpness=_sharpness(luma, noise),
        noise=noise,
        change=None if before is None or before.shape != luma.shape else _difference(before, luma),
    )
    return signals, luma


def hints(signals: Signals, section: SignalsSection, unchanged_for_s: float) -> tuple[str, ...]:
    """Names what is wrong with a frame.

    Args:
        signals: What was measured.
        section: From which values on something is wrong.
        unchanged_for_s: What `Stillness` said.

    Returns:
        Of `black`, `dark`, `overexposed`, `blurred`, `noisy`, `frozen` those that hold, in this order. A black
        picture is neither dark nor blurred: there is nothing to see.
    """
    black = signals.brightness < section.black
    found = {
        "black": black,
        "dark": not black and signals.brightness < section.dark,
        "overexposed": signals.highlights >= section.overexposed,
        "blurred": not black and signals.sharpness < section.blurred,
        "noisy": signals.noise >= section.noisy,
        "frozen": unchanged_for_s >= section.frozen_s,
    }
    return tuple(name for name, holds in found.items() if holds)


class Stillness:
    """Measures for how long a camera has given the same picture."""

    def __init__(self) -> None:
        self._since: float | None = None

    def step(self, change: float | None, captured: float) -> float:
        """Takes the next frame's change.

        A living camera's frames differ by the sensor's noise even where nothing moves; a stream may repeat a
        picture exactly, but not beyond its next key frame.

        Args:
            change: Of the frame, in grey levels; None where it is not known.
            captured: When it was captured, in seconds of the monotonic clock.

        Returns:
            Seconds since the picture changed last.
        """
        if self._since is None or change is None or change > STILL:
            self._since = captured
        return captured - self._since


def _reduced_luma(bgr: npt.NDArray[np.uint8]) -> Luma:
    luma = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    height, width = luma.shape
    factor = min(height, width) // SHORT_SIDE
    if factor > 1:
        luma = cv2.resize(luma, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return luma.astype(np.uint8, copy=False)


def _difference(before: Luma, luma: Luma) -> float:
    return cv2.norm(before, luma, cv2.NORM_L1) / luma.size


def _noise(luma: Luma) -> float:
    """Returns the standard deviation of the noise, in grey levels."""
    # Immerkaer's 3 by 3 mask is the product of this one with itself.
    responses = cv2.sepFilter2D(luma, cv2.CV_32F, _SECOND_DIFFERENCE, _SECOND_DIFFERENCE)
    np.abs(responses, out=responses)
    blocks, levels = _block_means(responses, NOISE_BLOCK), _block_means(luma, NOISE_BLOCK)
    # Where the sensor clips there is no noise to be seen.
    unclipped = blocks[(levels > NEARLY_BLACK) & (levels < NEARLY_WHITE)]
    return _IMMERKAER * float(np.percentile(unclipped if unclipped.size else blocks, NOISE_PERCENTILE))


def _sharpness(luma: Luma, noise: float) -> float:
    """Returns the strength of the Laplacian relative to contrast, in the picture's sharpest tiles."""
    values = luma.astype(np.float32)
    squares = cv2.Laplacian(luma, cv2.CV_32F)
    # In place: fresh pages cost more than all the arithmetic here.
    detail = _block_means(np.square(squares, out=squares), SHARPNESS_TILE)
    means = _block_means(values, SHARPNESS_TILE)
    variance = _block_means(np.square(values, out=values), SHARPNESS_TILE) - np.square(means)
    detail -= LAPLACIAN_GAIN * (NOISE_UNDERSTATED * noise) ** 2
    strength = np.sqrt(np.maximum(detail, 0) / np.maximum(variance - noise**2, LEAST_VARIANCE))
    return float(np.percentile(strength, SHARPNESS_PERCENTILE))


def _block_means(values: npt.NDArray[np.integer[Any] | np.floating[Any]], side: int) -> npt.NDArray[np.float32]:
    """Returns the mean of each whole block; a picture smaller than a block is one."""
    rows, columns = (max(1, length // side) for length in values.shape)
    whole = values[: rows * side, : columns * side]
    means: npt.NDArray[np.float32] = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA).astype(
        np.float32
    )
    return means
