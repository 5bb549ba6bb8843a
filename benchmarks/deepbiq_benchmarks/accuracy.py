"""Accuracy of a scorer on a data set with human scores, as a whole and by subset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.datasets import DataSetError, RatedPicture
from deepbiq.datasets.faults import list_faults
from deepbiq.scorer import Scorer
from deepbiq_benchmarks.measured import MIN_PICTURES, measure


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
        DataSetError: When a picture cannot be scored: figures on the rest would not be what they are called.
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
        raise DataSetError(f"{len(faults)} pictures cannot be scored: {list_faults(faults)}")
    return np.array(scores)


def report(
    pictures: Sequence[RatedPicture], predicted: npt.NDArray[np.float64], identity: dict[str, Any]
) -> dict[str, Any]:
    """Composes the result of `deepbiq bench accuracy`.

    Args:
        pictures: What was scored.
        predicted: (n,) score points.
        identity: Data set, split, plan, engine and so on, copied into the result.

    Returns:
        A JSON-ready dictionary; `subsets` holds the same measures for each subset of three pictures or more.
    """
    mos = np.array([picture.mos for picture in pictures])
    names = np.array([picture.subset for picture in pictures])
    subsets = {
        str(name): asdict(measure(predicted[names == name], mos[names == name]))
        for name in np.unique(names)
        if name and (names == name).sum() >= MIN_PICTURES
    }
    return {**identity, **asdict(measure(predicted, mos)), "subsets": subsets}
