from __future__ import annotations

import pytest

pytest.importorskip("scipy", reason="needs the extra deepbiq[train]")

from deepbiq.agreement import Correlations
from deepbiq.pooling import POOLINGS  # after the skip
from deepbiq_training.default_pooling import CANDIDATES, default_pooling


def agreements(**sroccs):
    return {pooling: Correlations(9, 0.5, sroccs.get(pooling.replace("-", "_"), 0.1)) for pooling in POOLINGS}


def test_the_average_with_the_highest_correlation_wins():
    assert default_pooling(agreements(prediction_avg=0.6, feature_avg=0.7)) == "feature-avg"
    assert default_pooling(agreements(prediction_avg=0.7, feature_avg=0.6)) == "prediction-avg"


def test_poolings_that_depend_on_the_number_of_crops_are_never_the_default():
    others = dict.fromkeys(("concat", "feature_max", "feature_min", "prediction_max", "prediction_min"), 0.9)
    assert default_pooling(agreements(feature_avg=0.2, **others)) == "feature-avg"
    assert set(CANDIDATES) == {"feature-avg", "prediction-avg"}


def test_differences_beyond_four_digits_do_not_count():
    assert default_pooling(agreements(feature_avg=0.5, prediction_avg=0.50000001)) == "feature-avg"
