import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.archive import decode_process
from deepbiq.archive.decode_messages import answer_line, read_answer, read_request, request_line
from deepbiq.archive.decoders import Decoders
from deepbiq.archive.preparing import Preparation, Prepared, prepare
from deepbiq.archive.row import Facts, Listed
from deepbiq.errors import ArchiveError

HOW = Preparation(short_side=256, max_pixels=10_000_000, max_bytes=10_000_000)
ANY_BYTES = st.binary(max_size=30).map(os.fsdecode)
WHOLE = st.none() | st.integers(-(2**63), 2**63 - 1)


def decoders(count=1, timeout_s=60.0):
    return Decoders(HOW, count=count, timeout_s=timeout_s)


def is_there(pid):
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def each_soon(action, pid_of):
    """Does something to every process that shows up, as soon as it does."""
    done, over = set(), threading.Event()

    def watch():
        while not over.is_set():
            for pid in set(pid_of()) - done:
                action(pid)
                done.add(pid)
            time.sleep(0.001)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


@given(path=ANY_BYTES, size=WHOLE, mtime_ns=WHOLE, fault=st.none() | ANY_BYTES, decode=st.booleans())
def test_requests_arrive_as_they_were_sent(path, size, mtime_ns, fault, decode):
    listed = Listed(path, size, mtime_ns, fault)
    line = request_line(listed, decode=decode)
    assert line.count(b"\n") == 1
    assert read_request(line) == (listed, decode)


@given(
    facts=st.builds(
        Facts, WHOLE, WHOLE, st.none() | st.text(), WHOLE, WHOLE, st.none() | st.text(), st.none() | st.datetimes(),
        st.none() | st.binary(),
    ),
    warnings=st.lists(st.text()),
    error=st.none() | st.text(),
    shape=st.none() | st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3)),
)  # fmt: skip
def test_answers_arrive_as_they_were_sent(facts, warnings, error, shape):
    bgr = None if shape is None else np.zeros(shape, np.uint8)
    line = answer_line(Prepared(facts, bgr, tuple(warnings), error))
    assert line.count(b"\n") == 1
    prepared, found = read_answer(line)
    assert (prepared.facts, prepared.warnings, prepared.error, found) == (facts, tuple(warnings), error, shape)


def test_answers_are_those_of_preparing_here(samples, tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    # Larger after smaller and the other way round: the shared file grows and is used again.
    paths = [*samples[:4], text, *reversed(samples[:4]), tmp_path / "missing"]
    with decoders() as processes:
        for path in paths:
            theirs, ours = processes.prepare(Listed(str(path), 1, 2)), prepare(Listed(str(path), 1, 2), HOW)
            assert (theirs.facts, theirs.warnings, theirs.error) == (ours.facts, ours.warnings, ours.error)
            assert (theirs.bgr is None) == (ours.bgr is None)
            assert theirs.bgr is None or np.array_equal(theirs.bgr, ours.bgr)
        assert len(processes.pids) == 1
        identified = processes.identify(Listed(str(samples[0])))
        assert identified.facts.content_hash == prepare(Listed(str(samples[0])), HOW).facts.content_hash
        assert identified.bgr is None


def test_a_name_of_any_bytes_arrives(samples, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n\"'.jpg")
    os.symlink(samples[0], path)
    with decoders() as processes:
        assert processes.prepare(Listed(path)).error is None


def test_nothing_is_started_before_there_is_work():
    with decoders(count=3) as processes:
        assert processes.prepare(Listed("/x", fault="no permission")).error == "no permission"
        assert processes.pids == ()


def test_many_threads_share_few_processes(samples):
    with decoders(count=2) as processes:
        found = []

        def ask(path):
            found.append((path, processes.prepare(Listed(str(path)))))

        threads = [threading.Thread(target=ask, args=(path,)) for path in samples[:4] * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(processes.pids) <= 2
    assert len(found) == 12
    for path, prepared in found:
        assert np.array_equal(prepared.bgr, prepare(Listed(str(path)), HOW).bgr)


def test_a_process_that_was_killed_is_started_anew(samples):
    with decoders() as processes:
        processes.prepare(Listed(str(samples[0])))
        (first,) = processes.pids
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not is_there(first))
        assert processes.prepare(Listed(str(samples[0]))).error is None
        assert processes.pids != (first,)


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """Keeps a decode process busy for long: a picture of 64 megapixels that compresses well."""
    import cv2

    path = tmp_path_factory.mktemp("slow") / "slow.png"
    assert cv2.imwrite(str(path), np.zeros((8000, 8000, 3), np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return Listed(str(path))


LARGE = Preparation(short_side=None, max_pixels=100_000_000, max_bytes=10_000_000)


def test_a_picture_that_kills_its_decoder_twice_is_an_error(slow):
    with Decoders(LARGE, count=1, timeout_s=60) as processes:
        processes.identify(slow)
        prepared = []
        thread = threading.Thread(target=lambda: prepared.append(processes.prepare(slow)))
        with each_soon(lambda pid: kill_in_the_middle(pid), lambda: processes.pids) as killed:
            thread.start()
            thread.join()
        assert len(killed) == 2
        assert prepared[0].error == "its decoder died twice (signal 9)"
        assert prepared[0].facts == Facts()
        assert processes.identify(slow).error is None


def kill_in_the_middle(pid):
    """Waits until a process has been given its picture."""
    wait_until(lambda: not is_there(pid) or resident_mb(pid) > 150)
    os.kill(pid, signal.SIGKILL)


def has_open(pid, name):
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}").endswith(name) for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def resident_mb(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_a_process_that_hangs_is_given_up(samples):
    with decoders(timeout_s=1.5) as processes:
        wait_until(
            lambda: processes.prepare(Listed(str(samples[0]))).error is None
        )  # a busy machine may be slow, too
        (first,) = processes.pids
        os.kill(first, signal.SIGSTOP)
        prepared = processes.prepare(Listed(str(samples[0]), 5, 6))
        assert (prepared.error, prepared.facts) == ("it could not be read within 1.5 s", Facts(5, 6))
        assert not is_there(first)
        wait_until(lambda: processes.prepare(Listed(str(samples[0]))).error is None)


def test_a_process_that_never_starts_is_the_installations_fault(monkeypatch, samples):
    monkeypatch.setattr(decode_process, "_PROGRAM", "raise SystemExit(3)")
    with decoders() as processes, pytest.raises(ArchiveError, match=r"no decode process starts \(exit code 3\)"):
        processes.prepare(Listed(str(samples[0])))


def test_closing_ends_the_processes_and_their_files(samples):
    before = len(os.listdir("/proc/self/fd"))
    with decoders() as processes:
        processes.prepare(Listed(str(samples[0])))
        pids = processes.pids
        assert all(map(is_there, pids))
    assert not any(map(is_there, pids))
    assert len(os.listdir("/proc/self/fd")) == before


CALLER = """
import sys
from deepbiq.archive.decoders import Decoders
from deepbiq.archive.preparing import Preparation
from deepbiq.archive.row import Listed
held = open(sys.argv[2])
processes = Decoders(Preparation(None, 10**8, 10**8), count=1, timeout_s=60)
processes.identify(Listed(sys.argv[1]))
print(*processes.pids, flush=True)
processes.prepare(Listed(sys.argv[1]))
"""


def test_processes_end_with_their_caller_even_in_the_middle_of_a_picture(slow, tmp_path):
    held = tmp_path / "held"
    held.touch()
    command = [sys.executable, "-c", CALLER, slow.path, str(held)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as caller:
        pid = int(caller.stdout.readline())
        wait_until(lambda: resident_mb(pid) > 150 or not is_there(pid))
        assert not has_open(pid, "held")
        caller.kill()
        wait_until(lambda: not is_there(pid))


def test_ctrl_c_is_not_for_them(samples):
    with decoders() as processes:
        processes.prepare(Listed(str(samples[0])))
        (pid,) = processes.pids
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        assert processes.prepare(Listed(str(samples[0]))).error is None
        assert processes.pids == (pid,)


def test_they_import_what_their_caller_does_not_what_lies_around(samples, tmp_path, monkeypatch):
    for name in ("json.py", "deepbiq.py", "numpy.py"):
        (tmp_path / name).write_text("raise SystemExit('this is not it')")
    monkeypatch.chdir(tmp_path)
    with decoders() as processes:
        assert processes.prepare(Listed(str(samples[0]))).error is None
