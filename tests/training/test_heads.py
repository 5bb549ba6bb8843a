from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra deepbiq[train]")

from deepbiq.pooling import POOLINGS  # after the skip
from deepbiq.regression import LinearRegressor
from deepbiq_training.heads import (
    CROPS_PER_PICTURE,
    HEADS,
    concatenated_crops,
    crop_rows,
    pooled_rows,
    predict_pictures,
    start_of,
)

CROPS = np.arange(25 * 4, dtype=np.float16).reshape(25, 4) / 10
WINDOWS = np.random.default_rng(0).uniform(0, 6, (10, 13, 4)).astype(np.float16)


def test_heads_are_those_of_the_seven_poolings():
    assert HEADS == ("feature-min", "feature-avg", "feature-max", "concat", "prediction")


def test_dense_pooling_uses_every_window():
    pooled = pooled_rows([WINDOWS, WINDOWS[:8]], "feature-max")
    np.testing.assert_array_equal(pooled, [WINDOWS.max((0, 1)), WINDOWS[:8].max((0, 1))])


def test_concatenation_takes_crops_as_they_are_and_25_windows_with_the_corners():
    np.testing.assert_array_equal(concatenated_crops(CROPS), CROPS.astype(np.float32))
    taken = concatenated_crops(WINDOWS)
    assert taken.shape == (25, 4)
    np.testing.assert_array_equal(taken[[0, -1]], WINDOWS[[0, -1], [0, -1]].astype(np.float32))


def test_training_crops_are_a_few_of_each_picture_with_its_score():
    rows, scores = crop_rows([CROPS, WINDOWS, CROPS[:1]], np.array([10.0, 20.0, 30.0]), seed=1)
    assert scores.tolist() == [10.0] * CROPS_PER_PICTURE + [20.0] * CROPS_PER_PICTURE + [30.0]
    assert all((row == CROPS).all(axis=1).any() for row in rows[:CROPS_PER_PICTURE].astype(np.float16))
    assert len(np.unique(rows, axis=0)) == len(rows) or (rows[-1] == CROPS[0]).all()


def test_training_crops_depend_on_the_seed_only():
    scores = np.array([10.0])
    assert (crop_rows([CROPS], scores, 1)[0] == crop_rows([CROPS], scores, 1)[0]).all()
    assert any((crop_rows([CROPS], scores, 1)[0] != crop_rows([CROPS], scores, s)[0]).any() for s in range(2, 5))


@pytest.mark.parametrize("pooling", [pooling for pooling in POOLINGS if pooling != "concat"])
def test_predictions_are_pooled_as_named(pooling):
    head = LinearRegressor(np.array([1.0, 2.0, 3.0, 4.0]), 5.0)
    kind, _, reducer = pooling.partition("-")
    reduce = {"min": np.min, "avg": np.mean, "max": np.max}[reducer]
    crops = WINDOWS.reshape(-1, 4).astype(np.float64)
    expected = reduce(crops @ head.weights + 5) if kind == "prediction" else reduce(crops, 0) @ head.weights + 5
    found = predict_pictures(head, [WINDOWS, WINDOWS], pooling)
    np.testing.assert_allclose(found, [expected, expected], rtol=1e-5)


LAST_LAYER = LinearRegressor(np.array([1.0, -2.0, 0.5, 3.0]), 4.0)


def test_the_last_layer_says_the_same_of_an_average_and_of_a_concatenation():
    average, joined = (pooled_rows([CROPS], pooling) for pooling in ("feature-avg", "concat"))
    expected = LAST_LAYER.predict(average)
    np.testing.assert_allclose(start_of("feature-avg", LAST_LAYER, 4).predict(average), expected)
    np.testing.assert_allclose(start_of("concat", LAST_LAYER, 25 * 4).predict(joined), expected, rtol=1e-6)


@pytest.mark.parametrize("pooling", ["feature-min", "feature-max"])
def test_the_last_layer_says_nothing_of_extremes(pooling):
    assert start_of(pooling, LAST_LAYER, 4) is None
    assert start_of("feature-avg", None, 4) is None
