import fcntl
import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from deepbiq.camera.events import Drift, Fault, Kept, State, Verdict
from deepbiq.camera.json_lines import JsonLines
from deepbiq.camera.line_writer import MOST_WAITING
from deepbiq.camera.text_lines import TextLines
from tests.runtime.camera.output_events import a_result, a_state, eventually


@pytest.fixture
def pipe():
    """A pipe that holds 4096 bytes; its ends as files."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as writer:
        yield reader, writer


@contextmanager
def reading_all(reader):
    """Reads until the writing end is closed, in a thread; gives the growing list of what came."""
    chunks = []
    thread = threading.Thread(target=lambda: chunks.extend(iter(lambda: reader.read(65536), b"")))
    thread.start()
    yield chunks
    thread.join()


def events_of(chunks):
    return [json.loads(line) for line in b"".join(chunks).decode().splitlines()]


def test_each_event_is_a_line_at_once(pipe):
    reader, writer = pipe
    lines = JsonLines(writer)
    events = [
        a_state(State.LIVE),
        a_result(changed=True),
        Kept("door", "/best/1.jpg", 80.0, 5.0, "window"),
        Drift("door", True, 70.0, 50.0, 6.0),
        Fault(None, "disk full", 7.0),
    ]
    for event in events:
        lines.take(event)
        assert json.loads(reader.read(4096)) == event.describe()
    lines.close()


def test_a_stream_without_descriptor_gets_everything_before_close_returns():
    stream = io.StringIO()
    lines = JsonLines(stream)
    for number in range(50):
        lines.take(a_result(dropped=number))
    lines.close()
    lines.close()
    assert [json.loads(line)["dropped"] for line in stream.getvalue().splitlines()] == list(range(50))


def test_a_reader_that_never_reads_holds_nothing_up_and_closing_ends(pipe, caplog):
    _, writer = pipe
    before = threading.active_count()
    lines = JsonLines(writer)
    for _ in range(5 * MOST_WAITING):
        lines.take(a_result())
    lines.close()
    assert threading.active_count() == before
    assert f"last {MOST_WAITING} lines left out" in caplog.text


def test_a_reader_that_wakes_late_gets_the_newest_and_is_told_what_it_missed(pipe):
    reader, writer = pipe
    lines = JsonLines(writer)
    lasting = [a_result(changed=True, verdict=Verdict.REJECT), a_state(State.LOST)]
    sent = [a_result() for _ in range(4 * MOST_WAITING)]
    for place, result in enumerate(sent):
        lines.take(result)
        if place == MOST_WAITING // 2:
            for event in lasting:
                lines.take(event)
    with reading_all(reader) as chunks:
        assert eventually(lambda: f'"frame": {sent[-1].frame.number},'.encode() in b"".join(chunks))
        lines.close()
        writer.close()
    seen = events_of(chunks)
    results = [event["frame"] for event in seen if event["event"] == "result" and not event["changed"]]
    assert results[-1] == sent[-1].frame.number
    assert results == sorted(results)
    assert [event for event in seen if event["event"] == "camera" or event.get("changed")] == [
        event.describe() for event in lasting
    ]
    told = [
        re.search(r"(\d+) results and 0 other", event["what"])[1] for event in seen if event["event"] == "fault"
    ]
    assert sum(map(int, told)) + len(results) == len(sent)


def test_lasting_events_that_must_be_left_out_are_counted(pipe):
    reader, writer = pipe
    lines = JsonLines(writer)
    sent = 2 * MOST_WAITING
    for number in range(sent):
        lines.take(a_state(State.LOST, detail=f"x{number}"))
    with reading_all(reader) as chunks:
        assert eventually(lambda: f'"x{sent - 1}"'.encode() in b"".join(chunks))
        lines.close()
        writer.close()
    seen = events_of(chunks)
    told = [
        re.search(r"0 results and (\d+) other", event["what"])[1] for event in seen if event["event"] == "fault"
    ]
    assert sum(map(int, told)) + sum(event["event"] == "camera" for event in seen) == sent


def test_a_reader_that_goes_away_is_logged_once_and_ends_the_writing(pipe, caplog):
    reader, writer = pipe
    lines = JsonLines(writer)
    reader.close()
    for _ in range(3):
        lines.take(a_state(State.LIVE))
    assert eventually(lambda: lines.gone)
    lines.take(a_state(State.LOST))
    lines.close()
    assert caplog.text.count("nobody reads the output any more") == 1


def test_a_full_disk_is_waited_for_and_nothing_is_lost(tmp_path, caplog):
    with open("/dev/full", "w") as stream:
        lines = JsonLines(stream)
        lines.take(a_state(State.LIVE))
        assert eventually(lambda: "trying again" in caplog.text)
        lines.take(a_state(State.LOST))
        with open(tmp_path / "out.jsonl", "w") as target:
            os.dup2(target.fileno(), stream.fileno())
            lines.close()
    states = [json.loads(line)["state"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert states == ["live", "lost"]


@pytest.mark.parametrize("reader_goes", [True, False])
def test_the_interpreter_exits_cleanly_whatever_the_reader_does(reader_goes):
    script = (
        "import sys, time\n"
        "from deepbiq.camera.json_lines import JsonLines\n"
        "from deepbiq.camera.events import CameraState, State\n"
        "lines = JsonLines(sys.stdout)\n"
        "for _ in range(20000): lines.take(CameraState('door', State.LIVE, 0.0, 'x' * 100))\n"
        "sys.stdin.read()\n"
        "lines.close()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    child.stdout.read(10)
    if reader_goes:
        child.stdout.close()
    child.stdin.close()
    errors = child.stderr.read()
    assert child.wait(60) == 0
    assert b"Exception" not in errors
    assert b"Fatal" not in errors


def test_text_has_one_aligned_line_for_each_change():
    stream = io.StringIO()
    lines = TextLines(stream)
    at = time.mktime((2026, 1, 2, 3, 4, 5, 0, 0, -1))
    lines.take(a_result(changed=True, score=71.25, captured_at=at))
    lines.take(a_result(captured_at=at))
    lines.take(a_result("yard", 12.0, Verdict.REJECT, changed=True, captured_at=at))
    lines.take(Kept("door", "/best/1.jpg", 80.0, at, "window"))
    lines.take(Drift("door", True, 70.0, 50.0, at))
    lines.take(Fault(None, "disk\nfull", at))
    lines.close()
    assert stream.getvalue().splitlines() == [
        "03:04:05  door          accept    71.2  good",
        "03:04:05  yard          reject    12.0  good       dark",
        "03:04:05  door          best      80.0  /best/1.jpg  (window)",
        "03:04:05  door          drift     50.0  lastingly worse, used to be 70.0",
        "03:04:05  -             fault    disk\\nfull",
    ]


@pytest.mark.parametrize(("no_colour", "painted"), [("", True), ("1", False)])
def test_colour_only_on_a_terminal_that_wants_it(monkeypatch, no_colour, painted):
    monkeypatch.setenv("NO_COLOR", no_colour)
    main, side = os.openpty()
    with os.fdopen(side, "w") as stream:
        lines = TextLines(stream)
        lines.take(a_result(changed=True, verdict=Verdict.REJECT))
        lines.close()
        seen = os.read(main, 4096)
    os.close(main)
    assert (b"\x1b[" in seen) is painted
    assert b"reject" in seen


def test_writing_logs_no_error_when_all_goes_well(caplog):
    with caplog.at_level(logging.DEBUG):
        lines = JsonLines(io.StringIO())
        lines.take(a_state(State.LIVE))
        lines.close()
    assert caplog.text == ""
