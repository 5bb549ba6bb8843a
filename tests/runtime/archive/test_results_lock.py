import os
import re
import socket
import subprocess
import sys

import pytest

from deepbiq.archive.results_lock import ResultsLock
from deepbiq.errors import ArchiveError

HOLDER = """
import sys
from pathlib import Path
from deepbiq.archive.results_lock import ResultsLock
lock = ResultsLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_one_is_refused_and_told_who_is_there(tmp_path):
    lock = ResultsLock(tmp_path / "_lock")
    holder = f"in use by process {os.getpid()} on {re.escape(socket.gethostname())} since 2.*: wait"
    with pytest.raises(ArchiveError, match=holder):
        ResultsLock(tmp_path / "_lock")
    lock.release()
    lock.release()
    ResultsLock(tmp_path / "_lock").release()


def test_a_process_that_is_killed_holds_nothing(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "_lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(ArchiveError, match=f"process {process.pid} on"):
            ResultsLock(tmp_path / "_lock")
        process.kill()
    ResultsLock(tmp_path / "_lock").release()


def test_a_holder_that_has_not_written_its_name_yet(tmp_path):
    lock = ResultsLock(tmp_path / "_lock")
    (tmp_path / "_lock").write_bytes(b"")
    with pytest.raises(ArchiveError, match="in use by another process"):
        ResultsLock(tmp_path / "_lock")
    lock.release()
