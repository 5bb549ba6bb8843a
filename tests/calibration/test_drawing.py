"""Drawing: the same seed the same pictures, spread over scores, parts disjoint, groups whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.errors import OptionError
from deepbiq_calibration.drawing import draw, set_apart, spread_over

SCORES = np.random.default_rng(0).uniform(0, 100, 200) ** 0.5 * 10
GROUPS = [f"scene{i // 3}" for i in range(200)]


def test_one_picture_comes_from_each_part_of_the_scores():
    places = spread_over(SCORES, 20, np.random.default_rng(1))
    ranks = np.empty(200, int)
    ranks[np.argsort(SCORES)] = np.arange(200)
    assert sorted(ranks[places] // 10) == list(range(20))


def test_skewed_scores_give_their_ends_as_well():
    skewed = np.concatenate([np.full(95, 70.0) + np.arange(95) / 100, np.arange(5.0)])
    places = spread_over(skewed, 20, np.random.default_rng(0))
    assert (places >= 95).sum() == 1


def test_the_same_seed_draws_the_same_pictures():
    first, again, other = (draw(SCORES, GROUPS, calibration=30, held_back=50, seed=seed) for seed in (1, 1, 2))
    for left, right in zip(first, again, strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(first[0], other[0])


@given(
    st.lists(st.floats(0, 100), min_size=2, max_size=60),
    st.integers(1, 80),
    st.integers(1, 80),
    st.integers(1, 5),
    st.integers(0, 3),
)
def test_parts_are_disjoint_and_share_no_group(scores, calibration, held_back, size, seed):
    groups = [f"g{i // size}" for i in range(len(scores))]
    try:
        chosen, kept = draw(np.array(scores), groups, calibration=calibration, held_back=held_back, seed=seed)
    except OptionError:
        assert len(set(groups)) < 3 or len(scores) < 4
        return
    assert len(chosen) >= 1
    assert len(kept) >= 1
    assert len(chosen) <= calibration
    assert len(kept) <= held_back
    assert not {groups[i] for i in chosen} & {groups[i] for i in kept}


def test_groups_without_a_name_are_pictures_on_their_own():
    apart = set_apart([""] * 10, 4, np.random.default_rng(0))
    assert apart.sum() == 4


def test_few_pictures_are_halved():
    chosen, kept = draw(np.arange(10.0), [""] * 10, calibration=64, held_back=600, seed=0)
    assert len(chosen) == len(kept) == 5


def test_one_group_cannot_be_parted():
    with pytest.raises(OptionError, match="3 pictures in 1 groups cannot be parted"):
        draw(np.arange(3.0), ["one"] * 3, calibration=1, held_back=1, seed=0)
