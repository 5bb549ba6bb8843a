from __future__ import annotations

import pytest

pytest.importorskip("scipy", reason="needs the extra deepbiq[train]")

from deepbiq.pooling import POOLINGS  # after the skip
from deepbiq_training.agreement import Agreement
from deepbiq_training.default_pooling import CANDIDATES, default_pooling


def agreements(**sroccs):
    return {pooling: Agreement(9, 0.5, sroccs.get(pooling.replace("-", "_"), 0.1)) for pooling in POOLINGS}


def test_highest_correlation_wins():
    assert default_pooling(agreements(prediction_min=0.6, feature_max=0.7)) == "feature-max"


def test_concatenation_is_never_the_default():
    assert default_pooling(agreements(concat=0.9, prediction_min=0.2)) == "prediction-min"
    assert set(CANDIDATES) == set(POOLINGS) - {"concat"}


def test_differences_beyond_four_digits_do_not_count():
    assert default_pooling(agreements(feature_avg=0.5, prediction_max=0.50000001)) == "feature-avg"
