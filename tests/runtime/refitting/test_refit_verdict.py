"""The verdict: better, or refused with the figure that failed."""

from __future__ import annotations

import numpy as np
import pytest

from deepbiq.agreement import agreement
from deepbiq.refitting.cross_validation import predict_unseen
from deepbiq.refitting.material import Material
from deepbiq.refitting.verdict import compare, fault_of, is_proven
from deepbiq.regression import LinearRegressor

N = 120


def scores():
    return np.random.default_rng(0).uniform(0, 100, N)


def noisy(noise, seed):
    return scores() + np.random.default_rng(seed).normal(0, noise, N)


def verdict(before, after, people, groups=None):
    found = compare(before, after, people, np.arange(len(before)) if groups is None else groups, 0)
    return fault_of(found), {item.measure.name: item for item in found}


def test_a_better_head_passes_and_its_figures_are_those_of_agreement():
    fault, figures = verdict(noisy(40, 1), noisy(10, 2), scores())
    assert fault is None
    before, after = agreement(noisy(40, 1), scores()), agreement(noisy(10, 2), scores())
    for name, sign in (("plcc", 1), ("srocc", 1), ("rmse", -1), ("mae", -1)):
        item = figures[name]
        assert item.before.value == getattr(before, name)
        assert item.after.value == getattr(after, name)
        assert item.gain.value == pytest.approx(sign * (getattr(after, name) - getattr(before, name)))
        for estimate in (item.before, item.after, item.gain):
            assert estimate.low <= estimate.value <= estimate.high


def test_another_scale_alone_is_reason_enough():
    fault, figures = verdict(noisy(15, 1) / 3, noisy(15, 1), scores())
    assert fault is None
    assert figures["srocc"].gain.value == 0


def test_a_gain_may_be_unproven_but_not_missing():
    found = compare(noisy(20, 1), noisy(19.9, 1), scores(), np.arange(N), 0)
    assert fault_of(found) is None
    found = compare(noisy(20, 1), noisy(19, 2), scores(), np.arange(N), 0)
    by_name = {item.measure.name: item.gain for item in found}
    assert by_name["srocc"].low < 0 < by_name["srocc"].high
    assert (fault_of(found) is None) == (by_name["srocc"].value > 0)
    assert not is_proven(found)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (noisy(20, 1), noisy(20, 1), "no better on unseen pictures.*SROCC gains 0.000.*MAE gains 0.000"),
        (noisy(20, 1), noisy(20.5, 1), "no better on unseen pictures|worse on unseen pictures"),
        (noisy(10, 1), noisy(30, 2), "the new head is worse on unseen pictures: PLCC"),
        (noisy(20, 1), 0.5 * noisy(10, 2) - 40, "worse on unseen pictures: RMSE"),
        (noisy(20, 1), np.random.default_rng(5).uniform(0, 100, N), "by chance alone"),
        (noisy(20, 1), np.full(N, 50.0), "by chance alone.*PLCC 0.000"),
        (noisy(20, 1), 100 - scores(), "by chance alone"),
        (100 - noisy(20, 1), noisy(10, 2), r"the other way round \(SROCC -0\.8.*--range 100 0 where low is good"),
    ],
)
def test_refusals_name_the_figure(before, after, words):
    fault, _ = verdict(before, after, scores())
    assert fault is not None
    import re

    assert re.search(words, fault)


def test_pairs_are_counted_and_compared():
    rng = np.random.default_rng(0)
    before, after = rng.normal(1, 10, 200), rng.normal(20, 10, 200)
    before[:10] = 0
    fault, figures = verdict(before, after, None)
    assert fault is None
    assert figures["right"].before.value == pytest.approx(((before > 0).sum() + 5) / 200)
    fault, _ = verdict(after, before, None)
    assert "by chance alone (pairs right" in fault or "worse" in fault


def test_an_old_head_that_knows_nothing_is_not_taken_for_a_reversed_one():
    knowing_nothing = np.random.default_rng(4).uniform(0, 100, N)
    fault, figures = verdict(knowing_nothing, noisy(10, 2), scores())
    assert figures["srocc"].before.value < 0 < figures["srocc"].before.high
    assert fault is None
    contradicting = np.where(np.arange(200) < 30, 1.0, -1.0)
    assert "the other way round (pairs right 0.150" in verdict(contradicting, -contradicting, None)[0]


def test_intervals_know_that_pictures_of_a_group_are_one():
    many = np.repeat(np.arange(N // 6), 6)
    lone = verdict(noisy(40, 1), noisy(10, 2), scores())[1]["mae"].gain
    repeated = np.repeat(scores()[: N // 6], 6), np.repeat(noisy(40, 1)[: N // 6], 6)
    grouped = verdict(repeated[1], repeated[0], repeated[0], many)[1]["mae"].gain
    ungrouped = verdict(repeated[1], repeated[0], repeated[0])[1]["mae"].gain
    assert grouped.high - grouped.low > 1.5 * (ungrouped.high - ungrouped.low)
    assert lone.high > lone.low


@pytest.mark.parametrize("seed", range(6))
def test_scores_without_sense_are_refused(seed):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((30, 40)).astype(np.float32)
    old = LinearRegressor(rng.standard_normal(40), 60.0)
    found = Material(features, np.arange(30)[:, None], rng.uniform(0, 100, 30), np.arange(30), old)
    after = predict_unseen(found, 5, 0, lambda: None)
    assert "by chance alone" in verdict(found.said(old, np.arange(30)), after, found.scores)[0]
