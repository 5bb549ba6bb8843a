from __future__ import annotations

import numpy as np
import pytest

from deepbiq.errors import OptionError
from deepbiq_training.split import draw_part

SCENES = np.random.default_rng(0).integers(0, 300, 1000)


def test_no_scene_is_on_both_sides():
    drawn = draw_part(SCENES, 160, seed=0)
    assert not set(SCENES[drawn]) & set(SCENES[~drawn])


def test_draws_as_many_as_wanted_or_one_scene_more():
    largest = np.bincount(SCENES).max()
    assert 160 <= draw_part(SCENES, 160, seed=0).sum() < 160 + largest


def test_same_seed_same_part_other_seed_other_part():
    assert (draw_part(SCENES, 160, seed=3) == draw_part(SCENES, 160, seed=3)).all()
    assert (draw_part(SCENES, 160, seed=3) != draw_part(SCENES, 160, seed=4)).any()


@pytest.mark.parametrize(
    ("scenes", "wanted"),
    [
        (np.zeros(10, int), 3),
        (np.arange(10), 10),
        (np.arange(10), 0),
        (np.arange(2), 1),
        (np.arange(10), 2),
        (np.arange(5), 3),
    ],
)
def test_a_part_without_a_correlation_is_refused(scenes, wanted):
    with pytest.raises(OptionError, match="at least 3"):
        draw_part(scenes, wanted, seed=0)
