"""Archives on a Ray cluster of this machine: the local path's table, whoever dies; one cluster serves all tests."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.runtime.archive.ray_material import many_names, no_trace, picture

pytest.importorskip("ray", reason="archives on a cluster need Ray: install deepbiq[ray]")

import deepbiq
from deepbiq.archive import on_ray
from deepbiq.archive.decoders import Decoders
from deepbiq.archive.grading import preparation_of, yardstick_of
from deepbiq.archive.inputs import list_inputs
from deepbiq.archive.local import grade_locally
from deepbiq.archive.on_ray import RayRun, grade_on_ray
from deepbiq.archive.ray_cluster import connected
from deepbiq.archive.results import Results, read_rows
from deepbiq.archive.run import run
from deepbiq.archive.schema import rows_of
from deepbiq.errors import BundleError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def cluster():
    with no_trace(), connected(None):
        yield


@pytest.fixture
def scorer(tiny_bundle):
    with deepbiq.load(tiny_bundle) as scorer:
        yield scorer


@pytest.fixture
def ray_run(scorer):
    return RayRun(yardstick_of(scorer), preparation_of(scorer), bundle=scorer.bundle.path, actors=2)


@pytest.fixture
def archive(tmp_path, photos, samples):
    """Files of all kinds: good ones, broken ones of several kinds, and odd names."""
    folder = tmp_path / "archive"
    shutil.copytree(photos, folder)
    shutil.copy(samples[0], folder)
    whole = samples[0].read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").touch()
    (folder / "words.webp").write_text("not a picture")
    (folder / "deeper" / "gone.jpg").symlink_to("nowhere")
    picture(folder / "small.png", 10)
    os.rename(folder / "small.png", os.fsencode(folder) + b"/caf\xe9\n.png")
    for number in range(32):
        picture(folder / f"{number}.png", 5 * number)
    return folder


def listed(folder):
    return list(list_inputs([str(folder)], note=lambda _: None))


def grade_into(results, scorer, inputs, grade, stopped=lambda: False):
    """A call of `deepbiq archive`; returns its table by path, and how many rows it has added."""
    with Results.open(results, yardstick_of(scorer)) as opened:
        opened.take_stock(inputs)
        summary = run(opened, grade, shard_rows=100, at_once=None, advance=lambda: None, stopped=stopped)
    rows = list(rows_of(read_rows(results)))
    table = {row.path: row for row in rows}
    assert len(table) == len(rows)
    return table, summary.scored + summary.errors


def grade_here(results, scorer, inputs):
    with Decoders(preparation_of(scorer), count=2, timeout_s=60) as decoders:
        return grade_into(results, scorer, inputs, grade_locally(scorer, decoders, lambda: False))


def workers_called(name):
    """The ids of Ray's processes that run something by this name; Ray puts it into their command line."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes().startswith(b"ray::" + name.encode()):
                pids.append(int(entry.parent.name))
        except OSError:  # it has ended meanwhile
            continue
    return pids


def test_the_table_is_that_of_one_machine(tmp_path, scorer, ray_run, archive):
    inputs = listed(archive)
    here, _ = grade_here(tmp_path / "here", scorer, inputs)
    there, added = grade_into(tmp_path / "there", scorer, inputs, grade_on_ray(ray_run, lambda: False))
    assert there == here
    assert added == len(inputs) > 40
    assert sum(row.error is not None for row in here.values()) == 4


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="workers are found in /proc")
def test_killed_workers_lose_nothing(tmp_path, scorer, ray_run):
    inputs = listed(many_names(tmp_path / "many", 1500))
    seen = []
    to_kill = {200: "MapWorker(MapBatches(ScoringActor))", 500: "MapBatches(decode)"}
    killed = []
    for row in grade_on_ray(ray_run, lambda: False)(inputs):
        seen.append(row.path)
        if len(seen) in to_kill:
            killed += [pid for pid in workers_called(to_kill[len(seen)])[:1] if not os.kill(pid, signal.SIGKILL)]
        assert row.error is None
        assert row.score == pytest.approx(40, abs=1)
    assert killed
    assert sorted(seen) == sorted(item.path for item in inputs)


def test_a_stopped_run_goes_on_on_one_machine(tmp_path, scorer, ray_run, monkeypatch):
    inputs = listed(many_names(tmp_path / "many", 800))
    monkeypatch.setattr(on_ray, "_BLOCK", 10)
    given = []

    def stopped():
        return len(given) >= 50

    def watched(pending):
        for row in grade_on_ray(ray_run, stopped)(pending):
            given.append(row.path)
            yield row

    first, added = grade_into(tmp_path / "results", scorer, inputs, watched, stopped)
    assert 50 <= added == len(first) < len(inputs)
    table, more = grade_here(tmp_path / "results", scorer, inputs)
    assert more == len(inputs) - added
    whole, _ = grade_here(tmp_path / "whole", scorer, inputs)
    assert table == whole


def test_a_node_with_another_model_ends_the_run_and_is_named(ray_run, archive):
    other = dataclasses.replace(ray_run, yardstick=dataclasses.replace(ray_run.yardstick, model="other@0123abcd"))
    with pytest.raises(BundleError, match=r"node \S+ would score with model tiny@\w+ instead of other@0123abcd"):
        list(grade_on_ray(other, lambda: False)(listed(archive)))
