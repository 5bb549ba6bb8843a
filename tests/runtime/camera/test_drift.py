import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.camera.config import DriftSection
from deepbiq.camera.drift import Baseline, DriftAlarm
from deepbiq.camera.drift_watch import SAVE_SECONDS, DriftWatch
from tests.runtime.camera.burst_material import result

SECTION = DriftSection(fall=10, lasting_s=60, baseline_s=3600)


def run(alarm, scores, *, start=0.0, pause=1.0):
    """Gives one score every `pause` seconds; returns the events with the second they came at."""
    found = []
    for index, score in enumerate(scores):
        at = start + index * pause
        event = alarm.step(score, at, 1_000_000 + at)
        if event is not None:
            found.append((at, event))
    return found


def test_a_lasting_fall_raises_one_alarm_and_recovery_ends_it():
    alarm = DriftAlarm(SECTION, "front")
    events = run(alarm, [70] * 300 + [50] * 300 + [70] * 100)
    assert [event.alarm for _, event in events] == [True, False]
    (raised, first), (over, _) = events
    assert 300 + 60 <= raised <= 300 + 60 + 15
    assert 600 <= over <= 600 + 15
    assert first.camera == "front"
    assert first.baseline == pytest.approx(70, abs=1)
    assert first.recent == pytest.approx(50, abs=0.5)
    assert first.at == 1_000_000 + raised


def test_a_short_fall_raises_none():
    assert run(DriftAlarm(SECTION, "front"), [70] * 300 + [40] * 40 + [70] * 300) == []


def test_single_good_frames_do_not_hide_a_fall():
    scores = [70] * 300 + ([45] * 19 + [90]) * 10
    assert [event.alarm for _, event in run(DriftAlarm(SECTION, "front"), scores)] == [True]


def test_half_recovered_is_over_and_less_is_not():
    alarm = DriftAlarm(SECTION, "front")
    run(alarm, [70] * 300 + [50] * 200)
    assert run(alarm, [alarm.baseline.level - 6] * 200, start=500) == []
    assert [event.alarm for _, event in run(alarm, [alarm.baseline.level - 4] * 200, start=700)] == [False]


def test_the_baseline_rests_while_alarmed():
    alarm = DriftAlarm(SECTION, "front")
    run(alarm, [70] * 300 + [50] * 200)
    before = alarm.baseline
    assert run(alarm, [50] * 7200, start=500) == []
    assert alarm.baseline == before


def test_says_nothing_without_history_and_learns_from_a_bad_start():
    alarm = DriftAlarm(SECTION, "front")
    assert run(alarm, [90] + [40] * 600) == []
    assert alarm.baseline.level == pytest.approx(40, abs=2)


def test_few_frames_far_apart_raise_no_alarm():
    alarm = DriftAlarm(SECTION, "front")
    run(alarm, [70] * 300)
    assert run(alarm, [40, 40], start=4000, pause=4000) == []
    assert [event.alarm for _, event in run(alarm, [40] * 5, start=20_000, pause=4000)] == [True]


@given(st.lists(st.floats(46, 54), min_size=200, max_size=600))
def test_scores_within_the_fall_never_alarm(scores):
    assert run(DriftAlarm(SECTION, "front"), scores) == []


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 400)), min_size=1, max_size=12))
def test_alarms_begin_and_end_in_turn(parts):
    scores = [score for score, length in parts for _ in range(length)]
    alarms = [event.alarm for _, event in run(DriftAlarm(SECTION, "front"), scores)]
    assert alarms == [index % 2 == 0 for index in range(len(alarms))]


def give(watch, scores, *, start=0.0, camera="front"):
    return [
        event
        for index, score in enumerate(scores)
        if (event := watch.step(result(score, start + index, camera=camera))) is not None
    ]


def test_a_restart_keeps_the_baseline(tmp_path):
    folder = tmp_path / "state" / "deepbiq"
    first = DriftWatch(SECTION, folder)
    assert give(first, [70] * 300) == []
    first.close()
    second = DriftWatch(SECTION, folder)
    assert [event.alarm for event in give(second, [50] * 120)] == [True]
    second.close()
    third = DriftWatch(SECTION, folder)
    assert [event.alarm for event in give(third, [70] * 60)] == [False]
    third.close()
    assert give(DriftWatch(SECTION, folder), [70] * 60) == []


def test_a_killed_process_loses_a_minute_at_most(tmp_path):
    watch = DriftWatch(SECTION, tmp_path)
    give(watch, [70] * 300)
    kept = json.loads((tmp_path / "baseline-front.json").read_text())
    assert kept["level"] == pytest.approx(70)
    assert kept["seen_s"] >= 299 - SAVE_SECONDS


def test_cameras_have_their_own_baselines(tmp_path):
    watch = DriftWatch(SECTION, tmp_path)
    give(watch, [70] * 100, camera="front")
    give(watch, [30] * 100, camera="back")
    watch.close()
    levels = {file.name: json.loads(file.read_text())["level"] for file in tmp_path.iterdir()}
    assert levels == {"baseline-front.json": pytest.approx(70), "baseline-back.json": pytest.approx(30)}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\x00", b"[]", b'{"level": 500, "seen_s": 1, "alarmed": false}', b'{"level": "x"}']
)
def test_a_damaged_file_is_ignored_with_a_note(tmp_path, caplog, content):
    file = tmp_path / "baseline-front.json"
    file.write_bytes(content)
    watch = DriftWatch(SECTION, tmp_path)
    assert give(watch, [70]) == []
    assert str(file) in caplog.text
    watch.close()
    assert json.loads(file.read_text())["level"] == 70


def test_a_folder_that_cannot_be_written_is_noted_once(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    watch = DriftWatch(SECTION, tmp_path / "file" / "state")
    give(watch, [70] * 300)
    watch.close()
    assert caplog.text.count("baselines cannot be kept") == 1


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    watch = DriftWatch(SECTION, None)
    give(watch, [70] * 100)
    watch.close()
    assert list(tmp_path.iterdir()) == []


def test_an_alarm_of_an_earlier_process_is_told_at_the_first_score():
    alarm = DriftAlarm(SECTION, "front", Baseline(70, 1000, alarmed=True))
    ((at, event),) = run(alarm, [50] * 100)
    assert (at, event.alarm, event.baseline, event.recent) == (0, True, 70, 50)
    assert [event.alarm for _, event in run(alarm, [70] * 100, start=100)] == [False]


def test_an_alarm_of_an_earlier_process_may_be_over_at_once():
    alarm = DriftAlarm(SECTION, "front", Baseline(70, 1000, alarmed=True))
    assert [event.alarm for _, event in run(alarm, [70] * 3)] == [False]
