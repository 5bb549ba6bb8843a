"""Killed at random moments, with no chance to tidy up, a training ends with the weights of one that was not."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from deepbiq_training.finetuning.loop import LOG_FILE
from tests.training.finetuning.test_loop import same
from tests.training.finetuning.tiny import RECIPE, tiny_fine_tune, tiny_task

ROOT = Path(__file__).parents[3]
KILLS = 10
LONG = replace(RECIPE, epochs=60, patience=60)


def train_in_another_process(root, folder):
    code = (
        "import sys; from pathlib import Path;"
        "from tests.training.finetuning import test_kill as it;"
        "it.tiny_fine_tune(it.tiny_task(Path(sys.argv[1])), Path(sys.argv[2]), it.LONG)"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(root), str(folder)], cwd=ROOT)


def rows(folder):
    path = folder / LOG_FILE
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_ten_kills_change_no_bit(miniature, tmp_path):
    generator = random.Random(7)
    parts = tmp_path / "parts"
    for _ in range(KILLS):
        process = train_in_another_process(miniature, parts)
        before = rows(parts)
        # Counted in rows, so that a slow machine is killed while it trains too, and then at any moment.
        while process.poll() is None and rows(parts) < before + generator.randint(2, 8):
            time.sleep(0.002)
        time.sleep(generator.uniform(0, 0.05))
        assert process.poll() is None, "it ended before it could be killed"
        process.kill()
        process.wait()
    assert train_in_another_process(miniature, parts).wait() == 0
    tiny_fine_tune(tiny_task(miniature), tmp_path / "whole", LONG)
    assert same(tmp_path / "whole", parts)
    assert rows(parts) == rows(tmp_path / "whole")
