"""The seven poolings of the paper: from many crops to one feature vector, or from many predictions to one.

Feature pooling (min, average, max) and concatenation make one vector of all crops before the regressor;
prediction pooling (min, average, max) joins the regressor's predictions (Bianco et al. 2016, section 4.2).
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from deepbiq.errors import OptionError

Pooling = Literal[
    "feature-min",
    "feature-avg",
    "feature-max",
    "concat",
    "prediction-min",
    "prediction-avg",
    "prediction-max",
]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
PREDICTION_HEAD = "prediction"
CONCAT_CROPS = 25
"""Concatenation fixes the number of crops; 25 is what the bundles are trained with and near the paper's best."""

_REDUCERS: dict[str, Any] = {"min": np.min, "avg": np.mean, "max": np.max}


def parse_pooling(text: str) -> Pooling:
    """Reads a pooling as users write it.

    Raises:
        OptionError: When it is not one of `POOLINGS`.
    """
    if text not in POOLINGS:
        raise OptionError(f"unknown pooling {text!r}: use one of {', '.join(POOLINGS)}")
    return text


def head_of(pooling: Pooling) -> str:
    """Names the regressor that a pooling needs: the three prediction poolings share one, each other has its own."""
    return PREDICTION_HEAD if pooling.startswith("prediction-") else pooling


def pool_features(features: npt.NDArray[np.floating[Any]], pooling: Pooling) -> npt.NDArray[np.floating[Any]]:
    """Joins the features of all crops into one vector.

    Args:
        features: (N, D), one row per crop.
        pooling: `feature-min`, `feature-avg`, `feature-max` or `concat`.

    Returns:
        (D,), or (N * D,) in crop order for `concat`.
    """
    if pooling == "concat":
        return features.reshape(-1)
    return np.asarray(_REDUCERS[pooling.removeprefix("feature-")](features, axis=0))


def pool_predictions(predictions: npt.NDArray[np.float64], pooling: Pooling) -> float:
    """Joins the predictions of all crops into one.

    Args:
        predictions: (N,) in score points, N at least 1.
        pooling: `prediction-min`, `prediction-avg` or `prediction-max`.
    """
    return float(_REDUCERS[pooling.removeprefix("prediction-")](predictions))
