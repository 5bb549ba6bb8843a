"""Judging: from features to one score, the scores of crops and the quality map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.crops import grid_positions
from deepbiq.pooling import CONCAT_CROPS, PREDICTION_HEAD, Pooling, head_of, pool_features, pool_predictions
from deepbiq.quality_map import clip_map, map_of_crops, map_of_windows
from deepbiq.regression import LinearRegressor
from deepbiq.sampling import Sample
from deepbiq.windows import window_means


@dataclass(frozen=True, eq=False)
class Judgement:
    """What the regressors say of one picture.

    Attributes:
        raw_score: In score points, not clipped.
        crop_scores: (N,) float64, not clipped.
        quality_map: (h, w) float32, 0..100 or NaN.
    """

    raw_score: float
    crop_scores: npt.NDArray[np.float64]
    quality_map: npt.NDArray[np.float32]


def judge_crops(
    features: npt.NDArray[np.float32],
    sampled: Sample,
    heads: Mapping[str, LinearRegressor],
    pooling: Pooling,
    stride: int,
) -> Judgement:
    """Judges a picture by its crops.

    Args:
        features: (N, D) float32, one row per crop.
        sampled: Where the crops lie.
        heads: The plan family's regressors by head name.
        pooling: One of the seven.
        stride: Pixels per cell of the quality map.
    """
    assert sampled.positions is not None
    crop_scores = heads[PREDICTION_HEAD].predict(features)
    quality_map = map_of_crops(crop_scores, sampled.positions, sampled.extent, sampled.picture_hw, stride)
    if pooling.startswith("prediction-"):
        raw_score = pool_predictions(crop_scores, pooling)
    else:
        raw_score = _predict_pooled(features, heads, pooling)
    return Judgement(raw_score, crop_scores, clip_map(quality_map))


def judge_map(
    feature_map: npt.NDArray[np.float32],
    sampled: Sample,
    heads: Mapping[str, LinearRegressor],
    pooling: Pooling,
    window: int,
    stride: int,
) -> Judgement:
    """Judges a picture by every window of its feature map.

    The regressor is affine, so for the prediction poolings it is applied to the cells once and windows are
    averaged afterwards; only the feature poolings need the features of every window.

    Args:
        feature_map: (D, h, w) float32 of the padded picture.
        sampled: The picture's size before padding.
        heads: The dense family's regressors by head name.
        pooling: One of the seven.
        window: Side of a crop in cells.
        stride: Pixels per cell.
    """
    window_scores = window_means(heads[PREDICTION_HEAD].predict_cells(feature_map), window)
    if pooling.startswith("prediction-"):
        raw_score = pool_predictions(window_scores.ravel(), pooling)
    else:
        raw_score = _predict_pooled(_window_features(feature_map, window, pooling), heads, pooling)
    rows, columns = (-(-side // stride) for side in sampled.picture_hw)
    quality_map = map_of_windows(window_scores, window)[:rows, :columns]
    return Judgement(raw_score, window_scores.ravel(), clip_map(quality_map))


def _window_features(
    feature_map: npt.NDArray[np.float32], window: int, pooling: Pooling
) -> npt.NDArray[np.float64]:
    """Returns (N, D): all windows, or for `concat` the 25 that are spread most evenly over them."""
    means = window_means(feature_map, window)
    if pooling == "concat":
        rows, columns = grid_positions(CONCAT_CROPS, (means.shape[1] - 1, means.shape[2] - 1)).T
        means = means[:, rows, columns]
    return np.ascontiguousarray(means.reshape(len(means), -1).T)


def _predict_pooled(
    features: npt.NDArray[np.float32] | npt.NDArray[np.float64],
    heads: Mapping[str, LinearRegressor],
    pooling: Pooling,
) -> float:
    pooled = pool_features(features, pooling)
    return float(heads[head_of(pooling)].predict(pooled[None])[0])
