"""The loop on a tiny network: it gains, goes on bit for bit, and keeps the best round."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from deepbiq.errors import OptionError
from deepbiq_training.checkpoint import CheckpointError
from deepbiq_training.finetuning import resumable
from deepbiq_training.finetuning.log import read_log
from deepbiq_training.finetuning.resumable import BEST_FILE, LOG_FILE, STATE_FILE, TrainingError
from deepbiq_training.qat.loop import ROUNDS_FILE
from deepbiq_training.qat.recipe import QatRecipe
from deepbiq_training.qat.rounds import read_rounds
from tests.training.finetuning.interrupted import same_weights, train_in_parts
from tests.training.qat.uneven import RECIPE, learn, uneven_backbone

SHORT = replace(RECIPE, steps=6, rounds=3)


def test_what_rounding_costs_falls(task, tmp_path):
    learnt = learn(task, tmp_path, save_seconds=60)
    start, best = learnt.rounds[0], learnt.best
    assert start.floats.mean_shift == 0
    assert [found.step for found in learnt.rounds] == [0, 20, 40, 60]
    # From 0.40 to 0.16 score points where this was written.
    assert best.distance < 0.7 * start.distance
    assert best.quantised.mean_shift < 0.7 * start.quantised.mean_shift
    assert best.quantised.n == 4
    rows = read_log(tmp_path / LOG_FILE)
    assert [row["step"] for row in rows] == list(range(1, 61))
    assert rows[0]["loss_score_as_floats"] == 0
    for term in ("loss_score", "loss_features"):
        assert sum(row[term] for row in rows[-10:]) < 0.7 * sum(row[term] for row in rows[:10])
    assert [row["step"] for row in rows if row["validation_srocc"] is not None] == [20, 40, 60]


def same(one, other):
    """Whether two folders hold the same weights, averages, ranges, optimiser and rounds bit for bit."""
    return same_weights(one, other) and read_rounds(one / ROUNDS_FILE) == read_rounds(other / ROUNDS_FILE)


def test_a_training_that_was_interrupted_ends_like_one_that_was_not(task, tmp_path, monkeypatch):
    learn(task, tmp_path / "whole", SHORT)
    train_in_parts(monkeypatch, lambda: learn(task, tmp_path / "parts", SHORT))
    assert same(tmp_path / "whole", tmp_path / "parts")
    assert [row["step"] for row in read_log(tmp_path / "parts" / LOG_FILE)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_kill_between_two_files_changes_nothing(task, tmp_path, monkeypatch, lost):
    """Best weights and rounds are written before the state, which may then be one round behind."""
    learn(task, tmp_path / "whole", SHORT)
    original, written = resumable.write_state, []

    def killed(*arguments):
        written.append(1)
        if len(written) == lost:
            raise KeyboardInterrupt
        original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(resumable, "write_state", killed)
        with pytest.raises(KeyboardInterrupt):
            learn(task, tmp_path / "parts", SHORT, save_seconds=60)
    learn(task, tmp_path / "parts", SHORT, save_seconds=60)
    assert same(tmp_path / "whole", tmp_path / "parts")


def test_a_finished_training_is_not_repeated(task, tmp_path, monkeypatch):
    first = learn(task, tmp_path, SHORT)
    monkeypatch.setattr(resumable, "read_batches", None)
    again = learn(task, tmp_path, SHORT)
    assert (again.progress, again.rounds) == (first.progress, first.rounds)
    for one, other in zip(first.backbone.parameters(), again.backbone.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_best_round_is_kept_not_the_last(task, tmp_path):
    """At a rate that ruins the network the best round is the one before any step."""
    learnt = learn(task, tmp_path, replace(SHORT, learning_rate=1.0))
    assert learnt.best.step == 0
    assert learnt.rounds[-1].distance > learnt.rounds[0].distance
    crops = torch.rand((1, 3, 60, 60), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        kept, before = (network.feature_map(crops) for network in (learnt.backbone, uneven_backbone()))
    torch.testing.assert_close(kept, before, rtol=1e-4, atol=1e-4)


def test_the_seed_draws_the_crops(task, tmp_path):
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        learn(replace(task, seed=seed), tmp_path / name, replace(SHORT, steps=3))
    one, again, other = (
        load_file(tmp_path / name / STATE_FILE)["network.backbone.first.conv.inner.weight"]
        for name in ("one", "again", "other")
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_other_settings_are_refused_by_name(task, tmp_path):
    learn(task, tmp_path, SHORT)
    with pytest.raises(CheckpointError, match="flavour was cpu, now it is tensorrt; steps was 6, now it is 9"):
        learn(task, tmp_path, replace(SHORT, flavour="tensorrt", steps=9))
    with pytest.raises(CheckpointError, match="trained weights was tiny, now it is others"):
        learn(replace(task, weights="others"), tmp_path, SHORT)


@pytest.mark.parametrize("name", [ROUNDS_FILE, BEST_FILE])
def test_damaged_files_are_refused(task, tmp_path, name):
    learn(task, tmp_path, SHORT)
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(CheckpointError, match=f"{name}: not the .* to begin again"):
        learn(task, tmp_path, SHORT)


def test_what_cannot_be_trained_is_refused(task, tmp_path):
    with pytest.raises(TrainingError, match="lower the learning rate"):
        learn(task, tmp_path / "a", replace(SHORT, learning_rate=1e30))
    with pytest.raises(OptionError, match="crop-size must be one of 60, 64"):
        learn(task, tmp_path / "b", replace(SHORT, crop_size=62))
    with pytest.raises(OptionError, match="only 8 are there"):
        learn(task, tmp_path / "c", replace(SHORT, batch_size=16))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"flavour": "npu"}, "unknown flavour 'npu': use tensorrt, cpu"),
        ({"steps": 0}, "steps must be a multiple of the 4 rounds, got 0"),
        ({"steps": 401}, "steps must be a multiple of the 4 rounds, got 401"),
        ({"batch_size": 0}, "batch-size must be at least 1, got 0"),
        ({"learning_rate": 0.0}, r"learning-rate must be above 0, got 0\.0"),
        ({"average_decay": 1.0}, r"average-decay must be in 0\.\.1"),
    ],
)
def test_settings_are_checked(changes, match):
    with pytest.raises(OptionError, match=match):
        QatRecipe(**changes)
