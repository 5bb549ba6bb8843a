"""Groups and folds: nothing is tested by a head that has seen its pictures, or others of their group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.refitting.cross_validation import choose, deal, predict_unseen, splits
from deepbiq.refitting.fitting import CANDIDATES, MARGIN, Choice, PairFitter, ScoreFitter
from deepbiq.refitting.grouping import connected, group_pictures
from deepbiq.refitting.material import Material
from deepbiq.refitting.ratings import Ratings
from deepbiq.regression import LinearRegressor

SIZE = 6
OLD = LinearRegressor(np.arange(SIZE) / 10.0, 50.0)


def material(count=40, seed=0, pairs=None, groups=None, noise=1.0):
    """Scores, or preferences, by a rule that is not the old head's."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, SIZE)).astype(np.float32)
    truth = 50 + features @ np.array([20.0, 0, 0, -10, 0, 0]) + rng.normal(0, noise, count)
    groups = np.arange(count) if groups is None else groups
    if pairs is None:
        return Material(features, np.arange(count)[:, None], truth, groups, OLD)
    ordered = np.where((truth[pairs[:, 0]] > truth[pairs[:, 1]])[:, None], pairs, pairs[:, ::-1])
    return Material(features, ordered, None, groups, OLD)


def random_pairs(count, pictures, seed=0):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, pictures, count)
    return np.column_stack([first, (first + rng.integers(1, pictures, count)) % pictures])


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.integers(2, 6), st.integers(0, 9))
def test_groups_are_dealt_whole_and_evenly(groups, folds, seed):
    groups = np.array(groups)
    dealt = deal(groups, folds, np.random.default_rng(seed))
    for name in np.unique(groups):
        assert len(set(dealt[groups == name])) == 1
    assert len(np.unique(dealt)) == min(folds, len(np.unique(groups)))
    sizes = np.bincount(dealt, minlength=folds)
    assert sizes.max() - sizes.min() <= np.bincount(groups).max()


@pytest.mark.parametrize("pairs", [None, random_pairs(80, 40)])
def test_every_judgement_is_tested_once_and_shares_no_group_with_its_training(pairs):
    found = material(pairs=pairs, groups=np.arange(40) // 2)
    chosen = np.arange(len(found.judged))
    tested = []
    for split in splits(found, chosen, 5, seed=1):
        seen = set(found.groups[found.judged[split.training]].ravel())
        assert not seen & set(found.groups[found.judged[split.test]].ravel())
        tested += split.test.tolist()
    assert sorted(tested) == chosen.tolist()


def test_preferences_that_all_share_a_picture_cannot_be_tested():
    star = np.column_stack([np.zeros(39, np.int64), np.arange(1, 40)])
    assert np.isnan(predict_unseen(material(pairs=star), 5, 0, lambda: None)).all()


@given(st.integers(1, 20), st.lists(st.lists(st.integers(0, 19), min_size=1, max_size=4), max_size=12))
def test_connected_parts_are_those_of_a_search(count, links):
    links = [[node % count for node in link] for link in links]
    found = connected(count, links)
    reached = np.eye(count, dtype=bool)
    for link in links:
        reached[np.ix_(link, link)] = True
    for _ in range(count):
        reached = reached @ reached
    np.testing.assert_array_equal(found[:, None] == found, reached)


def ratings(groups, pairs=None):
    count = len(groups)
    judged = np.arange(count)[:, None] if pairs is None else pairs
    scores = np.zeros(count) if pairs is None else None
    paths = tuple(Path(str(number)) for number in range(count))
    return Ratings(Path("r.csv"), "", paths, tuple(groups), judged, scores, None)


def test_the_same_bytes_and_the_same_group_belong_together():
    found = group_pictures(ratings(["", "beach", "", "beach", ""]), ["a", "b", "a", "c", "d"], 2)
    assert found[0] == found[2]
    assert found[1] == found[3]
    assert len(set(found)) == 3


def test_preferences_join_pictures_while_that_leaves_enough_groups():
    bursts = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])
    assert len(set(group_pictures(ratings([""] * 8, bursts), list("abcdefgh"), 4))) == 4
    chain = np.array([[number, number + 1] for number in range(7)])
    assert len(set(group_pictures(ratings([""] * 8, chain), list("abcdefgh"), 4))) == 8


def test_what_is_said_of_unseen_pictures_follows_the_ratings_and_not_the_old_head():
    found = material(noise=2.0)
    said = predict_unseen(found, 5, 0, lambda: None)
    assert np.corrcoef(said, found.scores)[0, 1] > 0.97
    assert np.corrcoef(found.said(OLD, np.arange(40)), found.scores)[0, 1] < 0.5


def test_preferences_teach_the_order_and_leave_the_scale():
    found = material(pairs=random_pairs(150, 40))
    everything = np.arange(150)
    head = found.fitter(everything).fit(choose(found, everything, 5, 0))
    assert np.mean(found.said(head, everything) > 0) > 0.95
    values, before = head.predict(found.features), OLD.predict(found.features)
    assert values.mean() == pytest.approx(before.mean())
    assert values.std() == pytest.approx(before.std())


def test_without_ratings_that_matter_the_old_head_stays():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((30, SIZE))
    values = OLD.predict(features)
    head = ScoreFitter(features, values, OLD).fit(Choice("old", 1.0))
    np.testing.assert_allclose(head.predict(features), values, atol=1e-9)
    order = np.argsort(values)
    pairs = np.column_stack([order[15:], order[:15]])
    pairs = pairs[values[pairs[:, 0]] - values[pairs[:, 1]] >= MARGIN]
    head = PairFitter(features, pairs.reshape(-1, 2), OLD).fit(Choice("old", 1.0)) if len(pairs) else OLD
    np.testing.assert_allclose(head.predict(features), values, atol=1e-9)


def test_scores_on_another_part_of_the_scale_move_the_prior_there():
    features = np.random.default_rng(0).standard_normal((50, SIZE))
    scores = OLD.predict(features) / 2 + 40
    head = ScoreFitter(features, scores, OLD).fit(CANDIDATES[0])
    np.testing.assert_allclose(head.predict(features), scores, atol=1e-6)


def test_features_and_an_old_head_that_never_change_do_no_harm():
    features = np.ones((30, SIZE), np.float32)
    scores = np.linspace(0, 100, 30)
    for choice in CANDIDATES:
        head = ScoreFitter(features, scores, OLD).fit(choice)
        assert head.predict(features)[0] == pytest.approx(50)
    assert np.isfinite(PairFitter(features, random_pairs(9, 30), OLD).fit(choice).predict(features)).all()


@given(st.floats(0.1, 10), st.floats(-50, 50))
def test_the_scale_of_features_does_not_matter(factor, offset):
    found = material(20)
    scaled = found.features * factor + offset
    one = ScoreFitter(found.features, found.scores, OLD).fit(Choice("zero", 0.1, 5.0))
    other = ScoreFitter(scaled, found.scores, OLD).fit(Choice("zero", 0.1, 5.0))
    np.testing.assert_allclose(other.predict(scaled), one.predict(found.features), atol=0.01)
