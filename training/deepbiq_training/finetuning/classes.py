"""The five classes of the paper, and how much a sample of each counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepbiq.errors import DeepBIQError
from deepbiq.labels import LABEL_BORDERS, LABELS, SCORE_MAX, SCORE_MIN, label_of

CLASS_CENTRES = tuple(
    (low + high) / 2 for low, high in zip((SCORE_MIN, *LABEL_BORDERS), (*LABEL_BORDERS, SCORE_MAX), strict=True)
)
"""Middle of each class of the crisp partition, in score points."""


class EmptyClassError(DeepBIQError, ValueError):
    """A class of the partition has no member among the training pictures, so nothing can be learnt about it."""


def class_of(mos: float) -> int:
    """Returns the number of the class that a MOS of 0..100 falls into: 0 for bad to 4 for excellent."""
    return LABELS.index(label_of(mos))


def class_weights(scores: Sequence[float]) -> npt.NDArray[np.float32]:
    """Weighs each class by (frequency of the most frequent class) / (frequency of the class), as the paper does.

    Args:
        scores: MOS 0..100 of the training pictures.

    Returns:
        (5,) float32, at least 1.

    Raises:
        EmptyClassError: When a class has no member; the message names it.
    """
    counts = np.bincount([class_of(score) for score in scores], minlength=len(LABELS))
    empty = [label for label, count in zip(LABELS, counts, strict=True) if count == 0]
    if empty:
        raise EmptyClassError(
            f"none of the {len(scores)} training pictures is {' or '.join(empty)}, so the loss `classes` cannot "
            "weigh the classes: use another loss, or pictures of all five classes"
        )
    return np.asarray(counts.max() / counts, dtype=np.float32)
