"""Undoing moves: every byte and time comes back, wherever the moving or an earlier undoing was killed."""

import errno
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepbiq.archive.moving import placing
from deepbiq.archive.moving.move_log import MoveLog, read_log
from deepbiq.archive.moving.moves import carry_out
from deepbiq.archive.moving.undo import plan_undo
from tests.conftest import ROOT
from tests.runtime.archive.moves_material import (
    move_all,
    other_file_system,
    pairs_of,
    put,
    snapshot,
    start_moves,
    undo,
)


class Killed(BaseException):
    """What no handler may take for an error."""


def a_tree(folder, count=6):
    for number in range(count):
        put(folder / f"{number % 3}" / f"{number}.jpg", bytes([number % 256]) * (100 + number), 10**18 + number)
    (folder / "0" / "link.jpg").symlink_to("0.jpg")
    os.utime(folder / "0" / "link.jpg", ns=(5 * 10**17, 5 * 10**17), follow_symlinks=False)
    return [path for path in sorted(folder.rglob("*")) if not path.is_dir()]


names = st.binary(min_size=1, max_size=12).filter(
    lambda name: b"/" not in name and b"\0" not in name and name.strip(b".")
)


@settings(max_examples=40)
@given(st.dictionaries(st.tuples(names, names), st.binary(max_size=50), min_size=1, max_size=8), st.data())
def test_any_tree_comes_back(tmp_path_factory, tree, data):
    here = tmp_path_factory.mktemp("tree")
    files = [
        put(
            here / "a" / f"d{os.fsdecode(folder)}" / os.fsdecode(name),
            content,
            data.draw(st.integers(0, 2 * 10**18)),
        )
        for (folder, name), content in tree.items()
    ]
    chosen = [path for path in files if data.draw(st.booleans())]
    before = snapshot(here / "a")
    log, faults = move_all(here, pairs_of(chosen, here / "a", here / "b"))
    assert faults == [None] * len(chosen)
    assert len(snapshot(here / "a")) == len(before) - len(chosen)
    assert undo(log) == [None] * len(chosen)
    assert snapshot(here / "a") == before
    assert not (here / "b").exists()


def no_rename(monkeypatch):
    def rename(source, target):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(placing, "_rename", rename)


def no_rename_between_folders(monkeypatch):
    original = placing._rename

    def rename(source, target):
        if source.parent != target.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        original(source, target)

    monkeypatch.setattr(placing, "_rename", rename)


WAYS = {"rename": lambda monkeypatch: None, "link": no_rename, "copy": no_rename_between_folders}
POINTS = (
    (placing, "_rename"),
    (placing, "_copy"),
    (placing, "_remove"),
    (placing, "same_content"),
    (placing, "identity_of"),
    (os, "link"),
    (MoveLog, "placing"),
    (MoveLog, "outcome"),
    (MoveLog, "folder"),
)


def killed_at(monkeypatch, owner, name, call, *, after):
    """Ends the program before or after a call of a function, for the nth time."""
    function, calls = getattr(owner, name), []

    def dying(*arguments, **options):
        calls.append(1)
        if len(calls) == call and not after:
            raise Killed
        value = function(*arguments, **options)
        if len(calls) == call and after:
            raise Killed
        return value

    monkeypatch.setattr(owner, name, dying)


@pytest.mark.parametrize("back", [False, True], ids=["moving", "undoing"])
@pytest.mark.parametrize("way", WAYS)
def test_it_may_end_anywhere(tmp_path, way, back):
    reached = 0
    for number, (owner, name) in enumerate(POINTS):
        for call, after in ((1, False), (1, True), (3, False)):
            here = tmp_path / f"{number}-{call}-{after}"
            files = a_tree(here / "a")
            before = snapshot(here / "a")
            with pytest.MonkeyPatch.context() as monkeypatch:
                WAYS[way](monkeypatch)
                log, intents = start_moves(here, pairs_of(files, here / "a", here / "b"))
                if back:
                    with log:
                        assert {fault for _, fault in carry_out(log, intents)} == {None}
                killed_at(monkeypatch, owner, name, call, after=after)
                try:
                    if back:
                        undo(log.path)
                    else:
                        with log:
                            list(carry_out(log, intents))
                except Killed:
                    reached += 1
            with pytest.MonkeyPatch.context() as monkeypatch:
                WAYS[way](monkeypatch)
                assert set(undo(log.path)) <= {None}
                assert snapshot(here / "a") == before
                assert not (here / "b").exists()
                assert undo(log.path) == []
    assert reached >= 6


MOVER = """
import sys
from pathlib import Path
from tests.runtime.archive.moves_material import pairs_of, start_moves, undo
from deepbiq.archive.moving.moves import carry_out
folder, target, logs = map(Path, sys.argv[1:])
files = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
print("ready", flush=True)
log, intents = start_moves(logs, pairs_of(files, folder, target))
with log:
    for _ in carry_out(log, intents):
        pass
undo(log.path)
"""


@pytest.mark.parametrize("where", ["same file system", "other file system"])
def test_real_kills(tmp_path, where):
    chance = random.Random(7)
    with other_file_system(tmp_path) as elsewhere:
        if where == "other file system" and elsewhere is None:
            pytest.skip("there is no second file system to write to")
        target = (tmp_path if where == "same file system" else elsewhere) / "b"
        a_tree(tmp_path / "a", count=300)
        before = snapshot(tmp_path / "a")
        for _ in range(5):
            command = [sys.executable, "-c", MOVER, tmp_path / "a", target, tmp_path]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
                process.stdout.readline()
                time.sleep(chance.uniform(0.0, 0.15))
                process.send_signal(signal.SIGKILL)
            for log in tmp_path.glob("_moves*"):
                assert set(undo(log)) <= {None}
                log.unlink()
            assert snapshot(tmp_path / "a") == before
            assert not target.exists()


def test_nothing_new_is_overwritten_and_nothing_changed_moves_back(tmp_path):
    files = [put(tmp_path / "a" / name, name.encode()) for name in ("refilled", "changed", "deleted", "fine")]
    log, _ = move_all(tmp_path, pairs_of(files, tmp_path / "a", tmp_path / "b"))
    put(files[0], b"new")
    put(tmp_path / "b" / "changed", b"edited there")
    (tmp_path / "b" / "deleted").unlink()
    steps = {step.intent.source.name: step.reason for step in plan_undo(read_log(log))}
    expected = {
        "refilled": "something is there already",
        "changed": "it has changed since it was moved",
        "deleted": "it is gone",
        "fine": None,
    }
    assert steps == expected
    assert sorted(filter(None, undo(log))) == sorted(filter(None, expected.values()))
    assert files[0].read_bytes() == b"new"
    assert (tmp_path / "b" / "refilled").read_bytes() == b"refilled"
    assert (tmp_path / "b" / "changed").read_bytes() == b"edited there"
    assert files[3].read_bytes() == b"fine"
    # What stood in the way is taken away: now the rest goes back.
    files[0].unlink()
    undo(log)
    assert files[0].read_bytes() == b"refilled"


def test_somebody_elses_equal_copy_is_not_taken_for_ours(tmp_path):
    source = put(tmp_path / "a" / "1.jpg")
    log, _ = start_moves(tmp_path, [(source, tmp_path / "b" / "1.jpg")])
    log.__exit__(None, None, None)
    theirs = put(tmp_path / "b" / "1.jpg")
    assert plan_undo(read_log(log.path)) == []
    assert undo(log.path) == []
    assert theirs.exists()


def test_a_refused_move_is_not_undone(tmp_path):
    source = put(tmp_path / "a" / "1.jpg")
    theirs = put(tmp_path / "b" / "1.jpg", b"theirs")
    log, (fault,) = move_all(tmp_path, [(source, theirs)])
    assert fault
    source.unlink()
    assert undo(log) == []
    assert theirs.read_bytes() == b"theirs"


def test_folders_that_were_there_or_hold_something_stay(tmp_path):
    files = [put(tmp_path / "a" / folder / "1.jpg") for folder in ("x", "y", "z")]
    (tmp_path / "b" / "x").mkdir(parents=True)
    log, _ = move_all(tmp_path, pairs_of(files, tmp_path / "a", tmp_path / "b"))
    put(tmp_path / "b" / "y" / "new")
    undo(log)
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["x", "y"]


def test_a_folder_that_was_removed_is_made_again(tmp_path):
    source = put(tmp_path / "a" / "deep" / "1.jpg")
    log, _ = move_all(tmp_path, [(source, tmp_path / "b" / "1.jpg")])
    (tmp_path / "a" / "deep").rmdir()
    (tmp_path / "a").rmdir()
    assert undo(log) == [None]
    assert source.exists()


@pytest.mark.parametrize("kept", [0.0, 0.05, 0.3, 0.6, 0.99])
def test_a_log_may_end_in_the_middle_of_a_line(tmp_path, kept):
    files = a_tree(tmp_path / "a")
    log, _ = start_moves(tmp_path, pairs_of(files, tmp_path / "a", tmp_path / "b"))
    log.__exit__(None, None, None)
    content = log.path.read_bytes()
    log.path.write_bytes(content[: int(kept * len(content))])
    before = snapshot(tmp_path / "a")
    assert undo(log.path) == []
    assert snapshot(tmp_path / "a") == before


def test_the_command_says_what_is_wrong(run, tmp_path):
    code, _, err = run("archive", "undo", tmp_path / "missing.jsonl")
    assert code == 2
    assert "the log cannot be read: No such file or directory" in err
    source = put(tmp_path / "a" / "1.jpg")
    log, _ = move_all(tmp_path, [(source, tmp_path / "b" / "1.jpg")])
    put(source, b"new")
    code, out, err = run("archive", "undo", log, "--apply")
    assert (code, out) == (2, "")
    assert f"{tmp_path / 'b' / '1.jpg'} stays: something is there already" in err
    assert run("archive", "undo", log)[0] == 0
