import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.labels import LABEL_BORDERS, LABELS, clip_score, label_numbers, label_of


@pytest.mark.parametrize(
    ("score", "label"),
    [
        (0, "bad"), (20, "bad"), (math.nextafter(20, 100), "poor"), (40, "poor"), (40.001, "fair"), (60, "fair"),
        (60.1, "good"), (80, "good"), (80.1, "excellent"), (100, "excellent"),
    ],
)  # fmt: skip
def test_borders_belong_to_the_label_below(score, label):
    assert label_of(score) == label


@pytest.mark.parametrize("score", [-0.1, 100.1, math.nan])
def test_numbers_outside_the_scale_have_no_label(score):
    with pytest.raises(ValueError, match=r"0\.\.100"):
        label_of(score)


@given(st.floats(0, 100), st.floats(0, 100))
def test_labels_are_monotonic(a, b):
    low, high = sorted((a, b))
    assert LABELS.index(label_of(low)) <= LABELS.index(label_of(high))


@given(st.lists(st.floats(0, 100) | st.sampled_from(LABEL_BORDERS)))
def test_numbers_of_labels_are_those_of_the_labels(scores):
    assert [LABELS[number] for number in label_numbers(np.array(scores))] == [label_of(score) for score in scores]


@pytest.mark.parametrize(("raw", "score"), [(-5.0, 0.0), (0.0, 0.0), (55.5, 55.5), (100.0, 100.0), (321.0, 100.0)])
def test_clipping(raw, score):
    assert clip_score(raw) == score


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_no_number_is_never_a_score(raw):
    with pytest.raises(ValueError, match="finite"):
        clip_score(raw)
