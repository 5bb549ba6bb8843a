import io
import sys

import pytest

from deepbiq.cli import progress
from deepbiq.cli.progress import rated_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_lines_at_most_every_ten_seconds_and_one_at_the_end(capsys, clock):
    with rated_progress("scoring", 10_000) as advance:
        for _ in range(25):
            clock[0] += 1.0
            advance()
    assert capsys.readouterr().err.splitlines() == [
        "deepbiq: scoring: 10 of 10000, 1.0 pictures/s, 2:46:30 left",
        "deepbiq: scoring: 20 of 10000, 1.0 pictures/s, 2:46:20 left",
        "deepbiq: scoring: 25 of 10000, 1.0 pictures/s, 2:46:15 left",
    ]


def test_the_end_has_no_time_left(capsys, clock):
    with rated_progress("scoring", 2) as advance:
        clock[0] += 0.5
        advance()
        advance()
    assert capsys.readouterr().err == "deepbiq: scoring: 2 of 2, 4.0 pictures/s\n"


def test_nothing_to_do_says_nothing(capsys):
    with rated_progress("scoring", 0):
        pass
    assert capsys.readouterr().err == ""


def test_a_bar_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with rated_progress("scoring", 3) as advance:
        advance()
        advance()
    shown = terminal.getvalue()
    assert "scoring" in shown
    assert "2/3" in shown
    assert "pictures/s" in shown
