"""Crops: where the plans place them, and cutting them out of a picture.

A position is the (top, left) pixel of a square crop of the network's input size.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from deepbiq.plans import Plan
from deepbiq.scale import resize, scaled_size

WHOLE_MARGIN = 32
"""Experiment I of the paper resizes to 256 for a 227 crop; the input size plus 32 is EfficientNet-Lite's own
centre-crop preprocessing (256 for 224) and AlexNet's to within three pixels."""


def content_seed(bgr: npt.NDArray[np.uint8]) -> int:
    """Derives the seed of `random:N` from the pixels, so that the same picture always gets the same crops.

    Args:
        bgr: (H, W, 3) uint8, BGR, the picture that crops are drawn from (after scaling).

    Returns:
        128 bits of BLAKE2b over shape and pixels.
    """
    digest = hashlib.blake2b(repr(bgr.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(bgr).data)
    return int.from_bytes(digest.digest(), "little")


def random_positions(seed: int, count: int, travel_yx: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Draws crop positions uniformly.

    NumPy guarantees the raw stream of PCG64 across versions, but not what `Generator` makes of it, so raw
    words are mapped to the range here by multiply and shift (Lemire, arXiv 1805.10941, without the rejection
    step: the bias is below 2**-18 for pictures up to 16384 pixels a side).

    Args:
        seed: Any non-negative integer.
        count: Number of crops.
        travel_yx: Largest (top, left), each >= 0.

    Returns:
        (count, 2) int64, rows of (top, left).
    """
    words = np.random.PCG64(seed).random_raw(2 * count).reshape(count, 2) >> np.uint64(32)
    choices = np.asarray(travel_yx, dtype=np.uint64) + np.uint64(1)
    positions: npt.NDArray[np.int64] = ((words * choices) >> np.uint64(32)).astype(np.int64)
    return positions


def _spread(count: int, travel: int) -> npt.NDArray[np.int64]:
    """Places `count` numbers evenly on 0..travel, both ends included; a single one goes to the middle."""
    if count == 1:
        return np.array([travel // 2], dtype=np.int64)
    return (2 * np.arange(count, dtype=np.int64) * travel + count - 1) // (2 * (count - 1))


def grid_positions(count: int, travel_yx: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Spreads crops evenly: rows in proportion to the picture's shape, crops shared out over the rows.

    25 crops on a square are 5 rows of 5.

    Args:
        count: Number of crops.
        travel_yx: Largest (top, left), each >= 0.

    Returns:
        (count, 2) int64, rows of (top, left), from top to bottom and left to right.
    """
    travel_y, travel_x = travel_yx
    rows = min(max(round((count * (travel_y + 1) / (travel_x + 1)) ** 0.5), 1), count)
    ends = np.arange(1, rows + 1) * count // rows
    per_row = np.diff(ends, prepend=0)
    lefts = np.concatenate([_spread(int(n), travel_x) for n in per_row])
    return np.column_stack([np.repeat(_spread(rows, travel_y), per_row), lefts])


def pad_to_size(bgr: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Continues a picture at its bottom and right edge by reflection until it has at least the wanted size.

    Args:
        bgr: (H, W, 3) uint8, BGR.
        height: Wanted height in pixels.
        width: Wanted width in pixels.

    Returns:
        (max(H, height), max(W, width), 3) uint8; `bgr` itself where it is large enough.
    """
    bottom, right = max(height - bgr.shape[0], 0), max(width - bgr.shape[1], 0)
    if not bottom and not right:
        return bgr
    return np.pad(bgr, ((0, bottom), (0, right), (0, 0)), mode="reflect")


def cut_crops(bgr: npt.NDArray[np.uint8], positions: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.uint8]:
    """Cuts square crops out of a picture.

    Args:
        bgr: (H, W, 3) uint8, BGR, at least `size` on each side.
        positions: (N, 2), rows of (top, left) that keep the crop inside the picture.
        size: Side of a crop in pixels.

    Returns:
        (N, size, size, 3) uint8, BGR, contiguous.
    """
    crops = np.empty((len(positions), size, size, 3), dtype=np.uint8)
    for crop, (top, left) in zip(crops, positions.tolist(), strict=True):
        crop[...] = bgr[top : top + size, left : left + size]
    return crops


def whole_crop(bgr: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resizes the short side to the input size plus a margin and cuts the centre, as in Experiment I.

    Args:
        bgr: (H, W, 3) uint8, BGR.
        size: Side of the crop in pixels.

    Returns:
        (1, size, size, 3) uint8, BGR.
    """
    resized = resize(bgr, scaled_size(bgr.shape[0], bgr.shape[1], size + WHOLE_MARGIN))
    centre = np.array([[(resized.shape[0] - size) // 2, (resized.shape[1] - size) // 2]], dtype=np.int64)
    return cut_crops(resized, centre, size)


def crop_positions(bgr: npt.NDArray[np.uint8], plan: Plan, size: int) -> npt.NDArray[np.int64]:
    """Places the crops of a `random:N` or `grid:N` plan.

    Args:
        bgr: (H, W, 3) uint8, BGR, at least `size` on each side.
        plan: A `random` or `grid` plan.
        size: Side of a crop in pixels.

    Returns:
        (N, 2) int64, rows of (top, left).
    """
    travel_yx = (bgr.shape[0] - size, bgr.shape[1] - size)
    assert plan.crops is not None
    if plan.family == "random":
        return random_positions(content_seed(bgr), plan.crops, travel_yx)
    return grid_positions(plan.crops, travel_yx)
