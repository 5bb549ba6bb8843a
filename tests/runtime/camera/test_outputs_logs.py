import io
import json
import logging
import re

import pytest

from deepbiq.camera.config import LogSection
from deepbiq.camera.event_log import MOST_RETURNS, EventLog
from deepbiq.camera.events import Drift, Fault, State
from deepbiq.camera.logs import logging_to
from tests.runtime.camera.output_events import a_result, a_state

OURS = logging.getLogger("deepbiq.camera.test")


def logged(section, *calls):
    stream = io.StringIO()
    with logging_to(stream, section):
        for call in calls:
            call()
    return stream.getvalue().splitlines()


def test_text_says_when_how_grave_and_which_camera():
    lines = logged(
        LogSection(),
        lambda: OURS.warning("lost\nit", extra={"camera": "door"}),
        lambda: OURS.info("up"),
        lambda: OURS.debug("not said"),
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING door: lost\\nit", lines[0])
    assert lines[1].endswith("Z INFO    up")
    assert len(lines) == 2


def test_json_has_every_key_on_every_line():
    def fail():
        try:
            int("rtsp://me:secret@camera/1")
        except ValueError:
            OURS.exception("broken")

    lines = logged(LogSection(format="json"), lambda: OURS.warning("lost", extra={"camera": "door"}), fail)
    first, second = map(json.loads, lines)
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "warning",
        "logger": "deepbiq.camera.test",
        "camera": "door",
        "message": "lost",
        "exception": None,
    }
    assert second["camera"] is None
    assert "rtsp://***@camera/1" in second["exception"]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "secret",
    [
        "rtsp://user:s3cr3t@10.0.0.1/live",
        "http://s3cr3t@cam/",
        "GET /ws?token=s3cr3t HTTP/1.1",
        "http://cam/?user=me&pwd=s3cr3t",
        "a://u:p@s3cr3t@h/",
    ],
)
def test_credentials_never_reach_the_log(form, secret):
    (line,) = logged(LogSection(format=form), lambda: OURS.error("no %s", secret))
    assert "s3cr3t" not in line
    assert "***" in line


def test_other_libraries_are_heard_from_warnings_on():
    other = logging.getLogger("somebody.else")
    lines = logged(LogSection(level="debug"), lambda: other.info("chatter"), lambda: other.warning("trouble"))
    assert [line.split()[-1] for line in lines] == ["trouble"]


def test_afterwards_logging_is_as_it_was():
    root = logging.getLogger()
    before = root.level, logging.getLogger("deepbiq").level, list(root.handlers)
    assert logged(LogSection(level="error"), lambda: OURS.warning("not said")) == []
    assert (root.level, logging.getLogger("deepbiq").level, list(root.handlers)) == before


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [(record.levelname, record.camera, record.getMessage()) for record in caplog.records]


def test_states_and_drift_have_fitting_levels(said):
    log = EventLog()
    log.take(a_state(State.OPENING))
    log.take(a_state(State.LIVE))
    log.take(a_result())
    log.take(a_state(State.LOST, detail="timed out"))
    log.take(Drift("door", True, 70.0, 50.0, 0.0))
    log.take(Drift("door", False, 70.0, 69.0, 0.0))
    log.take(Fault(None, "disk full", 0.0))
    assert said() == [
        ("INFO", "door", "live"),
        ("WARNING", "door", "lost: timed out"),
        ("WARNING", "door", "lastingly worse: score 50.0, baseline 70.0"),
        ("INFO", "door", "good again: score 69.0, baseline 70.0"),
        ("ERROR", None, "disk full"),
    ]


def test_a_fault_that_repeats_is_said_once_a_minute_with_a_count(said):
    clock = Clock()
    log = EventLog(clock)
    for second in range(130):
        clock.now = float(second)
        log.take(Fault("door", "bad frame", 0.0))
    log.take(Fault("yard", "bad frame", 0.0))
    log.close()
    assert said() == [
        ("ERROR", "door", "bad frame"),
        ("ERROR", "door", "bad frame (59 more times since it was last said)"),
        ("ERROR", "door", "bad frame (59 more times since it was last said)"),
        ("ERROR", "yard", "bad frame"),
        ("ERROR", "door", "bad frame (9 more times since it was last said)"),
    ]


def test_a_camera_that_came_back_is_not_left_as_lost(said):
    clock = Clock()
    log = EventLog(clock)
    states = {0: State.LIVE, 10: State.LOST, 12: State.LIVE, 13: State.LOST, 15: State.LOST}
    for clock.now, state in states.items():
        log.take(a_state(state))
    assert [text for _, _, text in said()] == ["live", "lost", "live", "lost"]
    clock.now = 80
    log.take(a_state(State.LOST))
    assert said()[-1] == ("WARNING", "door", "lost (1 more times since it was last said)")


def test_a_camera_that_flaps_fills_no_log_and_its_last_state_is_said(said):
    clock = Clock()
    log = EventLog(clock)
    minutes, a_second = 10, 5
    for turn in range(60 * minutes * a_second):
        clock.now = turn / a_second
        log.take(a_state(State.LOST))
        log.take(a_state(State.LIVE))
    assert len(said()) <= minutes * 3 * MOST_RETURNS
    log.take(a_state(State.LOST, detail="gone"))
    assert said()[-1] == ("WARNING", "door", "lost: gone")
    log.take(a_state(State.LIVE))
    clock.now += 61
    log.take(a_result())
    assert said()[-1][::2] == ("INFO", "live")


def test_what_happens_again_much_later_is_news(said):
    clock = Clock()
    log = EventLog(clock)
    log.take(Fault("door", "bad frame", 0.0))
    clock.now = 1000.0
    log.take(Fault("door", "bad frame", 0.0))
    assert said() == [("ERROR", "door", "bad frame")] * 2


def test_ever_new_faults_take_no_memory():
    log = EventLog()
    for number in range(1000):
        log.take(Fault("door", f"bad frame {number}", 0.0))
    assert len(log._said) <= 100
