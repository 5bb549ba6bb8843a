"""`deepbiq archive` from its options to its table, on one machine."""

import json
import os
import shlex
import signal
import struct
import subprocess
import sys
import time
import zlib
from functools import partial

import cv2
import numpy as np
import pytest

from deepbiq.archive.results import read_rows
from deepbiq.archive.schema import rows_of

ODD_NAME = b"caf\xe9\n.jpg"


@pytest.fixture
def archive(run, tiny_bundle, tmp_path):
    """Calls `deepbiq archive` with the tiny bundle; returns its code, its summary as an object, and its stderr."""

    def call(*arguments, stdin=None):
        results = tmp_path / "results"
        options = ["--out", results, "--bundle", tiny_bundle, "--decoders", 2, "--format", "json"]
        code, stdout, stderr = run("archive", *arguments, *options, stdin=stdin)
        return code, json.loads(stdout) if stdout else None, stderr

    call.folder = tmp_path / "results"
    return call


def table(folder):
    return {row.path: row for row in rows_of(read_rows(folder))}


def shards(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.glob("rows-*.parquet")}


def zip_bomb():
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


def test_every_input_has_its_row_bad_ones_included(archive, samples, photos):
    good = samples[0].read_bytes()
    (photos / "cut.jpg").write_bytes(good[: len(good) // 2])
    (photos / "empty.jpg").touch()
    (photos / "text.jpg").write_text("no picture")
    (photos / "bomb.png").write_bytes(zip_bomb())
    (photos / "broken-link.jpg").symlink_to("nowhere")
    os.mkfifo(photos / "pipe.jpg")
    odd = os.fsdecode(os.fsencode(photos) + b"/" + ODD_NAME)
    with open(odd, "wb") as file:
        file.write(good)
    folder = photos / "folder.jpg"
    folder.mkdir()
    missing = photos / "missing.jpg"
    listed = "\n".join(map(str, (folder, missing))) + "\n"

    code, summary, stderr = archive(photos, "-", stdin=listed)
    assert code == 0
    rows = table(archive.folder)
    errors = {os.path.basename(path): row.error for path, row in rows.items() if row.error is not None}
    assert {name: error.partition(":")[0].partition(" (")[0] for name, error in errors.items()} == {
        "cut.jpg": errors["cut.jpg"].partition(":")[0].partition(" (")[0],
        "empty.jpg": "empty",
        "text.jpg": "no picture but text",
        "bomb.png": "its size of 30000x30000 is 900.0 megapixels, the limit is 100",
        "broken-link.jpg": "no such file",
        "pipe.jpg": "it is a pipe, not a file",
        "folder.jpg": "it is a directory, not a file",
        "missing.jpg": "no such file",
    }
    scores = {os.path.relpath(path, photos): row.score for path, row in rows.items() if row.error is None}
    assert scores.pop(os.path.basename(odd)) > 0
    assert scores == {"a.png": pytest.approx(0), "b.png": pytest.approx(40), "deeper/c.PNG": pytest.approx(100)}
    assert (summary["inputs"], summary["scored"], summary["errors"], summary["done_before"]) == (12, 4, 8, 0)
    assert "scoring: 12 of 12" in stderr

    before = shards(archive.folder)
    code, summary, _ = archive(photos, "-", stdin=listed)
    assert code == 0
    assert (summary["scored"], summary["done_before"]) == (0, 7)  # what was not readable is tried again, in vain
    assert shards(archive.folder) == before


def test_a_changed_file_replaces_its_row(archive, photos):
    archive(photos)
    cv2.imwrite(str(photos / "a.png"), np.full((100, 130, 3), 255, np.uint8))
    code, summary, _ = archive(photos)
    assert (code, summary["scored"], summary["done_before"]) == (0, 1, 2)
    rows = table(archive.folder)
    assert len(rows) == 3
    assert rows[str(photos / "a.png")].score == pytest.approx(100)


def test_a_new_file_is_added_and_a_file_named_twice_is_scored_once(archive, photos):
    archive(photos / "a.png")
    code, summary, _ = archive(photos / "a.png", photos, photos / "deeper")
    assert (code, summary["inputs"], summary["named_twice"]) == (0, 3, 2)
    assert (summary["scored"], summary["done_before"]) == (2, 1)


def test_verify_scores_again_what_holds_other_bytes(archive, photos):
    archive(photos)
    path = photos / "a.png"
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert archive(photos)[1]["scored"] == 0
    code, summary, _ = archive(photos, "--verify")
    assert (code, summary["verified"]) == (0, {"read": 3, "differ": 1, "unreadable": 0})
    assert (summary["done_before"], summary["errors"]) == (2, 1)


def test_lists_as_sources(archive, photos, tmp_path):
    lines = tmp_path / "paths.csv"
    lines.write_text(f"name,file\nfirst,{photos / 'a.png'}\nsecond,{photos / 'b.png'}\n")
    code, summary, _ = archive(lines, "--column", "file")
    assert (code, summary["scored"]) == (0, 2)


def test_nothing_to_score_and_no_source(archive, tmp_path):
    (tmp_path / "empty").mkdir()
    code, summary, stderr = archive(tmp_path / "empty")
    assert (code, summary) == (2, None)
    assert "nothing to score" in stderr
    code, summary, stderr = archive(tmp_path / "nowhere")
    assert (code, summary) == (2, None)
    assert "nowhere" in stderr


@pytest.mark.parametrize("source", ["empty", "nowhere"])
def test_a_call_that_had_nothing_to_score_does_not_decide_about_the_next(archive, photos, tmp_path, source):
    (tmp_path / "empty").mkdir()
    assert archive(tmp_path / source)[0] == 2
    code, summary, stderr = archive(photos, "--plan", "grid:4")
    assert (code, summary["scored"]) == (0, 3), stderr


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--ray-address", "head:6379"], "--ray-address head:6379 needs --on ray"),
        (["--column", "file"], "--column file needs a table as SOURCE: .csv, .tsv, .parquet"),
    ],
)
def test_options_that_could_have_no_effect_are_refused(archive, photos, options, fault):
    code, summary, stderr = archive(photos, *options)
    assert (code, summary) == (2, None)
    assert fault in stderr
    assert not archive.folder.exists()


def test_a_folder_of_other_results_is_refused(archive, photos):
    archive(photos)
    code, _, stderr = archive(photos, "--plan", "grid:4")
    assert code == 2
    assert "grid:4" in stderr
    assert len(table(archive.folder)) == 3


def test_the_summary_as_text(run, tiny_bundle, photos, tmp_path):
    options = ["--out", tmp_path / "my results", "--bundle", tiny_bundle]
    code, stdout, _ = run("archive", photos, photos / "a.png", *options)
    assert code == 0
    assert "3 pictures: 3 scored, 0 with an error, 0 done before" in stdout
    assert "1 named again" in stdout
    assert f"next: deepbiq archive report '{tmp_path}/my results'" in stdout
    code, stdout, stderr = run("archive", photos, *options, "--verify")
    assert "3 pictures: 0 scored, 0 with an error, 3 done before" in stdout
    assert "3 read again: 0 differ, 0 cannot be read any more" in stdout
    assert "verifying: 3 of 3" in stderr


def test_ctrl_c_finishes_what_is_in_work_and_the_same_command_goes_on(tiny_bundle, samples, tmp_path):
    folder, results = tmp_path / "many", tmp_path / "results"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}.jpg").symlink_to(samples[number % len(samples)])
    words = ["archive", str(folder), "--out", str(results), "--bundle", str(tiny_bundle), "--shard-rows", "20"]
    # A shell's background job ignores the signal, and its children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "deepbiq", *words], stderr=subprocess.PIPE, text=True, preexec_fn=heed,
        start_new_session=True,
    )  # fmt: skip
    try:
        while not list(results.glob("rows-*.parquet")):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    safe = len(table(results))
    assert 20 <= safe < 300
    assert f"interrupted: {safe} of 300 pictures have their row" in stderr
    command = shlex.split(stderr.strip().rpartition("\n")[2].partition("deepbiq:")[2])
    assert command == ["deepbiq", *words]
    done = subprocess.run(
        [sys.executable, "-m", *command, "--format", "json"], capture_output=True, text=True, check=True
    )
    summary = json.loads(done.stdout)
    assert (summary["done_before"], summary["scored"]) == (safe, 300 - safe)
    assert len(table(results)) == 300


def test_a_second_ctrl_c_ends_at_once():
    program = (
        "import time\nfrom deepbiq.cli.stopping import stopped_by_signals\n"
        "with stopped_by_signals('finishing') as stopped:\n    print('ready', flush=True)\n"
        "    while not stopped(): time.sleep(0.01)\n    print('asked', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == -signal.SIGINT
        assert process.stderr.read() == "deepbiq: finishing; a second Ctrl-C ends at once\n"
