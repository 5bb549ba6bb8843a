import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.camera.config import DecisionSection
from deepbiq.camera.decision import LEAST_PAUSE_S, Decider
from deepbiq.camera.events import Verdict
from deepbiq.errors import OptionError

ACCEPT, WARN, REJECT = Verdict.ACCEPT, Verdict.WARN, Verdict.REJECT
points = st.floats(0, 100)


def verdicts(scores, **section):
    decider = Decider(DecisionSection(accept=60, reject=40, hysteresis=5, smoothing_s=0, **section))
    return [decider.step(score, at)[1] for at, score in enumerate(scores)]


def test_enters_at_the_threshold_and_leaves_beyond_the_hysteresis():
    assert verdicts([59.9, 60, 55, 54.9, 59.9, 60]) == [WARN, ACCEPT, ACCEPT, WARN, WARN, ACCEPT]
    assert verdicts([40, 39.9, 44.9, 45, 40, 39.9]) == [WARN, REJECT, REJECT, WARN, WARN, REJECT]
    assert verdicts([80, 10, 80]) == [ACCEPT, REJECT, ACCEPT]


def test_a_wide_hysteresis_goes_straight_from_one_end_to_the_other():
    decider = Decider(DecisionSection(accept=50, reject=50, hysteresis=3, smoothing_s=0))
    found = [decider.step(score, at)[1] for at, score in enumerate([50, 47, 46.9, 52.9, 53])]
    assert found == [ACCEPT, ACCEPT, REJECT, REJECT, ACCEPT]


def test_says_when_the_verdict_changed_the_first_included():
    decider = Decider(DecisionSection(accept=60, reject=40, smoothing_s=0))
    assert [decider.step(score, at)[2] for at, score in enumerate([70, 70, 50, 50, 10])] == [
        True, False, True, False, True,
    ]  # fmt: skip


@given(st.lists(st.floats(55, 59.99), min_size=1), st.sampled_from([70.0, 50.0]))
def test_never_flips_inside_the_band(scores, first):
    found = verdicts([first, *scores])
    assert len(set(found)) == 1


@given(st.lists(st.tuples(points, st.floats(0.001, 10)), min_size=2))
def test_smoothed_scores_stay_between_the_scores_seen(steps):
    decider, at = Decider(DecisionSection(smoothing_s=2)), 0.0
    seen = []
    for score, pause in steps:
        at += pause
        seen.append(score)
        smoothed = decider.step(score, at)[0]
        assert min(seen) - 1e-9 <= smoothed <= max(seen) + 1e-9


@given(st.lists(st.tuples(points, st.floats(0.001, 10)), min_size=2), st.lists(st.floats(0, 50), min_size=60))
def test_higher_scores_never_give_lower_smoothed_ones(steps, more):
    low, high, at = Decider(DecisionSection()), Decider(DecisionSection()), 0.0
    for (score, pause), extra in zip(steps, more, strict=False):
        at += pause
        assert high.step(min(100.0, score + extra), at)[0] >= low.step(score, at)[0] - 1e-9


@given(st.lists(points, min_size=1, max_size=40), st.floats(0.01, 5), st.floats(0.05, 10))
def test_equals_the_closed_form_at_a_constant_rate(scores, pause, time_constant):
    decider = Decider(DecisionSection(smoothing_s=time_constant))
    smoothed = [decider.step(score, index * pause)[0] for index, score in enumerate(scores)][-1]
    kept = math.exp(-pause / time_constant)
    expected = scores[0] * kept ** (len(scores) - 1)
    expected += sum((1 - kept) * kept ** (len(scores) - 1 - k) * scores[k] for k in range(1, len(scores)))
    assert smoothed == pytest.approx(expected, abs=1e-6)


@given(points, points, st.lists(st.floats(0.01, 3), min_size=1, max_size=20))
def test_how_often_it_looks_does_not_matter(first, then, pauses):
    often, once, at = Decider(DecisionSection()), Decider(DecisionSection()), 0.0
    often.step(first, at)
    once.step(first, at)
    for pause in pauses:
        at += pause
        smoothed = often.step(then, at)[0]
    assert smoothed == pytest.approx(once.step(then, at)[0], abs=1e-6)


def test_a_frame_that_is_not_later_moves_nothing():
    decider = Decider(DecisionSection(smoothing_s=1))
    decider.step(80, 10.0)
    assert decider.step(0, 10.0)[0] == 80
    assert decider.step(0, 9.0)[0] == 80
    assert decider.step(0, 11.0)[0] == pytest.approx(80 * math.exp(-1))


def test_begins_afresh_after_a_pause():
    decider = Decider(DecisionSection(accept=60, reject=40, hysteresis=5, smoothing_s=1))
    decider.step(80, 0.0)
    assert decider.step(57, LEAST_PAUSE_S + 1) == (57, WARN, True)


def test_the_pause_grows_with_the_time_constant():
    decider = Decider(DecisionSection(accept=60, reject=40, smoothing_s=100))
    decider.step(80, 0.0)
    assert decider.step(0, 400.0)[0] == pytest.approx(80 * math.exp(-4))


def test_a_reset_forgets_all():
    decider = Decider(DecisionSection(accept=60, reject=40, hysteresis=5, smoothing_s=1))
    decider.step(80, 0.0)
    decider.reset()
    assert decider.step(57, 0.1) == (57, WARN, True)
    decider.reset()
    assert decider.step(57, 0.2) == (57, WARN, True)


def test_takes_other_thresholds_while_it_runs():
    decider = Decider(DecisionSection(accept=60, reject=40, hysteresis=0, smoothing_s=0))
    assert decider.step(50, 0.0)[1] is WARN
    decider.set_thresholds(accept=50, reject=20)
    assert decider.thresholds == (50, 20)
    assert decider.step(50, 1.0)[1:] == (ACCEPT, True)
    decider.set_thresholds(accept=80, reject=60)
    assert decider.step(50, 2.0)[1:] == (REJECT, True)


@pytest.mark.parametrize(("accept", "reject"), [(40, 50), (101, 50), (50, -1), (math.nan, 10), (50, math.nan)])
def test_refuses_thresholds_that_are_none(accept, reject):
    decider = Decider(DecisionSection(accept=60, reject=40))
    with pytest.raises(OptionError, match=f"accept {accept}, reject {reject}"):
        decider.set_thresholds(accept, reject)
    assert decider.thresholds == (60, 40)
