"""Killed at random moments, with no chance to tidy up, a training ends with the weights of one that was not."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from multiprocessing import get_context

import pytest

from deepbiq_training.finetuning.resumable import LOG_FILE
from tests.training.finetuning.interrupted import same_weights
from tests.training.finetuning.tiny import RECIPE, tiny_fine_tune, tiny_task

KILLS = 10
LONG = replace(RECIPE, epochs=60, patience=60)


@pytest.fixture
def start():
    """Starts a training in another process; PyTorch is imported once for all of them."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])

    def start_one(root, folder):
        process = context.Process(target=train, args=(root, folder))
        process.start()
        return process

    return start_one


def train(root, folder):
    tiny_fine_tune(tiny_task(root), folder, LONG)


def rows(folder):
    path = folder / LOG_FILE
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_ten_kills_change_no_bit(miniature, tmp_path, start):
    generator = random.Random(7)
    parts = tmp_path / "parts"
    for _ in range(KILLS):
        process = start(miniature, parts)
        before = rows(parts)
        # Counted in rows, so that a slow machine is killed while it trains too, and then at any moment.
        while process.is_alive() and rows(parts) < before + generator.randint(2, 8):
            time.sleep(0.002)
        time.sleep(generator.uniform(0, 0.05))
        assert process.is_alive(), "it ended before it could be killed"
        process.kill()
        process.join()
    last = start(miniature, parts)
    last.join()
    assert last.exitcode == 0
    tiny_fine_tune(tiny_task(miniature), tmp_path / "whole", LONG)
    assert same_weights(tmp_path / "whole", parts)
    assert rows(parts) == rows(tmp_path / "whole")
