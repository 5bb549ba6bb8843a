import dataclasses
import json
import os
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepbiq.archive.results import Results, Stock, read_rows
from deepbiq.archive.row import Facts, Listed
from deepbiq.archive.schema import SCHEMA, rows_of
from deepbiq.errors import ArchiveError
from tests.runtime.archive.results_material import (
    OTHER_MODEL,
    YARDSTICK,
    a_failure,
    a_row,
    an_input,
    run_once,
    score_pending,
)

INPUTS = [an_input(number) for number in range(23)]
PATHS = [listed.path for listed in INPUTS]


def shard_names(folder):
    return sorted(path.name for path in folder.glob("rows-*.parquet"))


def stored_paths(folder):
    """The paths of all rows, superseded ones included."""
    return [path for name in shard_names(folder) for path in pq.read_table(folder / name)["path"].to_pylist()]


def test_every_input_gets_one_row_in_the_order_of_the_source(tmp_path):
    with Results.open(tmp_path / "deep" / "results", YARDSTICK) as results:
        assert results.take_stock(INPUTS) == Stock(inputs=23, named_twice=0, done=0)
        assert score_pending(results) == PATHS
    table = read_rows(tmp_path / "deep" / "results")
    assert list(rows_of(table)) == [a_row(listed) for listed in INPUTS]


def test_a_second_call_has_nothing_to_do_and_changes_nothing(tmp_path):
    run_once(tmp_path, INPUTS)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.parquet")}
    with Results.open(tmp_path, YARDSTICK) as results:
        assert results.take_stock(INPUTS) == Stock(inputs=23, named_twice=0, done=23)
        assert score_pending(results) == []
        results.settle()
    assert {path: path.read_bytes() for path in tmp_path.glob("*.parquet")} == before


def test_the_folder_is_one_parquet_data_set(tmp_path):
    run_once(tmp_path, INPUTS)
    assert pq.read_table(tmp_path).num_rows == 23
    others = [path.name for path in tmp_path.iterdir() if path.suffix != ".parquet"]
    assert all(name.startswith("_") for name in others)


def test_a_path_that_is_named_twice_is_counted_and_scored_once(tmp_path):
    with Results.open(tmp_path, YARDSTICK) as results:
        assert results.take_stock([*INPUTS, *INPUTS[:3]]) == Stock(inputs=23, named_twice=3, done=0)
        assert score_pending(results) == PATHS


@pytest.mark.parametrize(
    "changed",
    [{"size": 7}, {"mtime_ns": 1_700_000_000_123_456_790}, {"size": None}, {"mtime_ns": None}],
)
def test_a_file_that_changed_is_scored_again_and_its_old_row_goes(tmp_path, changed):
    run_once(tmp_path, INPUTS)
    inputs = [dataclasses.replace(INPUTS[0], **changed), *INPUTS[1:]]
    with Results.open(tmp_path, YARDSTICK) as results:
        assert results.take_stock(inputs).done == 22
        assert score_pending(results, row_of=lambda listed: a_row(listed, score=77.0)) == [PATHS[0]]
        assert read_rows(tmp_path, ["score"])["score"].to_pylist().count(77.0) == 1
        assert len(stored_paths(tmp_path)) == 24
        results.settle()
    assert sorted(stored_paths(tmp_path)) == PATHS
    assert read_rows(tmp_path).num_rows == 23


def test_a_shard_of_superseded_rows_alone_is_removed_and_its_number_not_used_again(tmp_path):
    run_once(tmp_path, INPUTS)
    run_once(tmp_path, [an_input(number, version=number < 5) for number in range(23)])
    assert shard_names(tmp_path) == [f"rows-{number:06d}.parquet" for number in (2, 3, 4, 5, 6)]
    run_once(tmp_path, [*INPUTS, an_input(99)])
    assert shard_names(tmp_path)[-1] == "rows-000008.parquet"


def test_what_is_stored_outlives_inputs_that_are_not_named_any_more(tmp_path):
    run_once(tmp_path, INPUTS)
    run_once(tmp_path, [an_input(100)])
    assert read_rows(tmp_path).num_rows == 24


def test_a_file_that_could_not_be_read_is_tried_again_and_the_same_outcome_changes_nothing(tmp_path):
    inputs = [Listed("/gone.jpg"), Listed("/locked.jpg", 5, 6)]
    with Results.open(tmp_path, YARDSTICK) as results:
        results.take_stock(inputs)
        assert score_pending(results, row_of=a_failure) == ["/gone.jpg", "/locked.jpg"]
    with Results.open(tmp_path, YARDSTICK) as results:
        assert results.take_stock(inputs).done == 0
        assert score_pending(results, row_of=a_failure) == ["/gone.jpg", "/locked.jpg"]
        results.settle()
    assert shard_names(tmp_path) == ["rows-000001.parquet"]
    with Results.open(tmp_path, YARDSTICK) as results:
        results.take_stock(inputs)
        results.append([a_failure(inputs[0], "no permission to read it"), a_failure(inputs[1])])
        results.settle()
    assert dict(zip(*read_rows(tmp_path, ["path", "error"]).to_pydict().values(), strict=True)) == {
        "/gone.jpg": "no permission to read it",
        "/locked.jpg": "no such file",
    }
    assert len(stored_paths(tmp_path)) == 2


def test_a_failure_after_a_score_is_stored(tmp_path):
    run_once(tmp_path, INPUTS[:1])
    with Results.open(tmp_path, YARDSTICK) as results:
        changed = an_input(0, version=1)
        results.take_stock([changed])
        results.append([a_failure(changed)])
    assert read_rows(tmp_path, ["error"])["error"].to_pylist() == ["no such file"]


def test_a_broken_picture_that_was_read_is_done(tmp_path):
    broken = dataclasses.replace(a_row(INPUTS[0]), score=None, label=None, spread=None, error="it is cut off")
    with Results.open(tmp_path, YARDSTICK) as results:
        results.take_stock(INPUTS[:1])
        results.append([broken])
    with Results.open(tmp_path, YARDSTICK) as results:
        assert results.take_stock(INPUTS[:1]).done == 1


def test_verifying_looks_at_what_is_done_and_gives_it_again_where_it_differs(tmp_path):
    run_once(tmp_path, INPUTS[:20])
    with Results.open(tmp_path, YARDSTICK) as results:
        results.take_stock(INPUTS)
        done = list(results.done())
        assert done == [(listed, a_row(listed).facts.content_hash) for listed in INPUTS[:20]]
        for listed, _ in results.done():
            if listed.path in PATHS[3:5]:
                results.reopen(listed.path)
        results.settle()
        assert score_pending(results) == PATHS[3:5] + PATHS[20:]
        results.settle()
    assert sorted(stored_paths(tmp_path)) == PATHS


def test_reopening_loses_no_row_when_the_call_ends_before_it_is_scored_again(tmp_path):
    run_once(tmp_path, INPUTS)
    with Results.open(tmp_path, YARDSTICK) as results:
        results.take_stock(INPUTS)
        results.reopen(PATHS[0])
        results.settle()
    assert read_rows(tmp_path).num_rows == 23


def test_more_inputs_than_a_page_are_given_once_each(tmp_path):
    inputs = [an_input(number) for number in range(2345)]
    with Results.open(tmp_path, YARDSTICK) as results:
        results.take_stock(inputs)
        assert score_pending(results, shard_rows=999) == [listed.path for listed in inputs]
        assert list(results.pending()) == []
        assert len(list(results.done())) == 2345


def test_pending_may_be_read_by_another_thread(tmp_path):
    inputs = [an_input(number) for number in range(3000)]
    with Results.open(tmp_path, YARDSTICK) as results:
        results.take_stock(inputs)
        listed = []
        reader = threading.Thread(target=lambda: listed.extend(results.pending()))
        reader.start()
        for start in range(0, 300, 10):
            results.append([a_row(other) for other in inputs[start : start + 10]])
        reader.join()
    assert {other.path for other in inputs[300:]} <= {other.path for other in listed}
    assert read_rows(tmp_path).num_rows == 300


odd_paths = st.lists(st.binary(min_size=1, max_size=12).map(os.fsdecode), unique=True, max_size=8)


@settings(max_examples=20)  # each one is a folder with fsyncs
@given(odd_paths)
def test_paths_may_hold_any_bytes(tmp_path_factory, paths):
    folder = tmp_path_factory.mktemp("results")
    inputs = [Listed(path, 1, 2) for path in paths]
    run_once(folder, inputs, shard_rows=3)
    assert [row.path for row in rows_of(read_rows(folder))] == paths
    with Results.open(folder, YARDSTICK) as results:
        assert results.take_stock(inputs) == Stock(len(paths), 0, len(paths))
        assert [listed.path for listed, _ in results.done()] == paths


def test_the_folder_may_have_any_bytes_in_its_name(tmp_path):
    folder = tmp_path / os.fsdecode(b"r\xff \x0a")
    run_once(folder, INPUTS)
    assert read_rows(folder).num_rows == 23


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30), st.integers(1, 4))
def test_the_newest_row_of_a_path_holds_whatever_came_before(tmp_path_factory, events, shard_rows):
    folder = tmp_path_factory.mktemp("results")
    expected = {}
    with Results.open(folder, YARDSTICK) as results:
        results.take_stock([an_input(number) for number in range(6)])
        for start in range(0, len(events), shard_rows):
            events_of_shard = events[start : start + shard_rows]
            rows = [
                a_row(an_input(number), score=float(start + place))
                for place, (number, _) in enumerate(events_of_shard)
            ]
            results.append(rows)
            expected |= {row.path: row.score for row in rows}
            if any(settles for _, settles in events_of_shard):
                results.settle()
        newest = read_rows(folder, ["path", "score"]).to_pydict()
        results.settle()
    assert dict(zip(newest["path"], newest["score"], strict=True)) == expected
    assert len(newest["path"]) == len(expected)
    assert sorted(stored_paths(folder)) == sorted(expected)


def test_two_runs_on_one_folder(tmp_path):
    with Results.open(tmp_path, YARDSTICK), pytest.raises(ArchiveError, match=f"process {os.getpid()} on"):
        Results.open(tmp_path, YARDSTICK)
    Results.open(tmp_path, YARDSTICK).close()


def test_another_model_is_refused_or_put_beside(tmp_path):
    run_once(tmp_path, INPUTS)
    with pytest.raises(ArchiveError, match=r"scores of tiny@\w+, not of other@\w+: --new-model"):
        Results.open(tmp_path, OTHER_MODEL)
    with Results.open(tmp_path, OTHER_MODEL, new_model=True) as results:
        assert results.take_stock(INPUTS[:9]).done == 0
        results.append([a_row(listed, score=1.0, yardstick=OTHER_MODEL) for listed in INPUTS[:9]])
        results.settle()
    assert read_rows(tmp_path).num_rows == 9
    assert read_rows(tmp_path, model=YARDSTICK.model).num_rows == 23
    with pytest.raises(ArchiveError, match="no scores of none, only of tiny@0123456789ab, other@ba9876543210"):
        read_rows(tmp_path, model="none")
    for yardstick, done in ((YARDSTICK, 23), (OTHER_MODEL, 9)):
        (tmp_path / "_journal.sqlite").unlink()
        with Results.open(tmp_path, yardstick) as results:
            assert results.take_stock(INPUTS).done == done


@pytest.mark.parametrize("new_model", [False, True])
def test_the_same_model_with_other_options_is_refused(tmp_path, new_model):
    run_once(tmp_path, INPUTS)
    other = dataclasses.replace(YARDSTICK, plan="grid:25", precision="int8")
    with pytest.raises(
        ArchiveError, match=r"made with plan dense, precision fp32, .* plan grid:25, precision int8"
    ):
        Results.open(tmp_path, other, new_model=new_model)


@pytest.mark.parametrize("inputs", [[], INPUTS], ids=["nothing to score", "killed before the first rows"])
def test_a_call_without_rows_binds_nobody(tmp_path, inputs):
    with Results.open(tmp_path, dataclasses.replace(YARDSTICK, plan="whole")) as results:
        results.take_stock(inputs)
    with pytest.raises(ArchiveError, match="no scores of other"):
        read_rows(tmp_path, model=OTHER_MODEL.model)
    with Results.open(tmp_path, OTHER_MODEL) as results:
        results.append([a_row(listed, yardstick=OTHER_MODEL) for listed in INPUTS[:3]])
    with Results.open(tmp_path, YARDSTICK, new_model=True) as results:
        results.take_stock(inputs)
    assert read_rows(tmp_path).num_rows == 3
    with Results.open(tmp_path, dataclasses.replace(YARDSTICK, plan="grid:9"), new_model=True) as results:
        assert results.take_stock(INPUTS).done == 0
    with pytest.raises(ArchiveError, match="holds scores of other@ba9876543210, not of tiny"):
        Results.open(tmp_path, YARDSTICK)


def test_a_row_of_another_yardstick_is_refused(tmp_path):
    with Results.open(tmp_path, YARDSTICK) as results:
        other = dataclasses.replace(YARDSTICK, precision="fp16")
        with pytest.raises(ArchiveError, match="with precision fp16 and not with precision fp32"):
            results.append([a_row(INPUTS[0]), a_row(INPUTS[1], yardstick=other)])
    assert shard_names(tmp_path) == []


def test_a_folder_of_somebody_else_is_refused_and_left_alone(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "theirs.parquet")
    with pytest.raises(ArchiveError, match=r"holds theirs\.parquet but no _archive\.json"):
        Results.open(tmp_path, YARDSTICK)
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.parquet"]


def test_another_schema_version_is_refused(tmp_path):
    run_once(tmp_path, INPUTS)
    head = tmp_path / "_archive.json"
    head.write_text(json.dumps(json.loads(head.read_text()) | {"schema": 2}))
    for use in (lambda: Results.open(tmp_path, YARDSTICK), lambda: read_rows(tmp_path)):
        with pytest.raises(ArchiveError, match="results of schema 2, this deepbiq knows 1"):
            use()


@pytest.mark.parametrize("text", ["", "[]", "{}", "\xff", '{"schema": 1, "yardsticks": [{"model": "x"}]}'])
def test_a_damaged_head_is_refused(tmp_path, text):
    run_once(tmp_path, INPUTS)
    (tmp_path / "_archive.json").write_text(text, encoding="latin-1")
    with pytest.raises(ArchiveError, match=r"_archive\.json is damaged"):
        Results.open(tmp_path, YARDSTICK)


def test_shards_that_cannot_be_ours_are_refused_by_name(tmp_path):
    run_once(tmp_path, INPUTS)
    torn = tmp_path / "rows-000009.parquet"
    torn.write_bytes((tmp_path / "rows-000001.parquet").read_bytes()[:-100])
    for use in (lambda: Results.open(tmp_path, YARDSTICK), lambda: read_rows(tmp_path)):
        with pytest.raises(ArchiveError, match=r"rows-000009\.parquet is damaged"):
            use()
    pq.write_table(pa.table({"x": [1]}), torn)
    with pytest.raises(ArchiveError, match=r"rows-000009\.parquet has other columns"):
        Results.open(tmp_path, YARDSTICK)
    torn.unlink()
    Results.open(tmp_path, YARDSTICK).close()


def test_a_shard_of_a_model_that_the_head_does_not_know_is_refused(tmp_path):
    run_once(tmp_path / "mine", INPUTS)
    with Results.open(tmp_path / "theirs", OTHER_MODEL) as results:
        results.append([a_row(INPUTS[0], yardstick=OTHER_MODEL)])
    (tmp_path / "theirs" / "rows-000001.parquet").rename(tmp_path / "mine" / "rows-000077.parquet")
    with pytest.raises(ArchiveError, match=r"rows-000077\.parquet has rows of other@ba9876543210"):
        Results.open(tmp_path / "mine", YARDSTICK)


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArchiveError, match="file is a file: results need a folder"):
        Results.open(tmp_path / "file", YARDSTICK)
    with pytest.raises(ArchiveError, match="cannot hold results: Not a directory"):
        Results.open(tmp_path / "file" / "results", YARDSTICK)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir(mode=0o500)
    with pytest.raises(ArchiveError, match="cannot hold results: Permission denied"):
        Results.open(folder, YARDSTICK)


def test_reading_what_is_no_results_folder(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ArchiveError, match="is no results folder"):
            read_rows(folder)
    assert list(tmp_path.iterdir()) == []


def test_reading_some_columns_gives_them_in_the_order_asked_for(tmp_path):
    with Results.open(tmp_path, YARDSTICK):
        pass
    assert read_rows(tmp_path).schema.equals(SCHEMA)
    run_once(tmp_path, INPUTS)
    assert read_rows(tmp_path, ["score", "path"]).column_names == ["score", "path"]
    assert read_rows(tmp_path).schema.equals(SCHEMA, check_metadata=True)


def test_a_run_that_settles_while_its_rows_are_read_hides_none(tmp_path, monkeypatch):
    run_once(tmp_path, INPUTS)
    changed = [an_input(number, version=1) for number in range(23)]
    from deepbiq.archive import reading

    read_shard, calls = reading.read_shard, []

    def read_while_another_call_runs(shard, columns):
        if not calls:
            run_once(tmp_path, changed)
        calls.append(shard)
        return read_shard(shard, columns)

    monkeypatch.setattr(reading, "read_shard", read_while_another_call_runs)
    table = read_rows(tmp_path)
    assert sorted(table["path"].to_pylist()) == PATHS
    assert {row.facts.mtime_ns for row in rows_of(table)} == {changed[0].mtime_ns}


def test_a_folder_that_never_stays_as_it_is_read_is_told(tmp_path, monkeypatch):
    run_once(tmp_path, INPUTS)

    def touch_and_read(shard, columns):
        os.utime(shard.path, ns=(0, shard.mtime_ns + 1))
        return pa.table({})

    monkeypatch.setattr("deepbiq.archive.reading.read_shard", touch_and_read)
    with pytest.raises(ArchiveError, match="changes faster than it can be read"):
        read_rows(tmp_path)


def test_rows_that_may_not_be_read_are_told(tmp_path, monkeypatch):
    run_once(tmp_path, INPUTS)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    # Not by chmod: the tests may run as a user who may read everything.
    monkeypatch.setattr("deepbiq.archive.reading.read_shard", refuse)
    with pytest.raises(ArchiveError, match="cannot be read: Permission denied"):
        read_rows(tmp_path)


def test_facts_without_anything_are_a_row_too(tmp_path):
    with Results.open(tmp_path, YARDSTICK) as results:
        results.take_stock([Listed("/x", fault="no permission to list it")])
        assert list(results.pending()) == [Listed("/x", fault="no permission to list it")]
        results.append([dataclasses.replace(a_failure(Listed("/x")), facts=Facts())])
    assert next(rows_of(read_rows(tmp_path))).facts == Facts()
