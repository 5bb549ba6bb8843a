import os
import re
import subprocess
import sys
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.camera.triggers import LONGEST_NAME, StdinTriggers, trigger_name
from deepbiq.errors import OptionError
from tests.runtime.camera.output_events import eventually


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    with os.fdopen(reading) as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer


@given(st.binary(max_size=500))
def test_any_bytes_make_a_name_that_fits_a_file(raw):
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", trigger_name(raw))


@given(st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z"))
def test_a_name_that_is_fit_stays(name):
    assert trigger_name(name.encode()) == name


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"", "trigger"),
        (b"  bell \r", "bell"),
        (b"../../etc/passwd", "_etc_passwd"),
        ("Tür".encode(), "T_r"),
        (b"a" * 70, "a" * 64),
    ],
)
def test_names(raw, name):
    assert trigger_name(raw) == name


def test_each_line_triggers_also_in_pieces_and_the_last_without_its_end(pipe):
    reader, writer = pipe
    names = []
    triggers = StdinTriggers(reader, names.append)
    writer.write(b"bell\n\nfirst ha")
    assert eventually(lambda: len(names) == 2)
    writer.write(b"lf\nlast")
    writer.close()
    assert eventually(lambda: len(names) == 4)
    triggers.close()
    assert names == ["bell", "trigger", "first_half", "last"]


def test_an_endless_line_takes_no_memory_and_triggers_once(pipe):
    reader, writer = pipe
    names = []
    piece = b"x" * 10_000
    tracemalloc.start()
    triggers = StdinTriggers(reader, names.append)
    for _ in range(500):
        writer.write(piece)
    writer.write(b"\nnext\n")
    assert eventually(lambda: len(names) == 2)
    triggers.close()
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 500_000
    assert names == ["x" * LONGEST_NAME, "next"]


def test_closing_ends_the_thread_while_nobody_writes(pipe):
    reader, _ = pipe
    before = threading.active_count()
    triggers = StdinTriggers(reader, print)
    triggers.close()
    triggers.close()
    assert threading.active_count() == before


def test_the_interpreter_exits_cleanly_without_closing():
    script = "import sys; from deepbiq.camera.triggers import StdinTriggers; StdinTriggers(sys.stdin, print)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.wait(60) == 0
        assert child.stderr.read() == b""


def test_a_closed_input_is_refused():
    reading, writing = os.pipe()
    os.close(writing)
    stream = os.fdopen(reading)
    stream.close()
    with pytest.raises(OptionError, match="--trigger-stdin: standard input cannot be read"):
        StdinTriggers(stream, print)
