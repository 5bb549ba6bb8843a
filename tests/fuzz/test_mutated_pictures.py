from __future__ import annotations

import os
import random
import threading

import pytest

from tests.fuzz import mutate_pictures
from tests.fuzz.mutate_pictures import Child, cases, passed, run
from tests.fuzz.picture_samples import samples


def test_damaged_pictures_are_decoded_or_refused_and_nothing_else():
    report = run(600, seed=20260101)
    assert passed(report), report
    outcomes = report["outcomes"]
    assert sum(outcomes.values()) == 600
    assert outcomes["refused"] > 300
    assert outcomes["decoded"] > 50


def test_the_same_seed_gives_the_same_files():
    files = samples()
    assert list(cases(files, 50, 3)) == list(cases(files, 50, 3))
    assert list(cases(files, 50, 3)) != list(cases(files, 50, 4))


def test_truncation_always_takes_needed_bytes_away():
    for sample in samples().values():
        rng = random.Random(1)
        assert all(
            len(mutate_pictures.truncate(sample.data, sample.needed, rng)) < sample.needed for _ in range(50)
        )


@pytest.mark.parametrize("key", ["cut_short_decoded", "cut_short_scored", "intact_refused", "failures"])
def test_one_entry_fails_the_run(key):
    good = {"cut_short_decoded": [], "intact_refused": [], "failures": []}
    assert passed(good)
    assert not passed({**good, key: [{"index": 7}]})


def serve_badly(connection, score):
    """Stand in for `serve`: what a broken decoder would do."""
    connection.send(("ready", ""))
    while True:
        data = connection.recv_bytes()
        if data == b"crash":
            os.abort()
        if data == b"hang":
            threading.Event().wait(60)
        connection.send(("accepted", ""))


def test_crashes_and_hangs_are_seen_and_survived(monkeypatch):
    monkeypatch.setattr(mutate_pictures, "serve", serve_badly)
    child = Child(score=False, seconds=1.0)
    try:
        assert child.handle(b"fine") == ("accepted", "")
        assert child.handle(b"crash") == ("crashed", "exit code -6")
        assert child.handle(b"fine") == ("accepted", "")
        assert child.handle(b"hang")[0] == "hung"
        assert child.handle(b"fine") == ("accepted", "")
    finally:
        child.close()
