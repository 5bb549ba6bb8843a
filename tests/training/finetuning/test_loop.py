"""The loop on a tiny network: it learns, stops, goes on bit for bit, and loses nothing whatever happens."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from deepbiq.agreement import Correlations
from deepbiq.datasets import RatedPicture
from deepbiq.errors import OptionError
from deepbiq_training.checkpoint import CheckpointError
from deepbiq_training.finetuning import loop, resumable
from deepbiq_training.finetuning.classes import EmptyClassError
from deepbiq_training.finetuning.log import read_log
from deepbiq_training.finetuning.loop import CURVES_FILE
from deepbiq_training.finetuning.recipe import LOSSES
from deepbiq_training.finetuning.resumable import BEST_FILE, LOG_FILE, STATE_FILE, TrainingError
from tests.training.finetuning.interrupted import same_weights, train_in_parts
from tests.training.finetuning.tiny import RECIPE, tiny_fine_tune


@pytest.fixture(autouse=True)
def quick_curves(monkeypatch):
    """Drawing takes longer than these trainings."""
    monkeypatch.setattr(loop, "draw_curves", lambda rows, path: path.write_text(str(len(rows))))


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains(task, tmp_path, loss):
    pictures = [replace(picture, mos=10.0 + 20 * (number % 5)) for number, picture in enumerate(task.training)]
    tuned = tiny_fine_tune(replace(task, training=pictures), tmp_path, replace(RECIPE, loss=loss))
    rows = read_log(tmp_path / LOG_FILE)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["validation_srocc"] is not None for row in rows] == [False, True] * 3
    for row in rows:
        parts = [value for name, value in row.items() if name.startswith("loss_")]
        assert row["loss"] == pytest.approx(sum(parts), rel=1e-5)
    assert (tmp_path / CURVES_FILE).read_text() == "6"
    assert tuned.progress.finished
    assert tuned.progress.best.srocc == pytest.approx(max(row["validation_srocc"] or -1 for row in rows))
    assert not tuned.backbone.training


@pytest.mark.parametrize("changes", [{"accumulate": 2, "batch_size": 2}, {"batch_norm": "batch"}, {}])
def test_a_training_that_was_interrupted_ends_like_one_that_was_not(task, tmp_path, monkeypatch, changes):
    recipe = replace(RECIPE, **changes)
    tiny_fine_tune(task, tmp_path / "whole", recipe)
    train_in_parts(monkeypatch, lambda: tiny_fine_tune(task, tmp_path / "parts", recipe))
    assert same_weights(tmp_path / "whole", tmp_path / "parts")
    assert [row["step"] for row in read_log(tmp_path / "parts" / LOG_FILE)] == [1, 2, 3, 4, 5, 6]


def test_a_finished_training_is_not_repeated(task, tmp_path, monkeypatch):
    first = tiny_fine_tune(task, tmp_path)
    monkeypatch.setattr(resumable, "read_batches", None)
    again = tiny_fine_tune(task, tmp_path)
    assert again.progress == first.progress
    for one, other in zip(first.backbone.parameters(), again.backbone.parameters(), strict=True):
        assert torch.equal(one, other)


def test_other_settings_are_refused_by_name(task, tmp_path):
    tiny_fine_tune(task, tmp_path)
    before = (tmp_path / STATE_FILE).read_bytes()
    other = replace(RECIPE, loss="plcc", crop_size=64)
    with pytest.raises(CheckpointError, match="loss was both, now it is plcc; crop-size was 60, now it is 64"):
        tiny_fine_tune(task, tmp_path, other)
    with pytest.raises(CheckpointError, match="seed was 3, now it is 4"):
        tiny_fine_tune(replace(task, seed=4), tmp_path)
    with pytest.raises(CheckpointError, match=r"training pictures was 8 \(\w+\), now it is 7 "):
        tiny_fine_tune(replace(task, training=task.training[:-1]), tmp_path)
    assert (tmp_path / STATE_FILE).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no state", None])
def test_a_damaged_state_is_refused(task, tmp_path, content):
    tiny_fine_tune(task, tmp_path)
    path = tmp_path / STATE_FILE
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    with pytest.raises(CheckpointError, match="delete it to begin again"):
        tiny_fine_tune(task, tmp_path)


def test_missing_best_weights_are_refused(task, tmp_path):
    tiny_fine_tune(task, tmp_path)
    (tmp_path / BEST_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"delete state\.safetensors to begin again"):
        tiny_fine_tune(task, tmp_path)


def test_it_stops_when_validation_no_longer_improves(task, tmp_path, monkeypatch):
    sroccs = iter([0.5, 0.7, 0.6, 0.7, 0.9])
    monkeypatch.setattr(loop, "validate", lambda *arguments: Correlations(4, 0.1, next(sroccs)))
    progress = tiny_fine_tune(task, tmp_path, replace(RECIPE, epochs=20, patience=2)).progress
    assert progress.step == 8
    assert progress.finished
    assert (progress.best.epoch, progress.best.srocc) == (2, 0.7)


def test_the_best_epoch_is_kept_not_the_last(task, tmp_path, monkeypatch):
    sroccs = iter([0.9, 0.1, 0.1])
    monkeypatch.setattr(loop, "validate", lambda *arguments: Correlations(4, 0.1, next(sroccs)))
    tuned = tiny_fine_tune(task, tmp_path)
    last = load_file(tmp_path / STATE_FILE)["average.backbone.first.conv.weight"]
    kept = load_file(tmp_path / BEST_FILE)["backbone.first.conv.weight"]
    assert not torch.equal(last, kept)
    assert torch.equal(tuned.backbone.first.conv.weight, kept)


def test_a_full_disk_keeps_the_previous_state(task, tmp_path, monkeypatch):
    tiny_fine_tune(task, tmp_path / "whole")
    original, written = os.fsync, []

    def no_space(handle):
        written.append(handle)
        if len(written) > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(OSError, match="No space left"):
            tiny_fine_tune(task, tmp_path / "parts")
    assert sorted(path.name for path in (tmp_path / "parts").iterdir() if path.name.startswith(".")) == []
    assert load_file(tmp_path / "parts" / STATE_FILE)
    tiny_fine_tune(task, tmp_path / "parts")
    assert same_weights(tmp_path / "whole", tmp_path / "parts")


def test_a_loss_that_is_no_number_ends_the_training(task, tmp_path):
    with pytest.raises(TrainingError, match="lower the learning rates"):
        tiny_fine_tune(task, tmp_path, replace(RECIPE, loss="plcc", learning_rate=1e30, head_learning_rate=1e30))


def test_what_cannot_be_trained_is_refused(task, tmp_path):
    good = [RatedPicture(picture.path, 90.0) for picture in task.training]
    with pytest.raises(EmptyClassError, match="bad or poor or fair or good"):
        tiny_fine_tune(replace(task, training=good), tmp_path, replace(RECIPE, loss="classes"))
    with pytest.raises(OptionError, match="crop-size must be one of 60, 64"):
        tiny_fine_tune(task, tmp_path, replace(RECIPE, crop_size=62))
    with pytest.raises(OptionError, match="only 8 are there"):
        tiny_fine_tune(task, tmp_path, replace(RECIPE, batch_size=16))


def test_mixed_precision_trains(task, tmp_path):
    tiny_fine_tune(task, tmp_path, replace(RECIPE, precision="bf16-mixed"))
    assert load_file(tmp_path / BEST_FILE)["backbone.first.conv.weight"].dtype == torch.float32
