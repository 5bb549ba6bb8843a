"""`deepbiq bench refit`: old heads refitted to ever more ratings, and senseless ones that must be refused."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from deepbiq.refitting.material import Material
from deepbiq.regression import LinearRegressor
from deepbiq_benchmarks.refit import OWN_HEAD, HeldBack, _parted, refusals_of_random_scores, rows_of_refits
from deepbiq_benchmarks.refit_command import refit
from deepbiq_benchmarks.refit_table import refit_table


def material(count, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, 4)).astype(np.float32)
    scores = (50 + features @ np.array([15.0, -10, 0, 0]) + rng.normal(0, 3, count)).clip(0, 100)
    old = LinearRegressor(np.array([0, 0, 5.0, 5.0]), 50.0)
    return Material(features, np.arange(count)[:, None], scores, np.arange(count) // 2, old)


def test_a_refit_approaches_what_can_be_learnt():
    test = material(200, seed=1)
    rows = rows_of_refits(
        material(120),
        HeldBack(test.features, test.scores),
        counts=[40],
        old_pictures=30,
        draws=1,
        advance=lambda: None,
    )
    assert [row["old"] for row in rows] == [OWN_HEAD, "fitted to 30 pictures"]
    own, few = rows
    assert own["before_srocc"] < 0.3
    assert min(own["old_srocc"], own["zero_srocc"], own["chosen_srocc"]) > 0.95
    assert (own["accepted"], few["before_srocc"] > 0.9) == (1.0, True)


def test_parts_share_no_group_and_lose_no_picture():
    found = material(51)
    few, rest = _parted(found, 10, seed=3)
    assert sorted([*few, *rest]) == list(range(51))
    assert 10 <= len(few) <= 11
    assert not set(found.groups[few]) & set(found.groups[rest])


def test_random_scores_are_refused():
    assert refusals_of_random_scores(material(60), 30, 3, lambda: None) == {"n": 30, "draws": 3, "refused": 3}


@pytest.fixture
def rated(tmp_path):
    def write(name, count, seed):
        blues = np.random.default_rng(seed).integers(0, 256, count)
        rows = [("path", "score")]
        for number, blue in enumerate(blues):
            picture = np.full((96, 96, 3), (blue, number, seed), np.uint8)
            rows.append((f"{name}{number}.png", blue * 100 / 255))
            assert cv2.imwrite(str(tmp_path / rows[-1][0]), picture)
        with (tmp_path / f"{name}.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)
        return tmp_path / f"{name}.csv"

    return write


def run(*arguments):
    app = typer.Typer()
    app.command()(refit)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_writes_a_result_that_the_table_shows(rated, tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path / "cache"))
    results = tmp_path / "results"
    results.mkdir()
    done = run(
        rated("pool", 60, 0), rated("test", 10, 1), "--bundle", tiny_bundle, "--count", 40, "--old-pictures", 12,
        "--draws", 1, "--random-draws", 1, "--random-count", 30, "--results", results, "--data", "colours",
        "--format", "json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads((results / "refit-colours.json").read_text())
    assert json.loads(done.stdout) == told
    assert (told["pool_n"], told["test_n"], told["plan"], told["random"][0]["n"]) == (60, 10, "dense", 30)
    table = refit_table([told]).splitlines()
    assert [line.split(" | ")[:2] for line in table[2:4]] == [
        ["| the bundle's own", "40"], ["| fitted to 12 pictures", "40"],
    ]  # fmt: skip
    assert f"| 30 | 1 | {told['random'][0]['refused']} |" in table
    assert "10 test pictures of colours" in table[-1]


def test_too_small_a_pool_is_refused(rated, tiny_bundle):
    done = run(rated("pool", 60, 0), rated("test", 10, 1), "--bundle", tiny_bundle, "--count", 50)
    assert done.exit_code != 0
    assert "too few for 50 ratings" in str(done.exception)


def test_the_table_says_so_when_nothing_was_measured():
    assert refit_table([{"benchmark": "files"}]) == "*Not measured yet.*"
