from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.errors import OptionError
from deepbiq_training.experiments.protocol import AUTHENTIC, SYNTHETIC, Protocol, draw_splits


@given(st.lists(st.integers(1, 4), min_size=30, max_size=60), st.integers(0, 2**32 - 1))
def test_every_picture_is_in_one_part_and_no_group_in_two(sizes, seed):
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    for split in draw_splits(groups, Protocol(3, 0.2, 0.2, seed)):
        parts = (split.training, split.validation, split.test)
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(groups)))
        of_part = [set(groups[part].tolist()) for part in parts]
        assert sum(map(len, of_part)) == len(set.union(*of_part))


@pytest.mark.parametrize(("protocol", "sizes"), [(AUTHENTIC, (64, 16, 20)), (SYNTHETIC, (60, 20, 20))])
def test_shares_are_the_papers(protocol, sizes):
    splits = draw_splits(np.arange(100), protocol)
    assert len(splits) == {AUTHENTIC: 10, SYNTHETIC: 100}[protocol]
    for split in splits:
        assert (len(split.training), len(split.validation), len(split.test)) == sizes


def test_splits_differ_from_each_other_and_with_the_seed_but_not_from_call_to_call():
    tests = {
        seed: [split.test.tolist() for split in draw_splits(np.arange(50), Protocol(4, 0.2, 0.2, seed))]
        for seed in (0, 1)
    }
    assert tests[0] == [split.test.tolist() for split in draw_splits(np.arange(50), Protocol(4, 0.2, 0.2, 0))]
    assert len({tuple(test) for test in tests[0] + tests[1]}) == 8


def test_too_few_pictures_and_no_splits_are_refused():
    with pytest.raises(OptionError, match="leaves"):
        draw_splits(np.arange(5), AUTHENTIC)
    with pytest.raises(OptionError, match="a part of 2 pictures"):
        draw_splits(np.arange(15), AUTHENTIC)
    with pytest.raises(OptionError, match="number of splits must be at least 1, got 0"):
        Protocol(0, 0.2, 0.2)
