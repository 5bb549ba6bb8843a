import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import deepbiq
from deepbiq.archive.decoders import Decoders
from deepbiq.archive.grading import preparation_of, row_of, yardstick_of
from deepbiq.archive.local import grade_locally
from deepbiq.archive.preparing import Prepared, prepare
from deepbiq.archive.results import Results, read_rows
from deepbiq.archive.row import Facts, Listed, Row
from deepbiq.archive.run import run
from deepbiq.archive.schema import rows_of
from deepbiq.archive.verifying import verify
from deepbiq.errors import EngineError


def never():
    return False


def nothing():
    pass


@pytest.fixture
def scorer(tiny_bundle):
    with deepbiq.load(tiny_bundle, threads=2) as scorer:
        yield scorer


@pytest.fixture
def open_results(tmp_path, scorer):
    def open_folder():
        return Results.open(tmp_path / "results", yardstick_of(scorer))

    return open_folder


@pytest.fixture
def numbered(scorer):
    """A grade without pictures, which notes what it was given."""
    given = []

    def grade(inputs):
        for listed in inputs:
            given.append(listed.path)
            yield Row(listed.path, Facts(1, 2, "0" * 64), yardstick_of(scorer), "onnxruntime", 50.0, "fair", 1.0)

    grade.given = given
    return grade


def inputs(count):
    return [Listed(f"/{number:03}.jpg", 1, 2) for number in range(count)]


def finish(results, grade, *, shard_rows=1000, at_once=None, advance=nothing, stopped=never):
    return run(results, grade, shard_rows=shard_rows, at_once=at_once, advance=advance, stopped=stopped)


def shard_sizes(folder):
    import pyarrow.parquet as pq

    return [pq.read_metadata(path).num_rows for path in sorted((folder / "results").glob("rows-*.parquet"))]


@pytest.mark.parametrize(("at_once", "sizes"), [(None, [4, 4, 2]), (4, [4, 4, 2]), (3, [3, 3, 3, 1])])
def test_rows_are_written_shard_by_shard(tmp_path, open_results, numbered, at_once, sizes):
    counted = []
    with open_results() as results:
        results.take_stock(inputs(10))
        summary = finish(
            results,
            numbered,
            shard_rows=4,
            at_once=at_once,
            advance=lambda: counted.append(len(shard_sizes(tmp_path))),
        )
    assert (summary.scored, summary.errors, len(counted)) == (10, 0, 10)
    assert shard_sizes(tmp_path) == sizes
    # A shard is on disk before its successor's first row is there.
    assert counted == [number for number, size in enumerate(sizes) for _ in range(size)]


def test_one_call_after_the_other_goes_on(tmp_path, open_results, numbered):
    for count in (3, 3, 7):
        with open_results() as results:
            results.take_stock(inputs(count))
            finish(results, numbered)
    assert numbered.given == [listed.path for listed in inputs(7)]
    assert read_rows(tmp_path / "results", ["path"]).num_rows == 7


def test_when_stopped_what_is_in_work_is_written(tmp_path, open_results, numbered):
    with open_results() as results:
        results.take_stock(inputs(10))
        summary = finish(results, numbered, shard_rows=4, stopped=lambda: len(numbered.given) >= 6)
    assert summary.scored == 6
    assert shard_sizes(tmp_path) == [4, 2]


def test_an_engine_that_fails_ends_the_run_after_the_rows_before(tmp_path, open_results, numbered):
    def failing(listed):
        for number, row in enumerate(numbered(listed)):
            if number == 6:
                raise EngineError("out of video memory")
            yield row

    with open_results() as results:
        results.take_stock(inputs(10))
        with pytest.raises(EngineError, match="video"):
            finish(results, failing, shard_rows=4)
    assert shard_sizes(tmp_path) == [4, 2]
    with open_results() as results:
        assert results.take_stock(inputs(10)).done == 6


def test_rows_that_cannot_be_written_are_written_once_and_told(open_results, numbered, monkeypatch):
    calls = []

    def full(rows):
        calls.append(len(rows))
        raise OSError(28, "No space left on device")

    with open_results() as results:
        results.take_stock(inputs(10))
        monkeypatch.setattr(results, "append", full)
        with pytest.raises(OSError, match="No space left"):
            finish(results, numbered, shard_rows=4)
    assert calls == [4]


def test_nobody_goes_on_with_rows_that_cannot_be_written(open_results, scorer, mixed, monkeypatch):
    prepared, closing = [], threading.Event()
    real = ThreadPoolExecutor.shutdown

    def noted(*args, **options):
        closing.set()
        real(*args, **options)

    class Noting(PictureWhile):
        def prepare(self, listed):
            prepared.append(listed)
            # All but the first are in work when its row is refused.
            assert listed == mixed[0] or closing.wait(60)
            return super().prepare(listed)

    def full(rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", noted)
    with open_results() as results:
        results.take_stock(mixed)
        monkeypatch.setattr(results, "append", full)
        with pytest.raises(OSError, match="No space left") as caught:
            finish(results, grade_locally(scorer, Noting(), never), shard_rows=1)
        assert not [t for t in threading.enumerate() if t.name.startswith("deepbiq-")], caught
    assert len(prepared) <= 1 + Noting.count + scorer.engine.workers


def test_superseded_rows_are_removed(tmp_path, open_results, numbered):
    for mtime_ns in (2, 3):
        with open_results() as results:
            results.take_stock([Listed("/changed.jpg", 1, mtime_ns)])
            finish(results, numbered)
    assert shard_sizes(tmp_path) == [1]


@pytest.fixture
def mixed(samples, tmp_path):
    """Pictures and broken files, more than are in work at once."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number in range(40):
        path = folder / f"{number:02}.jpg"
        if number % 5 == 3:
            path.write_bytes(b"broken" * (number % 2))
        else:
            path.symlink_to(samples[number % len(samples)])
    return [Listed(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.iterdir())]


def test_rows_come_in_order_and_equal_those_of_one_after_the_other(scorer, mixed):
    how = preparation_of(scorer)
    with Decoders(how, count=3, timeout_s=60) as decoders:
        rows = list(grade_locally(scorer, decoders, never)(mixed))
    assert rows == [row_of(listed.path, prepare(listed, how), scorer) for listed in mixed]
    assert sum(row.error is not None for row in rows) == 8


class PictureWhile:
    """Decoders without processes, whose pictures say how many are scored at once."""

    count = 5

    def prepare(self, listed):
        return Prepared(Facts(), np.zeros((100, 100, 3), np.uint8))


def test_no_more_than_the_engines_workers_score_at_once(scorer, mixed, monkeypatch):
    real = scorer.score_in_worker
    running, most = [], []

    def watched(bgr):
        running.append(1)
        most.append(len(running))
        threading.Event().wait(0.002)
        try:
            return real(bgr)
        finally:
            running.pop()

    monkeypatch.setattr(scorer, "score_in_worker", watched)
    assert len(list(grade_locally(scorer, PictureWhile(), never)(mixed))) == len(mixed)
    assert max(most) == scorer.engine.workers == 2


def test_what_was_not_begun_when_stopped_gets_no_row(scorer, mixed):
    asked = []

    def stopped():
        asked.append(1)
        return len(asked) > 5

    rows = list(grade_locally(scorer, PictureWhile(), stopped)(mixed))
    assert len(rows) == 5


def test_an_engine_error_reaches_the_caller(scorer, mixed):
    scorer.close()
    with pytest.raises(EngineError, match="closed"):
        list(grade_locally(scorer, PictureWhile(), never)(mixed))


def test_verifying_finds_other_bytes_behind_the_same_size_and_time(tmp_path, open_results, scorer, samples):
    paths = [tmp_path / name for name in ("same.jpg", "other.jpg", "gone.jpg")]
    for path in paths:
        path.write_bytes(samples[0].read_bytes())
        os.utime(path, ns=(1, 1))
    listed = [Listed(str(path), path.stat().st_size, 1) for path in paths]
    with open_results() as results, Decoders(preparation_of(scorer), count=2, timeout_s=60) as decoders:
        grade = grade_locally(scorer, decoders, never)
        results.take_stock(listed)
        assert finish(results, grade).scored == 3
        paths[1].write_bytes(b"\0" * listed[1].size)
        os.utime(paths[1], ns=(1, 1))
        paths[2].unlink()
        assert results.take_stock(listed).done == 3
        verified = verify(results, decoders, advance=nothing, stopped=never)
        assert (verified.read, verified.differ, verified.unreadable, verified.reopened) == (3, 1, 1, 2)
        summary = finish(results, grade)
        assert (summary.scored, summary.errors) == (0, 2)
    errors = {os.path.basename(row.path): row.error for row in rows_of(read_rows(tmp_path / "results"))}
    assert errors["same.jpg"] is None
    assert errors["gone.jpg"] == "no such file"
    assert errors["other.jpg"] is not None
