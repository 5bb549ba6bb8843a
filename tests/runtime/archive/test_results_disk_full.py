import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deepbiq.archive.results import Results, read_rows
from deepbiq.errors import ArchiveError
from tests.runtime.archive.results_material import YARDSTICK, a_row, an_input, run_once, score_pending

INPUTS = [an_input(number) for number in range(40)]
WRITER = """
import resource, sys
from pathlib import Path
from tests.runtime.archive.results_material import YARDSTICK, a_row, an_input, score_pending
from deepbiq.archive.results import Results
from deepbiq.errors import ArchiveError

with Results.open(Path(sys.argv[1]), YARDSTICK) as results:
    results.take_stock(an_input(number) for number in range(40))
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    try:
        score_pending(results, shard_rows=20)
    except ArchiveError as error:
        sys.exit(str(error))
"""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_shard_that_cannot_be_written_ends_the_call_and_says_what_is_safe(tmp_path, monkeypatch, call, number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    with Results.open(tmp_path, YARDSTICK) as results:
        results.take_stock(INPUTS)
        results.append([a_row(listed) for listed in INPUTS[:7]])
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync" if call == "fsync" else "pathlib.Path.replace", fail)
            told = rf"{os.strerror(number)}\. 7 rows of this call are safe; once .* the same command goes on"
            with pytest.raises(ArchiveError, match=told):
                results.append([a_row(listed) for listed in INPUTS[7:9]])
    assert [path.name for path in tmp_path.glob("*.parquet")] == ["rows-000001.parquet"]
    run_once(tmp_path, INPUTS)
    assert read_rows(tmp_path).num_rows == 40


def test_rows_are_safe_where_only_the_journal_cannot_be_written(tmp_path, monkeypatch):
    import sqlite3

    def fail(*_):
        raise sqlite3.OperationalError("database or disk is full")

    with Results.open(tmp_path, YARDSTICK) as results:
        results.take_stock(INPUTS)
        with monkeypatch.context() as patch:
            patch.setattr("deepbiq.archive.journal.Journal.add_shard", fail)
            with pytest.raises(ArchiveError, match=r"disk is full\. 7 rows of this call are safe"):
                results.append([a_row(listed) for listed in INPUTS[:7]])
    with Results.open(tmp_path, YARDSTICK) as results:
        assert results.take_stock(INPUTS).done == 7


def test_a_folder_that_is_removed_meanwhile(tmp_path):
    with Results.open(tmp_path / "results", YARDSTICK) as results:
        results.take_stock(INPUTS)
        shutil.rmtree(tmp_path / "results")
        with pytest.raises(ArchiveError, match=r"No such file or directory\. 0 rows of this call are safe"):
            score_pending(results)


def test_a_limit_on_the_size_of_files(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[3])
    assert done.returncode == 1, done.stderr
    assert "0 rows of this call are safe" in done.stderr
    assert list(tmp_path.glob(".*")) == list(tmp_path.glob("*.parquet")) == []
    run_once(tmp_path, INPUTS)
    assert read_rows(tmp_path).num_rows == 40


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of a few pages, full but for what a first call needs."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system can be mounted by root alone, and not everywhere")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_loses_nothing_and_the_call_goes_on_when_there_is_room(tiny_disk):
    inputs = [an_input(number) for number in range(3000)]
    with Results.open(tiny_disk / "results", YARDSTICK) as results:
        results.take_stock(inputs[:200])
        with pytest.raises(ArchiveError, match=r"(space left on device|disk is full).*rows of this call are safe"):
            score_pending(results, shard_rows=2)
    safe = read_rows(tiny_disk / "results").num_rows
    assert 0 < safe < 200
    subprocess.run(["mount", "-o", "remount,size=20m", str(tiny_disk)], check=True)
    with Results.open(tiny_disk / "results", YARDSTICK) as results:
        assert results.take_stock(inputs[:200]).done == safe
        assert len(score_pending(results, shard_rows=50)) == 200 - safe
    assert read_rows(tiny_disk / "results").num_rows == 200


def test_inputs_that_do_not_fit_on_the_disk(tiny_disk):
    many = [an_input(number) for number in range(20_000)]
    told = pytest.raises(ArchiveError, match=r"disk is full\. 0 rows")
    with Results.open(tiny_disk / "results", YARDSTICK) as results, told:
        results.take_stock(many)
    subprocess.run(["mount", "-o", "remount,size=20m", str(tiny_disk)], check=True)
    with Results.open(tiny_disk / "results", YARDSTICK) as results:
        assert results.take_stock(many).inputs == 20_000
