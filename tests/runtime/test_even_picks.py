from __future__ import annotations

import pytest

from deepbiq.even_picks import pick_evenly


@pytest.mark.parametrize(
    ("count", "picks"),
    [(1, [0]), (3, [0, 3, 6]), (4, [0, 2, 5, 7]), (10, list(range(10))), (11, list(range(10)))],
)
def test_picks_are_spread_over_all_items_and_no_more_than_there_are(count, picks):
    assert pick_evenly(range(10), count) == picks
