"""Trees of files to be moved and compared: bytes, times, modes, links, folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from deepbiq.archive.moving.move_log import MoveLog, read_log
from deepbiq.archive.moving.moves import carry_out
from deepbiq.archive.moving.placing import stamp_of
from deepbiq.archive.moving.undo import carry_back, plan_undo

NOW = datetime(2026, 5, 1, 12, 30, 45)


def snapshot(root):
    """Everything that undoing must bring back; of folders only that they are there."""
    found = {}
    for here, folders, files in os.walk(os.fsencode(root)):
        for name in folders + files:
            path = os.path.join(here, name)
            status = os.lstat(path)
            if os.path.islink(path):
                found[path] = ("link", os.readlink(path), status.st_mtime_ns)
            elif os.path.isdir(path):
                found[path] = ("folder",)
            else:
                found[path] = (Path(os.fsdecode(path)).read_bytes(), status.st_mtime_ns, status.st_mode)
    return found


def put(path, content=b"content", mtime_ns=1_600_000_000_123_456_789):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def start_moves(log_folder, pairs):
    """Makes the log of moves from here to there."""
    return MoveLog.create(log_folder, NOW, [(source, target, stamp_of(source)) for source, target in pairs])


def move_all(log_folder, pairs):
    """Moves files; returns the log's path and what became of each."""
    log, intents = start_moves(log_folder, pairs)
    with log:
        return log.path, [fault for _, fault in carry_out(log, intents)]


def pairs_of(files, folder, target):
    """Where files go that keep their path below a folder."""
    return [(path, target / path.relative_to(folder)) for path in files]


def undo(log):
    """Undoes a log; returns what became of each step."""
    history = read_log(log)
    with MoveLog.reopen(log) as writer:
        return [fault for _, fault in carry_back(writer, history, plan_undo(history))]


@contextmanager
def other_file_system(here):
    """A temporary folder on another file system than a folder's, or None where there is none to write to."""
    for candidate in ("/dev/shm", "/var/tmp", os.path.expanduser("~"), "/tmp"):
        if os.access(candidate, os.W_OK) and os.stat(candidate).st_dev != os.stat(here).st_dev:
            folder = tempfile.mkdtemp(dir=candidate, prefix="deepbiq-tests-")
            try:
                yield Path(folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return
    yield None
