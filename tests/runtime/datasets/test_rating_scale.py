import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.datasets import RatingScale
from deepbiq.errors import OptionError

FINITE = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("scale", "score", "mos"),
    [
        (RatingScale(0, 1), 0.25, 25.0),
        (RatingScale(1, 5), 1, 0.0),
        (RatingScale(1, 5), 4, 75.0),
        (RatingScale(0, 9), 9, 100.0),
        (RatingScale(0, 1, lower_is_better=True), 0.25, 75.0),
        (RatingScale(-10, 120, lower_is_better=True), 120, 0.0),
        (RatingScale(-10, 120, lower_is_better=True), -10, 100.0),
    ],
)
def test_scores_are_mapped_to_0_100_higher_is_better(scale, score, mos):
    assert scale.to_mos(score) == mos


def test_deviations_are_stretched_and_never_turned_around():
    assert RatingScale(1, 5).to_points(0.5) == 12.5
    assert RatingScale(0, 1, lower_is_better=True).to_points(0.5) == 50.0


@given(FINITE, st.floats(1e-3, 1e6), st.booleans(), st.floats(0, 1), st.floats(0, 1))
def test_the_better_of_two_scores_stays_the_better(low, width, lower_is_better, first, second):
    scale = RatingScale(low, low + width, lower_is_better)
    scores = (low + first * width, low + second * width)
    worse, better = sorted(scores, reverse=lower_is_better)
    assert scale.to_mos(worse) <= scale.to_mos(better)


def test_its_ends_belong_to_it_and_nothing_beyond():
    scale = RatingScale(1, 5)
    assert 1 in scale
    assert 5 in scale
    for score in (0.999, 5.001, math.nan, math.inf, -math.inf):
        assert score not in scale


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("1..5", RatingScale(1, 5)),
        ("0..1:lower", RatingScale(0, 1, lower_is_better=True)),
        (" -2.5..+2.5 ", RatingScale(-2.5, 2.5)),
    ],
)
def test_users_write_it_as_text(text, scale):
    assert RatingScale.parse(text) == scale


@pytest.mark.parametrize("text", ["", "5", "1-5", "1..", "1..5:higher", "1..5..9", "nan..5", "5..1", "3..3"])
def test_other_texts_are_refused(text):
    with pytest.raises(OptionError, match="rating scale"):
        RatingScale.parse(text)


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_the_described_mapping_is_the_real_one(lower_is_better):
    scale = RatingScale(-10, 120, lower_is_better)
    told = scale.describe()
    name, _, formula = told["mapping"].partition(" = ")
    assert name == "mos"
    assert eval(formula, {"score": 33.0}) == scale.to_mos(33.0)
    assert told["direction"] == ("lower is better" if lower_is_better else "higher is better")
    assert (told["low"], told["high"]) == (-10, 120)
