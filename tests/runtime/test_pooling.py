import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepbiq.errors import OptionError
from deepbiq.pooling import POOLINGS, head_of, parse_pooling, pool_features, pool_predictions

features = hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 5)), elements=st.floats(-100, 100))


def test_the_seven_poolings_of_the_paper():
    assert len(POOLINGS) == 7
    assert {head_of(pooling) for pooling in POOLINGS} == {
        "prediction", "feature-min", "feature-avg", "feature-max", "concat",
    }  # fmt: skip
    for pooling in POOLINGS:
        assert parse_pooling(pooling) == pooling


@pytest.mark.parametrize("text", ["", "avg", "feature", "Feature-avg", "prediction-median"])
def test_other_poolings_are_refused(text):
    with pytest.raises(OptionError, match="prediction-avg"):
        parse_pooling(text)


def test_by_hand():
    rows = np.array([[1.0, 8.0], [3.0, 4.0], [5.0, 0.0]])
    np.testing.assert_array_equal(pool_features(rows, "feature-min"), [1, 0])
    np.testing.assert_array_equal(pool_features(rows, "feature-avg"), [3, 4])
    np.testing.assert_array_equal(pool_features(rows, "feature-max"), [5, 8])
    np.testing.assert_array_equal(pool_features(rows, "concat"), [1, 8, 3, 4, 5, 0])
    predictions = np.array([10.0, 40.0, 25.0])
    assert pool_predictions(predictions, "prediction-min") == 10
    assert pool_predictions(predictions, "prediction-avg") == 25
    assert pool_predictions(predictions, "prediction-max") == 40


@given(features, st.randoms())
def test_pooling_is_blind_to_the_order_of_crops_and_stays_within_their_range(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    for pooling in ("feature-min", "feature-avg", "feature-max"):
        pooled = pool_features(rows, pooling)
        np.testing.assert_allclose(pool_features(rows[order], pooling), pooled, atol=1e-9)
        assert (pooled >= rows.min(axis=0) - 1e-9).all()
        assert (pooled <= rows.max(axis=0) + 1e-9).all()


@given(features)
def test_one_crop_is_its_own_pooling(rows):
    one = rows[:1]
    for pooling in ("feature-min", "feature-avg", "feature-max", "concat"):
        np.testing.assert_array_equal(pool_features(one, pooling), one[0])
