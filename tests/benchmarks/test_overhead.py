"""`deepbiq bench overhead` runs for real; its figures are for results files, not for tests."""

import json
import math
from statistics import median

import numpy as np
import pytest

pytest.importorskip("scipy", reason="install deepbiq[bench]")

from typer.testing import CliRunner

from deepbiq.cli.main import app
from deepbiq_benchmarks.alternation import time_turn
from deepbiq_benchmarks.overhead import modules_of_import
from deepbiq_benchmarks.overhead_bounds import CALL_LIMIT, MEMORY_LIMIT_MB, PROCESS_LIMIT, checks_of_overhead
from deepbiq_benchmarks.overhead_command import overhead


def test_it_measures_and_writes(short_turns, samples, tmp_path, monkeypatch):
    turns = []
    monkeypatch.setattr(
        "deepbiq_benchmarks.alternation.time_turn", lambda call: turns.append(time_turn(call)) or turns[-1]
    )
    command = ["bench", "overhead", str(samples[0]), "--rounds", "2", "--process-rounds", "1", "--format", "json"]
    done = CliRunner().invoke(app, [*command, "--results", str(tmp_path)])
    assert done.exit_code in (0, 1), done.stderr  # 1 when a bound is missed, as it may be on a busy machine
    result = json.loads(done.stdout)
    rounds = np.reshape(turns, (2, 3))  # bare run, call, bare run
    assert result["call"]["ratio"] == pytest.approx(
        median(call / math.sqrt(before * after) for before, call, after in rounds)
    )
    assert result["call"]["call_ms"] == pytest.approx(1000 * median(rounds[:, 1]))
    assert result["call"]["bare_run_ms"] == pytest.approx(1000 * median(rounds[:, ::2].ravel()))
    assert result["process"]["ratio"] > 1
    assert result["passes"] == all(check["passes"] for check in result["checks"].values())
    assert done.exit_code == (0 if result["passes"] else 1)
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text()) == result


def measured(*, ratio=CALL_LIMIT, process=PROCESS_LIMIT, memory=MEMORY_LIMIT_MB, imported=()):
    """Figures that just keep every bound, with changes."""
    return checks_of_overhead({"ratio": ratio}, {"ratio": process, "peak_memory_mb": memory}, imported)


def test_what_keeps_every_bound_passes():
    assert all(check.passes for check in measured())


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"ratio": 1.01 * CALL_LIMIT}, "call / bare run"),
        ({"process": 1.01 * PROCESS_LIMIT}, "score process"),
        ({"memory": 1 + MEMORY_LIMIT_MB}, "memory"),
        ({"imported": ["cv2"]}, "import deepbiq"),
    ],
)
def test_each_bound_can_be_missed(changes, name):
    (missed,) = (check.what for check in measured(**changes) if not check.passes)
    assert name in missed


def test_the_help_tells_every_bound():
    told = " ".join(overhead.__doc__.split())
    for bound in (
        f"{CALL_LIMIT:.2f} times",
        f"{PROCESS_LIMIT:g} times",
        f"{MEMORY_LIMIT_MB:g} MB",
        "`import deepbiq`",
    ):
        assert bound in told


def test_a_missing_picture_is_an_error(tmp_path):
    done = CliRunner().invoke(app, ["bench", "overhead", str(tmp_path / "missing.jpg"), "--rounds", "1"])
    assert done.exit_code == 3
    assert "missing.jpg: no such file" in done.stderr


def test_import_deepbiq_is_lean():
    assert modules_of_import() == []
