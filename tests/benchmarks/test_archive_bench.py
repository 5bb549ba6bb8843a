"""`deepbiq bench archive` at sizes that say nothing about speed, and its bounds, lines and tables."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("pyarrow", reason="archives need the extra archive: install deepbiq[archive]")

import deepbiq
from deepbiq.archive.inputs import list_inputs
from deepbiq.errors import EngineError, ImageError, OptionError
from deepbiq_benchmarks.archive_command import archive
from deepbiq_benchmarks.archive_material import make_archive
from deepbiq_benchmarks.archive_process import run_watched, tree_memory_mb
from deepbiq_benchmarks.archive_speed import checks_of_local, checks_of_ray
from deepbiq_benchmarks.archive_table import archive_table
from deepbiq_benchmarks.checks import describe_all


def commands_running():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield path.read_text(errors="replace")


def run(*arguments):
    app = typer.Typer()
    app.command()(archive)
    done = CliRunner().invoke(app, list(map(str, arguments)))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_an_archive_has_the_files_that_were_asked_for(samples, tmp_path):
    make_archive(samples, tmp_path, pictures=60, broken=12)
    files = [listed.path for listed in list_inputs([str(tmp_path)], note=lambda _: None)]
    broken = [path for path in files if path.endswith("-broken.jpg")]
    assert (len(files), len(broken)) == (72, 12)
    with deepbiq.load() as scorer:
        faults = {result.path: result.error for result in scorer.stream(files)}
    assert {path for path, fault in faults.items() if fault is not None} == set(broken)
    assert len({faults[path].removeprefix(path) for path in broken[:6]}) == 6
    assert os.path.samefile(files[1], samples[0])


def test_an_archive_may_have_no_broken_files(samples, tmp_path):
    make_archive(samples[:1], tmp_path, pictures=3, broken=0)
    assert len(list(list_inputs([str(tmp_path)], note=lambda _: None))) == 3


def test_the_memory_of_children_counts():
    child = "import time; held = bytearray(64 << 20); print('held', flush=True); time.sleep(1)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    watched = run_watched([sys.executable, "-c", parent], every_s=0.05)
    assert watched.stdout == "held\n"
    assert 64 < watched.peak_mb < 200
    assert watched.wall_s > 1
    assert watched.busy_s > 0
    assert tree_memory_mb(os.getpid()) > 20


def test_a_command_that_ends_before_the_second_of_rare_looks_is_seen():
    program = "import time; held = bytearray(64 << 20); time.sleep(2)"
    assert 64 < run_watched([sys.executable, "-c", program], every_s=60).peak_mb < 200


def test_a_command_may_keep_the_bytecode_of_what_it_imports(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    program = "import sys; print(sys.dont_write_bytecode)"
    assert run_watched([sys.executable, "-c", program], every_s=0.05).stdout == "False\n"


def test_a_command_stands_still_between_its_turns():
    child = "import time\nfor _ in range(300): time.sleep(0.01); print(time.monotonic(), flush=True)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    mine: list[tuple[float, float]] = []

    def turns():
        for _ in range(2):
            begin = monotonic()
            sleep(0.5)
            mine.append((begin, monotonic()))
            yield 1.0

    watched = run_watched([sys.executable, "-c", parent], every_s=0.05, turns=turns())
    ticks = list(map(float, watched.stdout.split()))
    assert len(ticks) == 300
    assert len(mine) == 2
    for begin, end in mine:
        # One may be on its way when the pause begins.
        assert not any(begin + 0.1 < tick < end for tick in ticks)
    # Before its first turn it was not even started, so only the second wait is a pause in what it states of itself.
    assert 0.5 <= watched.paused_s < 1
    assert ticks[-1] - ticks[0] - watched.paused_s > 0.01 * 290
    assert watched.wall_s > 1.5


def test_what_fails_between_turns_ends_the_command():
    def turns():
        yield 0.5
        raise OSError("nothing left")

    program = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(OSError, match="nothing left"):
        run_watched([sys.executable, "-c", program], every_s=0.05, turns=turns())
    assert not any(program in arguments for arguments in commands_running())


def test_a_paused_command_ends_with_a_benchmark_that_is_terminated(tmp_path):
    child = f"import time; time.sleep(60)  # {tmp_path}"
    paused = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    program = (
        "import sys, time\nfrom deepbiq_benchmarks.archive_process import run_watched\n"
        "def turns():\n    yield 1.0\n    print('paused', flush=True)\n    time.sleep(60)\n"
        f"run_watched([sys.executable, '-c', {paused!r}], every_s=0.05, turns=turns())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as bench:
        assert bench.stdout.readline() == b"paused\n"
        assert any(child in arguments for arguments in commands_running())
        bench.terminate()
        bench.wait(20)
        assert b"KeyboardInterrupt" in bench.stderr.read()
    deadline = monotonic() + 10
    while any(child in arguments for arguments in commands_running()):
        assert monotonic() < deadline
        sleep(0.05)


def test_a_command_that_fails_says_why():
    with pytest.raises(EngineError, match=r"exit code 3: no reason"):
        run_watched([sys.executable, "-c", "import sys; sys.stderr.write('no reason'); sys.exit(3)"], every_s=0.05)


def local(**changes):
    """Figures that keep every bound, with changes."""
    measured = {"ratio": 0.95, "peak_mb": 350.0, "one_row_each": True, "largest_difference": 0.001, **changes}
    return checks_of_local(measured, few_mb=200.0)


def scaled(*, r2=0.999, **changes):
    point = {"n": 10, "one_row_each": True, "largest_difference": 0.001, **changes}
    return checks_of_ray({"ray_line": {"slope": 1.0, "intercept": 0.0, "r2": r2}, "points": [point]})


def test_what_keeps_every_bound_passes():
    for checks in (local(), scaled()):
        assert all(check.passes for check in checks)


@pytest.mark.parametrize(
    ("checks", "name"),
    [
        (local(ratio=0.949), "stream, pictures a second"),
        (local(peak_mb=350.1), "memory"),
        (local(one_row_each=False), "one row"),
        (local(largest_difference=0.02), "largest difference"),
        (scaled(r2=0.98), "R2"),
        (scaled(one_row_each=False), "one row"),
        (scaled(largest_difference=float("inf")), "largest difference"),
    ],
)
def test_each_bound_can_be_missed(checks, name):
    missed = [check.what for check in checks if not check.passes]
    assert len(missed) == 1
    assert name in missed[0]


@pytest.mark.slow
def test_an_archive_is_timed_beside_a_stream(samples, tmp_path):
    code, stdout = run(
        *samples, "--pictures", 100, "--few", 4, "--rounds", 1, "--results", tmp_path, "--format", "json"
    )  # fmt: skip
    result = json.loads(stdout)
    assert code == (0 if result["passes"] else 1)
    (file,) = tmp_path.iterdir()
    photographs = result["photographs"]
    assert photographs["n"] == len(samples)
    assert photographs["mean_mb"] == pytest.approx(np.mean([path.stat().st_size for path in samples]) / 1e6)
    size = f"{photographs['mean_megapixels']:.2g}megapixels"
    assert file.name == f"archive-local-dense-{result['engine']}-{result['precision']}-{size}.json"
    assert json.loads(file.read_text()) == result
    measured = result["local"]
    assert (measured["n"], measured["errors"], measured["few"]) == (101, 1, 4)
    assert measured["one_row_each"]
    assert measured["largest_difference"] < 0.01
    assert min(measured["peak_mb"], measured["few_mb"]) > 50
    assert measured["archive_command_s"] > 101 / measured["archive_per_s"]
    table = archive_table([{"benchmark": "files"}, result])
    assert "| every input has one row | true | yes | yes |" in table
    assert "101 files, 1 of them broken" in table


@pytest.mark.slow
def test_archives_on_ray_are_timed_by_size(samples, monkeypatch):
    pytest.importorskip("ray", reason="archives on a cluster need Ray: install deepbiq[ray]")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with tempfile.TemporaryDirectory(prefix="ray-") as logs:  # Ray keeps them
        monkeypatch.setenv("RAY_TMPDIR", logs)
        code, stdout = run(*samples, "--on", "ray", "--pictures", 4, "--rounds", 1, "--format", "json")
    result = json.loads(stdout)
    assert code == (0 if result["passes"] else 1)
    (point,) = result["scaling"]["points"]
    assert point["n"] == 4
    assert point["one_row_each"]
    assert point["largest_difference"] == 0
    assert point["ray_s"] > 0 < point["local_s"]
    assert result["scaling"]["ray_line"] is None
    assert "on Ray: no line through one size" in archive_table([result])


def test_lines_are_drawn_and_told(tmp_path):
    draw_archive = pytest.importorskip(
        "deepbiq_benchmarks.archive_plot", reason="plots need the extra bench: install deepbiq[bench]"
    ).draw_archive
    points = [
        {"n": n, "ray_s": 10 + 0.03 * n, "local_s": 1 + 0.025 * n, "ray_peak_mb": 900.0}
        | {"one_row_each": True, "largest_difference": 0.0}
        for n in (1000, 5000)
    ]
    scaling = {
        "rounds": 2,
        "points": points,
        "ray_line": {"slope": 0.03, "intercept": 10.0, "r2": 1.0},
        "local_line": {"slope": 0.025, "intercept": 1.0, "r2": 1.0},
    }
    identity = {"plan": "dense", "engine": "onnxruntime", "precision": "int8", "model": "tiny@0"}
    result = {
        "benchmark": "archive",
        **identity,
        "scaling": scaling,
        "checks": describe_all(checks_of_ray(scaling)),
        "machine": {"processor": "a processor"},
        "date": "2026-01-02T03:04:05+00:00",
    }
    draw_archive(result).savefig(tmp_path / "plot.png")
    table = archive_table([result])
    assert "| 5,000 | 160.0 s | 126.0 s | 32.0 ms | 25.2 ms | 900 MB |" in table
    assert "rounds: 2; on Ray: 30.00 ms a picture and 10.0 s once, R2 1.0000" in table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing/*.jpg"], "nothing matches"),
        (["a.jpg", "--plot", "plot.png"], "--on ray"),
        (["a.jpg", "--pictures", 1, "--pictures", 2], "one number"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is(arguments, message):
    with pytest.raises(OptionError, match=message):
        run(*arguments)


def test_photographs_are_read_before_anything_is_measured(samples, tmp_path):
    words = tmp_path / "notes.jpg"
    words.write_text("not a picture")
    with pytest.raises(ImageError, match=r"notes\.jpg"):
        run(samples[0], words)


def test_the_table_says_so_when_nothing_was_measured():
    assert archive_table([]) == "*Not measured yet.*"
