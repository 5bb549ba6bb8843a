"""Moving files aside: only what was scored, never over anything, and told beforehand."""

import errno
import json
import os
import stat

import pytest

from deepbiq.archive.moving import placing
from deepbiq.archive.moving.move_log import MoveLog, read_log
from deepbiq.archive.moving.plan import all_but_best, below, plan_moves
from deepbiq.archive.report.grouping import find_groups
from deepbiq.archive.report.records import read_records, sort_records
from deepbiq.archive.schema import table_of
from deepbiq.errors import ArchiveError
from tests.runtime.archive.moves_material import NOW, move_all, other_file_system, put, snapshot, start_moves, undo
from tests.runtime.archive.report_material import real_pictures, row_of, write_results


@pytest.fixture
def shot(tmp_path, samples):
    """A folder of pictures and its results."""
    rows = real_pictures(tmp_path / "pictures", samples)
    return tmp_path / "pictures", write_results(tmp_path / "results", rows)


def refuse_with(number):
    def rename(source, target):
        raise OSError(number, os.strerror(number))

    return rename


def test_without_apply_nothing_is_touched_and_everything_is_told(run, shot, tmp_path):
    pictures, results = shot
    before, logs = snapshot(pictures), sorted(results.glob("_moves*"))
    target = tmp_path / "aside" / "low"
    code, out, err = run(
        "archive", "report", results, "--move-below", "30", target, "--keep-best-of-burst", tmp_path / "spare"
    )
    assert code == 0
    lines = [line.split("\t") for line in out.splitlines()]
    moves = [line[1:] for line in lines if line[0] == "move"]
    assert len(moves) == 6 + 36
    assert f"{len(moves)} files would be moved; nothing was changed, --apply moves them" in err
    assert [move[1] for move in moves if float(move[2]) < 30] == [
        move[0].replace(str(pictures), str(target)) for move in moves if float(move[2]) < 30
    ]
    assert snapshot(pictures) == before
    assert not (tmp_path / "aside").exists()
    assert sorted(results.glob("_moves*")) == logs == []


def test_with_apply_files_move_and_undo_brings_back_every_byte(run, shot, tmp_path):
    pictures, results = shot
    before = snapshot(tmp_path / "pictures")
    aside = tmp_path / "aside"
    code, out, err = run("archive", "report", results, "--move-below", "60", aside, "--apply")
    moved = [line.split("\t")[1:3] for line in out.splitlines() if line.startswith("moved\t")]
    records = read_records(results, None)
    low = [path for path, score in zip(records.paths, records.scores, strict=False) if score < 60]
    assert code == 0
    assert f"{len(low)} files moved" in err
    assert len(moved) == len(low) == len(list(aside.iterdir()))
    assert not any(os.path.lexists(path) for path in low)
    (log,) = results.glob("_moves-*.jsonl")
    assert f"deepbiq archive undo {log} --apply" in err

    assert run("archive", "undo", log)[0] == 0
    assert len(list(aside.iterdir())) == len(low), "without --apply nothing moves back"
    code, out, err = run("archive", "undo", log, "--apply", "--format", "json")
    assert code == 0
    assert len(json.loads(out)["moves"]) == len(low)
    assert snapshot(pictures) == before
    assert not aside.exists()
    assert "nothing is left to undo" in run("archive", "undo", log, "--apply")[2]
    assert snapshot(pictures) == before


def test_the_best_of_each_group_stays(run, shot, tmp_path):
    _, results = shot
    records = read_records(results, None)
    best = {records.paths[group.best] for group in find_groups(records)}
    assert run("archive", "report", results, "--keep-best-of-burst", tmp_path / "spare", "--apply")[0] == 0
    assert len(best) == 8
    assert all(os.path.exists(path) for path in best)
    assert len(list((tmp_path / "spare").iterdir())) == 36


def test_paths_are_kept_below_the_folder_that_all_share(tmp_path):
    paths = [put(tmp_path / "a" / name) for name in ("x/1.jpg", "x/y/2.jpg", "z/1.jpg")]
    records = records_of_files(paths, scores=[10, 20, 30])
    moves, refused = plan_moves(records, below(records, 25, tmp_path / "t"))
    assert [move.target for move in moves] == [tmp_path / "t/x/1.jpg", tmp_path / "t/x/y/2.jpg"]
    assert refused == []
    alone = records_of_files(paths[:1], scores=[10])
    assert plan_moves(alone, below(alone, 25, tmp_path / "t"))[0][0].target == tmp_path / "t/1.jpg"


def records_of_files(paths, scores):
    rows = []
    for path, score in zip(paths, scores, strict=True):
        status = os.stat(path)
        rows.append(row_of(str(path), float(score), size=status.st_size, mtime_ns=status.st_mtime_ns))
    return sort_records(table_of(rows))


def test_what_is_not_as_it_was_scored_stays(tmp_path):
    names = ("gone", "changed", "touched", "dangling", "folder", "taken", "inside/it", "good")
    paths = [put(tmp_path / "a" / name) for name in names]
    records = records_of_files(paths, range(len(paths)))
    paths[0].unlink()
    put(paths[1], b"longer content")
    os.utime(paths[2])
    paths[3].unlink()
    paths[3].symlink_to("nowhere")
    paths[4].unlink()
    paths[4].mkdir()
    put(tmp_path / "a/inside/taken")
    remote = row_of("s3://bucket/a.jpg", 50.0, size=7)
    records = sort_records(table_of([*rows_with(records), remote]))
    moves, refused = plan_moves(records, below(records, 100, tmp_path / "a" / "inside"))
    assert [move.source.name for move in moves] == ["good"]
    assert {os.path.basename(refusal.source): refusal.reason.partition(": /")[0] for refusal in refused} == {
        "gone": "it is no longer there",
        "changed": "it has changed since it was scored",
        "touched": "it has changed since it was scored",
        "dangling": "it is a link that leads nowhere any more",
        "folder": "it has changed since it was scored",
        "taken": "something is there already",
        "it": f"it lies in {tmp_path / 'a' / 'inside'} already",
        "a.jpg": "it is remote; only local files are moved",
    }


def rows_with(records):
    from deepbiq.archive.schema import rows_of

    return list(rows_of(records.table))


def test_copies_stay_where_the_best_is_gone(tmp_path):
    paths = [put(tmp_path / "a" / name) for name in ("best", "copy")]
    rows = [row_of(str(path), score, content_hash="a" * 64, size=7, mtime_ns=path.stat().st_mtime_ns)
            for path, score in zip(paths, (50.0, 40.0), strict=True)]  # fmt: skip
    records = sort_records(table_of(rows))
    wishes = list(all_but_best(find_groups(records), tmp_path / "spare"))
    assert len(plan_moves(records, wishes)[0]) == 1
    paths[0].unlink()
    moves, refused = plan_moves(records, wishes)
    assert moves == []
    assert refused[0].reason == f"the best of its group, {paths[0]}, is not as it was: it is no longer there"


def linked(path, text):
    """A link as a picture of an archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(text)
    return path


def moved_and_refused(records, wishes):
    moves, refusals = plan_moves(records, wishes)
    return [move.source for move in moves], {refusal.source: refusal.reason for refusal in refusals}


def copies_of_one(paths, score=50.0):
    rows = [
        row_of(str(path), score, content_hash="a" * 64, size=7, mtime_ns=path.stat().st_mtime_ns) for path in paths
    ]
    return sort_records(table_of(rows))


def test_what_the_best_leads_to_stays(tmp_path):
    file, copy = put(tmp_path / "a" / "zz.jpg"), put(tmp_path / "a" / "copy.jpg")
    middle = linked(tmp_path / "a" / "middle.jpg", "zz.jpg")
    best = linked(tmp_path / "a" / "aa.jpg", middle)
    records = copies_of_one([file, copy, middle, best])
    moved, refused = moved_and_refused(records, all_but_best(find_groups(records), tmp_path / "spare"))
    assert moved == [copy]
    assert refused == dict.fromkeys([str(file), str(middle)], f"{best}, which stays, leads to it")


def test_what_the_best_leads_to_by_a_link_to_its_folder_stays(tmp_path):
    file = put(tmp_path / "shots" / "1.jpg")
    folder = linked(tmp_path / "best", "shots")
    records = copies_of_one([folder / "1.jpg", file])
    moved, refused = moved_and_refused(records, all_but_best(find_groups(records), tmp_path / "spare"))
    assert moved == []
    assert refused == {str(file): f"{folder / '1.jpg'}, which stays, leads to it"}


def test_a_link_moves_only_where_it_leads_to_its_picture_from_there(tmp_path):
    elsewhere = put(tmp_path / "elsewhere" / "1.jpg")
    inner, outer = (linked(tmp_path / "a" / name, text) for name, text in
                    (("inner.jpg", "../elsewhere/1.jpg"), ("outer.jpg", elsewhere)))  # fmt: skip
    records = copies_of_one([inner, outer])
    moved, refused = moved_and_refused(records, below(records, 60, tmp_path / "t" / "deep"))
    assert moved == [outer]
    assert refused == {
        str(inner): f"it is a link that would not lead to {elsewhere} from {tmp_path / 't' / 'deep'}"
    }


def test_a_link_moves_with_the_file_beside_it_and_undo_brings_both_back(tmp_path):
    file, link = put(tmp_path / "a" / "x" / "1.jpg"), linked(tmp_path / "a" / "y" / "link.jpg", "../x/1.jpg")
    records = copies_of_one([file, link])
    moves, refused = plan_moves(records, below(records, 60, tmp_path / "t"))
    assert refused == []
    before = snapshot(tmp_path / "a")
    log, faults = move_all(tmp_path, [(move.source, move.target) for move in moves])
    assert faults == [None, None]
    assert (tmp_path / "t" / "y" / "link.jpg").read_bytes() == b"content"
    assert undo(log) == [None, None]
    assert snapshot(tmp_path / "a") == before


def test_a_file_stays_with_its_link_where_only_one_could_move(tmp_path):
    file, link = put(tmp_path / "a" / "1.jpg"), linked(tmp_path / "a" / "link.jpg", tmp_path / "a" / "1.jpg")
    records = copies_of_one([file, link])
    moved, refused = moved_and_refused(records, below(records, 60, tmp_path / "t"))
    assert moved == []
    assert refused == {
        str(link): f"it is a link that would not lead to {file} from {tmp_path / 't'}",
        str(file): f"{link}, which stays, leads to it",
    }
    link.unlink()
    linked(link, "1.jpg")
    put(tmp_path / "t" / "link.jpg")
    moved, refused = moved_and_refused(records, below(records, 60, tmp_path / "t"))
    assert moved == []
    assert refused[str(file)] == f"{link}, which stays, leads to it"


@pytest.fixture(params=["rename", "link", "copy", "other file system"])
def way(request, monkeypatch, tmp_path):
    """Every way in which a file can get to its new name; gives the folder to move to."""
    if request.param == "other file system":
        with other_file_system(tmp_path) as folder:
            if folder is None:
                pytest.skip("there is no second file system to write to")
            yield folder / "target"
        return
    if request.param == "link":
        monkeypatch.setattr(placing, "_rename", refuse_with(errno.EINVAL))
    elif request.param == "copy":
        rename = placing._rename

        def only_in_a_folder(source, target):
            if source.parent != target.parent:
                refuse_with(errno.EXDEV)(source, target)
            rename(source, target)

        monkeypatch.setattr(placing, "_rename", only_in_a_folder)
    yield tmp_path / "target"


def test_files_and_links_move_with_their_times_and_modes(tmp_path, way):
    source = put(tmp_path / "a" / "1.jpg")
    source.chmod(0o640)
    link = tmp_path / "a" / "link.jpg"
    link.symlink_to("1.jpg")
    before = snapshot(tmp_path / "a")
    _, faults = move_all(tmp_path, [(source, way / "deep" / "1.jpg"), (link, way / "deep" / "link.jpg")])
    assert faults == [None, None]
    assert list((tmp_path / "a").iterdir()) == []
    assert list(snapshot(way / "deep").values()) == list(before.values())
    assert stat.S_IMODE((way / "deep" / "1.jpg").stat().st_mode) == 0o640
    assert (way / "deep" / "link.jpg").is_symlink()


def test_nothing_is_overwritten_and_the_others_go_on(tmp_path, way):
    sources = [put(tmp_path / "a" / name, name.encode()) for name in ("1.jpg", "2.jpg", "3.jpg")]
    put(way / "2.jpg", b"somebody else's")
    (way / "3.jpg").symlink_to("nowhere")
    log, faults = move_all(tmp_path, [(source, way / source.name) for source in sources])
    assert faults == [None, *(f"something is there already: {way / name}" for name in ("2.jpg", "3.jpg"))]
    assert (way / "2.jpg").read_bytes() == b"somebody else's"
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["2.jpg", "3.jpg"]
    assert sorted(path.name for path in way.iterdir()) == ["1.jpg", "2.jpg", "3.jpg"], "nothing temporary is left"
    assert read_log(log).outcomes[1, False].startswith("something is there already")


def test_a_file_that_changes_between_plan_and_move_stays(tmp_path, way):
    source = put(tmp_path / "a" / "1.jpg")
    log, intents = start_moves(tmp_path, [(source, way / "1.jpg")])
    put(source, b"other")
    with log:
        from deepbiq.archive.moving.moves import carry_out

        assert [fault for _, fault in carry_out(log, intents)] == ["it has changed in the meantime"]
    assert source.read_bytes() == b"other"
    assert not way.exists()


def test_a_file_that_cannot_be_taken_away_keeps_its_one_name(tmp_path, way, monkeypatch):
    source, target = put(tmp_path / "a" / "1.jpg"), way / "1.jpg"
    unlink = type(source).unlink

    def refusing(path, missing_ok=False):
        if path == source:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(type(source), "unlink", refusing)
    _, (fault,) = move_all(tmp_path, [(source, target)])
    assert source.exists() is (fault is not None)
    assert target.exists() is (fault is None)
    assert fault in (None, f"Operation not permitted: {target}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    source = put(tmp_path / "a" / "1.jpg")
    put(tmp_path / "file")
    _, (fault,) = move_all(tmp_path, [(source, tmp_path / "file" / "1.jpg")])
    assert fault.startswith(("Not a directory", "File exists"))
    assert source.exists()


def test_logs_of_one_second_have_different_names(tmp_path):
    names = []
    for _ in range(3):
        log, _ = MoveLog.create(tmp_path, NOW, [])
        log.__exit__(None, None, None)
        names.append(log.path.name)
    stem = "_moves-20260501-123045"
    assert names == [f"{stem}.jsonl", f"{stem}-2.jsonl", f"{stem}-3.jsonl"]


def test_a_log_that_cannot_be_written_moves_nothing(run, shot, tmp_path, monkeypatch):
    pictures, results = shot
    before = snapshot(pictures)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(MoveLog, "_sync", full)
    code, _, err = run("archive", "report", results, "--move-below", "60", tmp_path / "aside", "--apply")
    assert code == 2
    assert "no log can be written, so nothing is moved: No space left on device" in err
    assert snapshot(pictures) == before


def test_refused_files_end_the_command_with_a_code(run, shot, tmp_path):
    pictures, results = shot
    for path in pictures.iterdir():
        os.utime(path)
    code, _, err = run("archive", "report", results, "--move-below", "10", tmp_path / "aside", "--apply")
    assert code == 2
    assert "two\\nlines.jpg stays: it has changed since it was scored" in err
    assert "0 files moved; 6 files stay" in err


@pytest.mark.parametrize(
    "content", [b"short", b"{}\n", b'{"event": "moves", "version": 2}\n', b"no json\n", b"[1]\n"]
)
def test_other_files_are_no_logs(tmp_path, content):
    (tmp_path / "log").write_bytes(content)
    with pytest.raises(ArchiveError, match="log"):
        read_log(tmp_path / "log")
