"""Drawing a part of the pictures: whole scenes, seeded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import MIN_PICTURES
from deepbiq.errors import OptionError

SPLIT_RULE = "whole scenes in seeded order until the wanted number of pictures is reached"


def draw_part(
    scenes: npt.NDArray[np.int64], wanted: int, seed: int | np.random.SeedSequence
) -> npt.NDArray[np.bool_]:
    """Draws a part, for validation or for tests, that shares no scene with the rest.

    Args:
        scenes: (N,) the scene of each picture.
        wanted: Number of pictures to draw; the last scene may bring a few more.
        seed: Any non-negative integer, or what was made of one.

    Returns:
        (N,) bool: True for the pictures of the part.

    Raises:
        OptionError: When one of the two parts would have fewer pictures than a correlation needs.
    """
    names, sizes = np.unique(scenes, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    before = np.cumsum(sizes[order]) - sizes[order]
    drawn = np.isin(scenes, names[order[before < wanted]])
    if min(drawn.sum(), (~drawn).sum()) < MIN_PICTURES:
        raise OptionError(
            f"a part of {wanted} pictures leaves {(~drawn).sum()} of {len(scenes)} to train on "
            f"({len(names)} scenes): both parts need at least {MIN_PICTURES}"
        )
    return np.asarray(drawn, dtype=np.bool_)
