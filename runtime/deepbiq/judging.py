"""Judging: from features to one score, the scores of crops and the quality map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.crops import grid_positions
from deepbiq.pooling import CONCAT_CROPS, PREDICTION_HEAD, Pooling, head_of, pool_features, pool_predictions
from deepbiq.quality_map import clip_map, map_of_crops
from deepbiq.regression import LinearRegressor
from deepbiq.sampling import Sample


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
    raw_score = _join(crop_scores, features, heads, pooling)
    return Judgement(raw_score, crop_scores, clip_map(quality_map))


def judge_windows(
    features: npt.NDArray[np.float32],
    sampled: Sample,
    heads: Mapping[str, LinearRegressor],
    pooling: Pooling,
    stride: int,
    outer: int,
) -> Judgement:
    """Judges a picture by all its windows.

    Where there is a window around every cell, the quality map is what each cell's own window predicts; where
    windows stay inside the picture, it is the mean of the windows over a cell's centre.

    Args:
        features: (D, rows, columns) float32, of the padded picture.
        sampled: The picture's size before padding.
        heads: The dense family's regressors by head name.
        pooling: One of the seven.
        stride: Pixels from one window to the next, and per cell.
        outer: Windows at each edge that reach over it: 0, or as many as put a window around every cell.
    """
    depth, rows, columns = features.shape
    vectors = features.reshape(depth, -1).T
    scores = heads[PREDICTION_HEAD].predict(vectors)
    chosen = vectors[concat_windows(rows, columns)] if pooling == "concat" else vectors
    raw_score = _join(scores, chosen, heads, pooling)
    if outer:
        height, width = (-(-side // stride) for side in sampled.picture_hw)
        quality_map = scores.reshape(rows, columns)[:height, :width]
    else:
        positions = stride * np.argwhere(np.ones((rows, columns), dtype=np.bool_))
        quality_map = map_of_crops(scores, positions, sampled.extent, sampled.picture_hw, stride)
    return Judgement(raw_score, scores, clip_map(quality_map))


def concat_windows(rows: int, columns: int) -> npt.NDArray[np.int64]:
    """Chooses the 25 windows that `concat` takes of a dense map: spread most evenly over it.

    Returns:
        (25,) int64, indices into the windows row by row.
    """
    places = grid_positions(CONCAT_CROPS, (rows - 1, columns - 1))
    return places[:, 0] * columns + places[:, 1]


def _join(
    scores: npt.NDArray[np.float64],
    features: npt.NDArray[np.float32],
    heads: Mapping[str, LinearRegressor],
    pooling: Pooling,
) -> float:
    """Joins the predictions of all crops, or predicts from their joined features."""
    if pooling.startswith("prediction-"):
        return pool_predictions(scores, pooling)
    return float(heads[head_of(pooling)].predict(pool_features(features, pooling)[None])[0])
