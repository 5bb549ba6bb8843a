"""Weights that cannot saturate 16 bits.

CPUs with AVX2 and without VNNI multiply unsigned by signed bytes and add neighbouring products in 16 bits
(VPMADDUBSW), where 255 * 127 * 2 does not fit and is cut off in silence. Which weights are neighbours depends on
how a program packs them, so the two largest of an output channel must fit together: 255 * 128 = 32,640. Seven bits
for every weight would do that, too; this keeps up to twice as fine steps, as hardly any channel has two weights of
its largest size.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LARGEST_PAIR = 128
"""Of the sizes of two weights of one output channel, after rounding."""


def safe_scales(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Chooses the step of every output channel.

    Args:
        weights: (O, ...) a convolution's.

    Returns:
        (O,) steps: rounded to them, no two weights of a channel exceed `LARGEST_PAIR` together, and none 127. A
        channel of noughts gets 1.
    """
    sizes = np.abs(np.asarray(weights, np.float64)).reshape(len(weights), -1)
    pairs = np.sort(sizes, axis=1)[:, -2:].sum(axis=1)
    # Rounding adds at most half a step to each of the two. A hair more, for the step's own rounding to float32.
    scales = pairs / (LARGEST_PAIR - 1) * (1 + 2.0**-20)
    return np.where(pairs > 0, scales, 1.0).astype(np.float32)
