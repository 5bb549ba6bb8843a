"""Whatever the moment at which a run dies, the next one ends with the table of a run that did not."""

import multiprocessing
import pkgutil
import random
import time
from contextlib import suppress

import pyarrow.parquet as pq
import pytest

from deepbiq.archive.results import Results, read_rows
from deepbiq.archive.schema import rows_of
from tests.runtime.archive.results_material import YARDSTICK, a_row, an_input, run_once, score_pending

KILLS = 20
INPUTS = 120


class Death(BaseException):
    """A process that ends here."""


def changed_inputs(life):
    """Inputs of which some change from one call to the next, so that rows are superseded."""
    return [an_input(number, version=(life + number) // 7) for number in range(INPUTS)]


def stored(folder):
    return [
        path for shard in sorted(folder.glob("rows-*.parquet")) for path in pq.read_table(shard)["path"].to_pylist()
    ]


def live(folder, life):
    with Results.open(folder, YARDSTICK) as results:
        results.take_stock(changed_inputs(life))
        score_pending(results, shard_rows=6)
        results.settle()


def test_twenty_kills_at_random_moments_leave_nothing_torn_and_lose_nothing(tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.runtime.archive.results_material", "pyarrow.parquet"])
    moments = random.Random(7)
    for life in range(KILLS):
        process = context.Process(target=live, args=(tmp_path, life))
        process.start()
        time.sleep(moments.uniform(0, 0.4))
        process.kill()
        process.join()
        if (tmp_path / "_archive.json").exists():
            paths = read_rows(tmp_path, ["path"])["path"].to_pylist()
            assert len(paths) == len(set(paths))
    live(tmp_path, KILLS)
    assert sorted(stored(tmp_path)) == [listed.path for listed in changed_inputs(KILLS)]
    assert sorted(rows_of(read_rows(tmp_path)), key=lambda row: row.path) == list(map(a_row, changed_inputs(KILLS)))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


STEPS = [
    "shards.write_atomically", "results.remove_shard", "results_head.write_atomically",
    "journal.Journal.add_shard", "journal.Journal.replace_shard", "journal.Journal.forget_shard",
    "input_table.InputTable.mark", "input_table.InputTable.fill",
]  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("life", [0, 1], ids=["first", "again"])
def test_death_at_each_step_costs_at_most_a_shard(tmp_path, monkeypatch, step, after, life):
    inputs = [[an_input(number, version=v * (number < 14)) for number in range(30)] for v in (0, 1)]
    if life:
        run_once(tmp_path, inputs[0], shard_rows=6)
    scored = []

    def row_of(listed):
        scored.append(listed.path)
        return a_row(listed)

    def call():
        with Results.open(tmp_path, YARDSTICK) as results:
            results.take_stock(inputs[life])
            score_pending(results, shard_rows=6, row_of=row_of)
            results.settle()

    with monkeypatch.context() as patch, suppress(Death):
        patch_deadly(patch, f"deepbiq.archive.{step}", after=after)
        call()
    if (tmp_path / "_archive.json").exists():
        assert read_rows(tmp_path).num_rows <= 30
    call()
    assert sorted(rows_of(read_rows(tmp_path)), key=lambda row: row.path) == list(map(a_row, inputs[life]))
    assert len(stored(tmp_path)) == 30
    assert len(scored) <= (14 if life else 30) + 6


def patch_deadly(patch, target, *, after):
    """Makes a function the last one that is called."""
    function = pkgutil.resolve_name(target)

    def last(*arguments, **options):
        if after:
            function(*arguments, **options)
        raise Death

    patch.setattr(target, last)
