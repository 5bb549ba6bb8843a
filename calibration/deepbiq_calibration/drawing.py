"""Drawing pictures: spread over the score range, calibration and held-back ones disjoint, groups on one side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepbiq.errors import OptionError

Places = npt.NDArray[np.int64]
"""Indices into the pictures, ascending."""


def spread_over(scores: npt.NDArray[np.float64], count: int, rng: np.random.Generator) -> Places:
    """Draws pictures evenly over their scores: they are cut by rank into as many parts, and each gives one.

    Args:
        scores: (n,) people's or FP32's.
        count: How many to draw, at most n.
        rng: Decides within each part.

    Returns:
        (count,) places.
    """
    parts = np.array_split(np.argsort(scores, kind="stable"), count)
    return np.sort(np.array([rng.choice(part) for part in parts], dtype=np.int64))


def set_apart(groups: Sequence[str], wanted: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Sets whole groups apart, in random order, until so many pictures are.

    Args:
        groups: (n,) the group of each picture; a picture without one (an empty name) is one of its own.
        wanted: Number of pictures; the last group may bring a few more.
        rng: Decides the order.

    Returns:
        (n,) True for pictures that are set apart.
    """
    names = [name or f"\0{index}" for index, name in enumerate(groups)]
    unique, sizes = np.unique(names, return_counts=True)
    order = rng.permutation(len(unique))
    before = np.cumsum(sizes[order]) - sizes[order]
    return np.isin(names, unique[order[before < wanted]])


def draw(
    scores: npt.NDArray[np.float64],
    groups: Sequence[str],
    *,
    calibration: int,
    held_back: int,
    seed: int,
) -> tuple[Places, Places]:
    """Parts one set of pictures, and draws from both parts.

    Where there are too few, at most half of them are held back.

    Args:
        scores: (n,) to spread by.
        groups: (n,) see `set_apart`.
        calibration: Pictures to calibrate on.
        held_back: Pictures to check the budget on.
        seed: Any non-negative integer.

    Returns:
        Places of the calibration and of the held-back pictures.

    Raises:
        OptionError: When one of the parts would be empty.
    """
    rng = np.random.default_rng(seed)
    apart = set_apart(groups, min(held_back, len(scores) // 2), rng)
    if apart.all() or not apart.any():
        raise OptionError(
            f"{len(scores)} pictures in {len(set(groups))} groups cannot be parted: both parts need one"
        )
    rest, kept = np.flatnonzero(~apart), np.flatnonzero(apart)
    return draw_from(scores, rest, kept, calibration=calibration, held_back=held_back, rng=rng)


def draw_from(
    scores: npt.NDArray[np.float64],
    rest: Places,
    kept: Places,
    *,
    calibration: int,
    held_back: int,
    rng: np.random.Generator,
) -> tuple[Places, Places]:
    """Draws as `draw` does, from parts that are known: places of what may be calibrated on, and held back."""
    chosen = rest[spread_over(scores[rest], min(calibration, len(rest)), rng)]
    back = kept[spread_over(scores[kept], min(held_back, len(kept)), rng)]
    return chosen, back
