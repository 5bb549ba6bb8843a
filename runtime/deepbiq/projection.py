"""The regressors' weights before the pooling: a thousand averages of features become one or two of numbers.

A regressor is linear, and so is the average of the cells of a window: what it predicts of a window's average
features is the average of the products of the cells with its weights, the projections, and the bias. Where nothing
compares the features themselves, a network can end in projections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.pooling import PREDICTION_HEAD, Pooling, head_of
from deepbiq.regression import LinearRegressor


@dataclass(frozen=True, eq=False)
class Projection:
    """Regressors in two parts: what can be done before the pooling, and what is left after it.

    Attributes:
        weights: (K, D) float32, what features are projected on.
        heads: Regressors of K projections, by the names of the regressors of D features.
    """

    weights: npt.NDArray[np.float32]
    heads: Mapping[str, LinearRegressor]


def projection_of(heads: Mapping[str, LinearRegressor], pooling: Pooling) -> Projection | None:
    """Takes the regressors that a pooling needs apart.

    Args:
        heads: The regressors of a plan's family by head name.
        pooling: One of the seven.

    Returns:
        None for the poolings that need the features themselves: their least, their largest, or all of them.
    """
    if pooling in ("feature-min", "feature-max", "concat"):
        return None
    names = sorted({PREDICTION_HEAD, head_of(pooling)})
    return Projection(
        weights=np.stack([heads[name].weights for name in names]).astype(np.float32),
        heads={
            name: LinearRegressor(unit, heads[name].bias)
            for name, unit in zip(names, np.eye(len(names)), strict=True)
        },
    )
