"""Files of several sizes, and streams against loops: made, measured and held against bounds."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import deepbiq
from deepbiq.cli.main import app
from deepbiq_benchmarks.file_material import MEGAPIXELS, write_jpegs
from deepbiq_benchmarks.file_speed import checks_of_files, memory_of_sizes, stream_against_loop, time_sizes


@pytest.fixture(scope="module")
def jpegs(samples, tmp_path_factory):
    return write_jpegs(samples, tmp_path_factory.mktemp("jpegs"))


def run(*arguments):
    done = CliRunner().invoke(app, ["bench", "files", *map(str, arguments)])
    return done.exit_code, done.stdout


def test_the_files_have_the_sizes_that_they_are_named_by(jpegs):
    assert list(jpegs) == [0.262144, *MEGAPIXELS]
    for megapixels, path in jpegs.items():
        picture = cv2.imread(str(path))
        assert picture.shape[0] * picture.shape[1] == pytest.approx(megapixels * 1e6, rel=2e-3)


def test_the_smallest_is_the_first_photograph_and_large_ones_are_tiled(jpegs, samples):
    smallest = cv2.imread(str(jpegs[0.262144])).astype(float)
    large = cv2.imread(str(jpegs[2])).astype(float)
    assert np.abs(smallest - large[:512, :512]).mean() < 1
    assert np.abs(smallest - large[:512, 512:1024]).mean() > 10


def test_sizes_are_timed_and_memory_is_measured(jpegs):
    few = {megapixels: jpegs[megapixels] for megapixels in (0.262144, 2)}
    with deepbiq.load() as scorer:
        rows = time_sizes(scorer, few, rounds=2, advance=lambda: None)
        memory = memory_of_sizes(few, scorer.engine.name)
    assert [row["megapixels"] for row in rows] == [0.262144, 2]
    assert all(row["score_ms"] > row["entropy_ms"] > 0 and row["n"] == 2 for row in rows)
    assert [row["bytes"] for row in rows] == [path.stat().st_size for path in few.values()]
    assert memory["largest_mb"] > 50


def test_a_stream_gives_what_a_loop_gives(samples):
    with deepbiq.load() as scorer:
        found = stream_against_loop(scorer, [*samples, *samples], rounds=1, advance=lambda: None)
    assert found["same_scores_in_order"] is True
    assert found["ratio"] == pytest.approx(found["stream_per_s"] / found["loop_per_s"])
    assert 0 < found["stream_cores"] <= 1.2


def measured(**changes):
    """Figures that keep every bound, with changes."""
    told = {"large": 60.0, "last": 100.0, "memory": 300.0, "ratio": 1.2, "cores": 0.95, "same": True, **changes}
    sizes = [
        {"megapixels": 0.262144, "score_ms": 20.0, "entropy_ms": 1.0},
        {"megapixels": 2, "score_ms": 25.0, "entropy_ms": 5.0},
        {"megapixels": 12, "score_ms": told["large"], "entropy_ms": 30.0},
        {"megapixels": 48, "score_ms": told["last"], "entropy_ms": 20.0},
    ]
    memory = {"smallest_mb": 100.0, "largest_mb": told["memory"]}
    stream = {"ratio": told["ratio"], "stream_cores": told["cores"], "same_scores_in_order": told["same"]}
    return checks_of_files(sizes, memory, stream)


def test_what_keeps_every_bound_passes():
    assert all(check.passes for check in measured())


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"large": 60.1}, "12 megapixels"),
        ({"last": 100.1}, "growth"),
        ({"memory": 400.1}, "memory"),
        ({"ratio": 1.149}, "stream / loop"),
        ({"cores": 0.899}, "share of the cores"),
        ({"same": False}, "in order"),
    ],
)
def test_each_bound_can_be_missed(changes, name):
    missed = [check.what for check in measured(**changes) if not check.passes]
    assert len(missed) == 1
    assert name in missed[0]


def test_the_command_writes_what_it_measured(short_turns, samples, tmp_path):
    code, stdout = run(
        samples[0].parent, "--rounds", 1, "--stream-pictures", 4, "--stream-rounds", 1,
        "--results", tmp_path, "--format", "json",
    )  # fmt: skip
    result = json.loads(stdout)
    assert code == (0 if result["passes"] else 1)
    (file,) = tmp_path.iterdir()
    assert file.name == f"files-dense-{result['engine']}-{result['precision']}.json"
    assert json.loads(file.read_text()) == result
    assert {"n", "loop_per_s", "stream_per_s"} <= result["stream"].keys()


@pytest.mark.parametrize(("photographs", "code"), [("nothing.jpg", 3), (".", 2), ("*.jpg", 2)])
def test_what_cannot_be_read_and_nothing_at_all_end_as_everywhere(tmp_path, photographs, code):
    assert run(tmp_path / photographs)[0] == code
