"""What a scorer says of rated pictures: all of them, or an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepbiq.datasets.faults import list_faults
from deepbiq.datasets.rated import RatedPicture
from deepbiq.errors import ImageError

if TYPE_CHECKING:
    from deepbiq.scorer import Scorer


def predict(
    scorer: Scorer, pictures: Sequence[RatedPicture], advance: Callable[[], None]
) -> npt.NDArray[np.float64]:
    """Scores all pictures.

    Args:
        scorer: The scorer.
        pictures: At least one.
        advance: Called after each picture.

    Returns:
        (n,) float64, 0..100, in the order of `pictures`.

    Raises:
        ImageError: When a picture cannot be scored: figures on the rest would not be what they are called.
    """
    scores: list[float] = []
    faults: list[str] = []
    for result in scorer.stream([picture.path for picture in pictures]):
        advance()
        if result.score is None:
            faults.append(str(result.error))
        else:
            scores.append(result.score)
    if faults:
        raise ImageError(f"{len(faults)} of {len(pictures)} pictures", f"cannot be scored: {list_faults(faults)}")
    return np.array(scores)
