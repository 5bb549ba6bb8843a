from __future__ import annotations

import pytest

pytest.importorskip("scipy", reason="needs the extra deepbiq[train]")

from deepbiq_training.experiments.significance import fewest_as_good  # after the skip


def around(mean, scatter):
    return [mean - scatter, mean, mean + scatter]


def test_the_fewest_that_chance_can_explain_is_chosen():
    # Student's t of 5 against 15 is 0.10 / (0.01 * sqrt(2 / 3)) = 12, of 10 against 15 it is 0.6.
    values = {5: around(0.70, 0.01), 10: around(0.795, 0.01), 15: around(0.80, 0.01), 20: around(0.79, 0.01)}
    assert fewest_as_good(values) == 10


def test_a_clear_winner_is_chosen():
    assert fewest_as_good({5: around(0.6, 0.001), 10: around(0.7, 0.001), 15: around(0.8, 0.001)}) == 15


def test_of_equals_the_fewest_is_chosen():
    assert fewest_as_good({5: around(0.8, 0.01), 10: around(0.8, 0.01)}) == 5
    with pytest.warns(RuntimeWarning, match="nearly identical"):
        assert fewest_as_good({5: [0.8, 0.8], 10: [0.8, 0.8]}) == 5
