"""Trainings that are interrupted, and whether they end like those that are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from deepbiq_training.finetuning import resumable
from deepbiq_training.finetuning.resumable import BEST_FILE, STATE_FILE


def train_in_parts(monkeypatch: pytest.MonkeyPatch, train: Callable[[], object]) -> None:
    """Interrupts a training in its first step, in the third and in the fourth, and then lets it end."""
    original = resumable.update_average
    for last in (0, 2, 3):

        def interrupt(*arguments, step, last=last, **options):
            if step == last:
                raise KeyboardInterrupt
            return original(*arguments, step=step, **options)

        with monkeypatch.context() as patch:
            patch.setattr(resumable, "update_average", interrupt)
            with pytest.raises(KeyboardInterrupt):
                train()
    train()


def same_weights(one: Path, other: Path) -> bool:
    """Whether two folders hold the same weights, averages and optimiser bit for bit."""
    for name in (STATE_FILE, BEST_FILE):
        first, second = load_file(one / name), load_file(other / name)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)
    return True
