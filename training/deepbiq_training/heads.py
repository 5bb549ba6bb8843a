"""What each regressor is trained on, and how a picture is predicted under each pooling.

The feature poolings and concatenation train on one vector per picture. The prediction poolings train on single
crops, each labelled with its picture's score; a seeded few per picture are enough: crops of a picture are alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepbiq.judging import concat_windows
from deepbiq.pooling import POOLINGS, Pooling, head_of, pool_features, pool_predictions
from deepbiq.regression import LinearRegressor
from deepbiq_training.sampling import Features

HEADS = tuple(dict.fromkeys(head_of(pooling) for pooling in POOLINGS))
CROPS_PER_PICTURE = 5
"""Crops of a picture that train the prediction head."""


def crops_of(features: Features) -> npt.NDArray[np.float32]:
    """Returns (N, D): the crops, or all windows row by row."""
    return features.reshape(-1, features.shape[-1]).astype(np.float32)


def concatenated_crops(features: Features) -> npt.NDArray[np.float32]:
    """Returns (N, D): the crops, or of windows the 25 that the runtime concatenates."""
    if features.ndim == 2:
        return crops_of(features)
    return crops_of(features)[concat_windows(*features.shape[:2])]


def pooled_rows(features: Sequence[Features], pooling: Pooling) -> npt.NDArray[np.float32]:
    """Joins each picture's crops into one vector.

    Args:
        features: One array per picture.
        pooling: `concat` or a feature pooling.

    Returns:
        (pictures, D), or (pictures, N * D) for `concat`.
    """
    take = concatenated_crops if pooling == "concat" else crops_of
    return np.stack([pool_features(take(picture), pooling) for picture in features]).astype(np.float32)


def crop_rows(
    features: Sequence[Features], scores: npt.NDArray[np.float64], seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Draws the crops that train the prediction head.

    Args:
        features: One array per picture.
        scores: (pictures,) in score points.
        seed: Any non-negative integer.

    Returns:
        (rows, D) crops and (rows,) the scores of their pictures.
    """
    generator = np.random.default_rng(seed)
    drawn = []
    for picture in features:
        crops = crops_of(picture)
        count = min(CROPS_PER_PICTURE, len(crops))
        drawn.append(crops[np.sort(generator.choice(len(crops), count, replace=False))])
    return np.concatenate(drawn), np.repeat(scores, [len(crops) for crops in drawn])


def start_of(pooling: Pooling, last_layer: LinearRegressor | None, size: int) -> LinearRegressor | None:
    """Says what a fine-tuned network's last layer thinks of pooled features.

    Args:
        pooling: `concat` or a feature pooling.
        last_layer: Of a network that was fine-tuned, on the average of a picture's crops; None for other networks.
        size: Length of a pooled vector.

    Returns:
        The same function of an average or of a concatenation; None for minimum and maximum, which it never saw.
    """
    if last_layer is None or pooling in ("feature-min", "feature-max"):
        return None
    crops = size // len(last_layer.weights)
    return LinearRegressor(np.tile(last_layer.weights / crops, crops), last_layer.bias)


def predict_pictures(
    head: LinearRegressor, features: Sequence[Features], pooling: Pooling
) -> npt.NDArray[np.float64]:
    """Predicts each picture as the runtime does, not clipped.

    Returns:
        (pictures,) in score points.
    """
    if pooling.startswith("prediction-"):
        return np.array([pool_predictions(head.predict(crops_of(picture)), pooling) for picture in features])
    return head.predict(pooled_rows(features, pooling))
