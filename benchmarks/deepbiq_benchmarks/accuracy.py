"""Accuracy on a data set with human scores, as a whole and by subset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import MIN_PICTURES
from deepbiq.datasets import RatedPicture
from deepbiq_benchmarks.measured import measure


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
