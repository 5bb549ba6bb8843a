"""A whole miniature round: a checkpoint, a few steps, a checkpoint again, a bundle of it, a score."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from deepbiq.cli.exit_codes import USAGE, exit_code_of
from deepbiq.datasets import find_dataset
from deepbiq.errors import OptionError
from deepbiq_training.checkpoint import (
    DESCRIPTION,
    CheckpointError,
    read_checkpoint,
    read_description,
    write_checkpoint,
)
from deepbiq_training.finetuning.resumable import STATE_FILE
from deepbiq_training.frozen import FrozenSettings, read_parts
from deepbiq_training.qat.recipe import QatRecipe
from deepbiq_training.quantised import EARLIER_METRICS, FOLDER, QuantiseSettings, train_quantised
from tests.export.conftest import description, random_regressors
from tests.training.miniature import PICTURES

RECIPE = QatRecipe(flavour="tensorrt", steps=2, rounds=1, batch_size=2, range_pictures=2, learning_rate=1e-6)


@pytest.fixture
def checkpoint(tmp_path, packaged_weights):
    from deepbiq_training.backbones.efficientnet_lite0_weights import load_efficientnet_lite0

    folder = tmp_path / "finished"
    regressors = {f"regressors/{name}.npz": random_regressors(1) for name in ("crops", "dense", "whole")}
    write_checkpoint(folder, description(), load_efficientnet_lite0(packaged_weights)[0], regressors)
    return folder


@pytest.fixture
def settings(checkpoint, miniature, tmp_path):
    return QuantiseSettings(
        checkpoint, miniature, tmp_path / "run", find_dataset("biq2021"), RECIPE, validation_pictures=3, devices=1
    )


@pytest.mark.slow
def test_a_whole_round(settings, samples, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")
    import deepbiq
    from deepbiq_export.bundling import export_bundle
    from deepbiq_export.from_pytorch import load_pytorch_checkpoint
    from deepbiq_export.golden import golden_pictures

    start, best = train_quantised(settings)
    before, after = read_checkpoint(settings.checkpoint), read_checkpoint(settings.out)
    told = after.description
    assert after.regressors == before.regressors
    assert told["plans"] == before.description["plans"]
    assert told["weights"]["source"] == "random, quantisation-aware fine-tuned on biq2021"
    assert told["weights"]["sha256"] == told["files"]["backbone.safetensors"]
    assert {entry["split"] for entry in told["metrics"]} == {EARLIER_METRICS}
    assert told["qat"]["recipe"]["flavour"] == "tensorrt"
    assert set(told["qat"]["versions"]) == {"deepbiq", "torch", "torchao"}
    assert told["qat"]["before"]["int8_against_its_fp32"]["mean_shift"] == start.quantised.mean_shift > 0
    assert told["qat"]["after"]["fp32_against_the_former"]["mean_shift"] == best.floats.mean_shift
    assert (start.quantised.n, told["qat"]["kept_step"]) == (3, best.step)
    golden = golden_pictures(samples[0].parent)
    export_bundle(load_pytorch_checkpoint(settings.out), tmp_path / "bundle", name="qat", golden=golden)
    with deepbiq.load(tmp_path / "bundle") as scorer:
        assert 0 <= scorer(samples[0]).score <= 100


def test_training_moves_every_layer_that_features_come_from(settings):
    train_quantised(replace(settings, recipe=replace(RECIPE, learning_rate=1e-4)))
    from safetensors.torch import load_file

    found = load_file(settings.out / FOLDER / STATE_FILE)
    moments = {name for name in found if name.startswith("optimizer.") and name.endswith(".exp_avg")}
    assert len(moments) == 2 * 49
    assert all(found[name].abs().sum() > 0 for name in moments)


def refused(settings, error, match):
    with pytest.raises(error, match=match) as caught:
        train_quantised(settings)
    assert exit_code_of(caught.value) == USAGE


def test_another_data_set_is_refused(settings):
    refused(replace(settings, data_set=find_dataset("koniq10k")), OptionError, "give --dataset biq2021")


def test_other_pictures_are_refused(settings, miniature):
    for table in miniature.glob("*.csv"):
        table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    refused(settings, OptionError, f"has {PICTURES - 1} pictures, 4 of them .* trained on {PICTURES}, 4 of them")


def test_as_many_other_pictures_are_refused(settings, miniature):
    data = FrozenSettings(miniature, settings.out, validation_pictures=4)
    told = read_description(settings.checkpoint) | {"pictures": read_parts(data).digests}
    (settings.checkpoint / DESCRIPTION).write_text(json.dumps(told))
    (table,) = miniature.glob("Train*.csv")
    table.write_text(table.read_text().replace("0.091", "0.092"))
    refused(settings, OptionError, r"other pictures or scores than .*pictures was \d+ \(\w+\), now it is")


def test_the_checkpoint_itself_is_not_overwritten(settings):
    refused(replace(settings, out=settings.checkpoint / "."), OptionError, "is the checkpoint itself")


def test_another_finished_checkpoint_is_not_overwritten(settings, checkpoint):
    shutil.copytree(checkpoint, settings.out)
    (settings.out / DESCRIPTION).write_text(json.dumps({**read_description(settings.out), "seed": 0}))
    refused(settings, CheckpointError, "holds a finished .* training was frozen, now it is quantisation-aware")


def test_a_folder_without_checkpoint_is_refused(settings, tmp_path):
    refused(replace(settings, checkpoint=tmp_path), CheckpointError, "no checkpoint of a finished training")


def test_crops_that_do_not_fit_are_refused_before_anything_is_read(settings, tmp_path):
    wrong = replace(settings, recipe=replace(RECIPE, crop_size=230), root=tmp_path / "nowhere")
    refused(wrong, OptionError, "crop-size must be one of 224, 256")
