import shutil
import sqlite3

import pytest

from deepbiq.archive.results import Results, read_rows
from tests.runtime.archive.results_material import YARDSTICK, a_row, an_input, run_once, score_pending

INPUTS = [an_input(number) for number in range(40)]


def count_done(folder):
    with Results.open(folder, YARDSTICK) as results:
        return results.take_stock(INPUTS).done


@pytest.fixture
def folder(tmp_path):
    run_once(tmp_path / "results", INPUTS[:23])
    return tmp_path / "results"


@pytest.fixture
def journal(folder):
    return folder / "_journal.sqlite"


def test_a_journal_that_was_deleted_is_made_again(folder, journal):
    journal.unlink()
    assert count_done(folder) == 23


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(1000)])
def test_what_is_no_journal_is_made_anew(folder, journal, content):
    journal.write_bytes(content)
    assert count_done(folder) == 23


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_damaged_journal_is_made_anew(folder, journal, place):
    data = bytearray(journal.read_bytes())
    start = int(len(data) * place)
    data[start : start + 2000] = b"\xa5" * 2000
    journal.write_bytes(data)
    assert count_done(folder) == 23


def test_a_half_copied_journal_is_made_anew(folder, journal):
    journal.write_bytes(journal.read_bytes()[:-5000])
    assert count_done(folder) == 23


def test_a_database_of_somebody_else_is_made_anew(folder, journal):
    journal.unlink()
    with sqlite3.connect(journal) as other:
        other.execute("CREATE TABLE rows (x)")
    other.close()
    assert count_done(folder) == 23


def test_a_journal_of_another_folder_is_made_anew(folder, journal, tmp_path):
    run_once(tmp_path / "other", INPUTS)
    shutil.copy(tmp_path / "other" / "_journal.sqlite", journal)
    assert count_done(folder) == 23


def test_a_write_ahead_log_without_its_journal_is_no_trap(folder, journal, tmp_path):
    with Results.open(folder, YARDSTICK) as results:
        results.take_stock(INPUTS)
        score_pending(results)
        for path in folder.glob("_journal.sqlite-*"):
            shutil.copy(path, tmp_path / path.name)
    journal.unlink()
    for path in tmp_path.glob("_journal.sqlite-*"):
        shutil.copy(path, folder / path.name)
    assert count_done(folder) == 40


def test_a_journal_learns_what_it_missed(folder, journal, tmp_path):
    shutil.copy(journal, tmp_path / "old")
    run_once(folder, INPUTS[:31])
    shutil.copy(tmp_path / "old", journal)
    assert count_done(folder) == 31


def test_a_journal_forgets_rows_whose_shard_is_gone(folder):
    (folder / "rows-000002.parquet").unlink()
    assert count_done(folder) == 18
    run_once(folder, INPUTS[:23])
    assert read_rows(folder).num_rows == 23


def test_an_old_journal_beside_shards_that_were_settled_is_made_anew(folder, journal, tmp_path):
    shutil.copy(journal, tmp_path / "old")
    changed = [an_input(number, version=number % 2) for number in range(40)]
    run_once(folder, changed)
    shutil.copy(tmp_path / "old", journal)
    with Results.open(folder, YARDSTICK) as results:
        assert results.take_stock(changed).done == 40


def test_a_copied_folder_goes_on_like_the_first(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    assert count_done(tmp_path / "copy") == 23


def test_a_journal_never_claims_what_could_not_be_written(folder, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with Results.open(folder, YARDSTICK) as results:
        results.take_stock(INPUTS)
        monkeypatch.setattr("deepbiq.archive.shards.write_atomically", fail)
        with pytest.raises(Exception, match="No space left"):
            results.append([a_row(INPUTS[30])])
    monkeypatch.undo()
    assert count_done(folder) == 23
