import csv
import errno
import io
import json
import os
import shutil
import stat

import cv2
import pytest

from deepbiq.errors import EngineError
from deepbiq.scorer import Scorer


def rows(stdout):
    return [json.loads(line) for line in stdout.splitlines()]


@pytest.fixture
def score(run, tiny_bundle):
    return lambda *arguments, stdin=None: run("score", "--bundle", tiny_bundle, *arguments, stdin=stdin)


def test_jsonl_has_the_contracts_keys(score, photos):
    code, stdout, stderr = score(photos / "b.png", "--format", "jsonl")
    (row,) = rows(stdout)
    assert code == 0
    assert stderr == ""
    assert row["path"] == str(photos / "b.png")
    assert row["score"] == pytest.approx(40, abs=1e-3)
    assert (row["label"], row["plan"], row["engine"], row["precision"], row["error"]) == (
        "poor", "dense", "onnxruntime", "fp32", None,
    )  # fmt: skip
    assert set(row["ms"]) == {"decode", "sample", "infer", "regress", "total"}
    assert row["ms"]["total"] == pytest.approx(sum(row["ms"].values()) - row["ms"]["total"], abs=0.01)


def test_all_formats_say_the_same(score, photos):
    paths = [photos / "a.png", photos / "missing.png", photos / "b.png"]
    found = {}
    for fmt in ("json", "jsonl", "csv", "text"):
        code, stdout, stderr = score(*paths, "--format", fmt)
        assert code == 3
        found[fmt] = stdout
        assert ("missing.png" in stderr) == (fmt == "text")
    jsonl = rows(found["jsonl"])
    assert [{k: v for k, v in row.items() if k != "ms"} for row in json.loads(found["json"])] == [
        {k: v for k, v in row.items() if k != "ms"} for row in jsonl
    ]
    table = list(csv.DictReader(io.StringIO(found["csv"])))
    assert [row["path"] for row in table] == [row["path"] for row in jsonl] == [str(path) for path in paths]
    assert float(table[2]["score"]) == jsonl[2]["score"]
    assert "missing.png" in table[1]["error"]
    assert [line.split()[0] for line in found["text"].splitlines()] == ["0.0", "40.0"]


@pytest.mark.parametrize(
    ("threshold", "code"), [("0", 0), ("39.9", 1), ("100", 1)], ids=["pass", "one below", "both below"]
)
def test_min_score_decides_the_exit_code(score, photos, threshold, code):
    assert score(photos / "deeper" / "c.PNG", photos / "b.png", "--min-score", threshold)[0] == (
        0 if threshold == "39.9" else code
    )
    assert score(photos / "a.png", photos / "b.png", "--min-score", threshold)[0] == code


def test_an_unreadable_picture_outranks_a_low_score(score, photos):
    assert score(photos / "a.png", photos / "missing.png", "--min-score", "50")[0] == 3


def test_folders_and_globs(score, photos):
    flat = rows(score(photos, "--format", "jsonl")[1])
    deep = rows(score(photos, "--recursive", "--format", "jsonl")[1])
    glob = rows(score(photos / "*.png", "--format", "jsonl")[1])
    anywhere = rows(score(photos / "**" / "*.PNG", "--format", "jsonl")[1])
    names = [[os.path.relpath(row["path"], photos) for row in found] for found in (flat, deep, glob, anywhere)]
    assert names == [["a.png", "b.png"], ["a.png", "b.png", "deeper/c.PNG"], ["a.png", "b.png"], ["deeper/c.PNG"]]


def test_a_file_that_looks_like_a_glob_is_a_file(score, photos):
    odd = photos / "b [1].png"
    (photos / "b.png").rename(odd)
    assert rows(score(odd, "--format", "jsonl")[1])[0]["path"] == str(odd)


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\0"])
def test_a_list_on_standard_input(score, photos, separator):
    listed = separator.join([str(photos / "b.png"), str(photos / "a.png"), ""])
    code, stdout, _ = score("-", "--format", "jsonl", stdin=listed)
    assert code == 0
    assert [row["score"] for row in rows(stdout)] == pytest.approx([40, 0], abs=1e-3)


def test_names_with_a_line_break_survive_a_nul_list(score, photos):
    odd = photos / "two\nlines.png"
    (photos / "b.png").rename(odd)
    (row,) = rows(score("-", "--format", "jsonl", stdin=f"{odd}\0")[1])
    assert row["path"] == str(odd)
    assert row["error"] is None


def test_names_that_are_no_text_are_scored_and_printed(score, photos):
    odd = os.fsdecode(os.fsencode(photos) + b"/\xff\xfe.png")
    os.rename(photos / "b.png", odd)
    for fmt in ("text", "json", "jsonl", "csv"):
        code, stdout, _ = score(photos, "--format", fmt)
        assert code == 0
        assert "40" in stdout
    assert odd in [row["path"] for row in rows(score(photos, "--format", "jsonl")[1])]


@pytest.mark.parametrize("what", ["empty folder", "empty list", "no match", "no argument"])
def test_nothing_to_score_is_a_usage_error(score, tmp_path, what):
    (tmp_path / "empty").mkdir()
    argument = {"empty folder": tmp_path / "empty", "empty list": "-", "no match": tmp_path / "*.jpg"}.get(what)
    code, stdout, stderr = score(*([argument] if argument else []), stdin="")
    assert code == 2
    assert stdout == ""
    assert stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--plan", "sparse"], ["--pool", "median"], ["--scale", "0.5"], ["--min-score", "101"],
        ["--min-score", "nan"],
        ["--format", "xml"], ["--threads", "0"], ["--unknown"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_unknown_options_are_usage_errors(score, photos, options):
    code, stdout, stderr = score(photos, *options)
    assert code == 2
    assert stdout == ""
    assert options[0].lstrip("-") in stderr


@pytest.mark.parametrize("options", [["--engine", "tensorrt"], ["--precision", "int8"]], ids=" ".join)
def test_what_the_bundle_or_machine_lacks_is_exit_code_4(score, photos, options):
    code, stdout, stderr = score(photos, *options)
    assert code == 4
    assert stdout == ""
    assert options[1] in stderr
    assert "Traceback" not in stderr


def test_a_damaged_bundle_is_exit_code_4(run, tiny_bundle, photos):
    (tiny_bundle / "features.onnx").write_bytes(b"")
    code, stdout, stderr = run("score", "--bundle", tiny_bundle, photos)
    assert (code, stdout) == (4, "")
    assert "features.onnx" in stderr
    assert stderr.count("\n") == 1


def bad_files(folder):
    """One file for each way in which a file is no picture."""
    good = (folder / "b.png").read_bytes()
    os.mkfifo(folder / "pipe.png")
    (folder / "dir.png").mkdir()
    (folder / "loop.png").symlink_to(folder / "loop.png")
    files = {
        "empty.png": b"",
        "text.jpg": b"hello, I am no picture\n" * 50,
        "cut.png": good[:-20],
        "crc.png": good[:40] + bytes([good[40] ^ 1]) + good[41:],
        "huge.png": good[:16] + (60_000).to_bytes(4, "big") * 2 + good[24:],
        "film.gif": b"GIF89a" + bytes(100),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    cv2.imwrite(str(folder / "small.png"), cv2.imread(str(folder / "b.png"))[:63])
    return [folder / name for name in (*files, "small.png", "pipe.png", "dir.png/x.png", "loop.png", "missing.png")]


def test_every_bad_file_is_one_clear_line_and_the_others_are_scored(score, photos):
    bad = bad_files(photos)
    mixed = [path for item in bad for path in (item, photos / "b.png")]
    code, stdout, stderr = score(*mixed)
    lines = stderr.splitlines()
    assert code == 3
    assert len(lines) == len(bad)
    for path, line in zip(bad, lines, strict=True):
        assert str(path) in line
        assert len(line) > len(str(path)) + 15
    assert len(stdout.splitlines()) == len(bad)
    _, stdout, _ = score(*mixed, "--format", "jsonl")
    assert [row["error"] is None for row in rows(stdout)] == [False, True] * len(bad)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(score, photos):
    (photos / "a.png").chmod(0)
    code, _, stderr = score(photos / "a.png", photos / "b.png")
    assert code == 3
    assert "ermission" in stderr


@pytest.fixture
def locked(photos, monkeypatch):
    """The folder `deeper` of the photos, which nobody may list, not even root."""
    folder = photos / "deeper"
    listed, looked_at = os.scandir, os.lstat

    def scandir(path):
        if os.path.abspath(path) == str(folder):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listed(path)

    def lstat(path, **options):
        if os.path.dirname(os.path.abspath(path)) == str(folder):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return looked_at(path, **options)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "lstat", lstat)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [[".", "-r"], ["*/*.PNG", "a.png"], ["**/*.png"], ["**/c.PNG", "a.png"], ["*/c.PNG", "a.png"]],
    ids=" ".join,
)
def test_a_folder_that_cannot_be_listed_is_a_fault_and_the_others_are_scored(
    score, photos, locked, arguments, monkeypatch
):
    monkeypatch.chdir(photos)
    code, stdout, stderr = score(*arguments)
    assert code == 3
    assert any("deeper" in line and "Permission denied" in line for line in stderr.splitlines())
    assert "a.png" in stdout


def test_a_folder_alone_that_cannot_be_listed_is_not_called_empty(score, locked):
    code, stdout, stderr = score(locked)
    assert (code, stdout) == (3, "")
    assert stderr == f"deepbiq: {locked}: it cannot be read: Permission denied\n"


def test_a_glob_names_what_is_no_readable_file_and_passes_over_folders(score, photos):
    (photos / "gone.png").symlink_to(photos / "nowhere")
    (photos / "folder.png").mkdir()
    code, stdout, stderr = score(photos / "*.png")
    assert code == 3
    assert len(stdout.splitlines()) == 2
    assert stderr == f"deepbiq: {photos / 'gone.png'}: no such file\n"


def test_a_pattern_that_matches_nothing_is_a_missing_file_where_others_are_scored(score, photos):
    code, stdout, stderr = score(photos / "[12].png", photos / "b.png")
    assert code == 3
    assert "b.png" in stdout
    assert stderr == f"deepbiq: nothing matches {photos / '[12].png'}\n"


def test_a_pattern_that_matches_only_folders_says_so(score, photos):
    code, _, stderr = score(photos / "deep*")
    assert code == 2
    assert f"nothing matches {photos / 'deep*'} but folders" in stderr


def test_maps_are_written_for_every_picture(score, photos, tmp_path):
    (photos / "b.png").rename(photos / "deeper" / "a.png")
    maps = tmp_path / "maps" / "here"
    assert score(photos, "--recursive", "--map", maps)[0] == 0
    assert sorted(path.name for path in maps.iterdir()) == ["a.png.2.map.png", "a.png.map.png", "c.PNG.map.png"]
    assert cv2.imread(str(maps / "a.png.map.png")).shape == (100, 130, 3)
    assert stat.S_IMODE((maps / "a.png.map.png").stat().st_mode) & 0o444


def test_maps_of_pictures_with_long_names_are_written(score, photos, tmp_path):
    for name in ("a" * 251 + ".png", "é" * 125 + "1.png", "é" * 125 + "2.png"):
        shutil.copy(photos / "b.png", photos / name)
    maps = tmp_path / "maps"
    assert score(photos, "--map", maps)[0] == 0
    names = [
        "a.png.map.png",
        "a" * 200 + ".map.png",
        "b.png.map.png",
        *["é" * 100 + end for end in (".2.map.png", ".map.png")],
    ]
    assert sorted(path.name for path in maps.iterdir()) == sorted(names)


def test_a_map_that_cannot_be_written_is_one_line_and_the_others_are_scored(score, photos, tmp_path):
    maps = tmp_path / "maps"
    (maps / "a.png.map.png").mkdir(parents=True)
    code, stdout, stderr = score(photos, "--map", maps, "--format", "json")
    assert code == 2
    assert [row["error"] for row in json.loads(stdout)] == [None, None]
    assert stderr == (
        f"deepbiq: {photos / 'a.png'}: its map {maps / 'a.png.map.png'} cannot be written: Is a directory\n"
    )
    assert (maps / "b.png.map.png").is_file()
    assert score(photos, "--map", maps, "--min-score", "20")[0] == 1
    assert score(photos, "missing.png", "--map", maps)[0] == 3


def test_json_is_closed_where_the_engine_fails(score, photos, monkeypatch):
    streamed = Scorer.stream

    def failing(scorer, pictures, **options):
        yield next(streamed(scorer, pictures, **options))
        raise EngineError("out of memory")

    monkeypatch.setattr(Scorer, "stream", failing)
    code, stdout, _ = score(photos, "--format", "json")
    assert code == 4
    assert [row["path"] for row in json.loads(stdout)] == [str(photos / "a.png")]


def test_a_map_folder_that_cannot_be_made_is_a_usage_error(score, photos):
    code, _, stderr = score(photos, "--map", photos / "a.png" / "maps")
    assert code == 2
    assert "--map" in stderr


def test_options_reach_the_scorer(score, photos):
    (row,) = rows(score(photos / "b.png", "--plan", "grid:4", "--pool", "feature-max", "--format", "jsonl")[1])
    assert (row["plan"], row["pool"]) == ("grid:4", "feature-max")
