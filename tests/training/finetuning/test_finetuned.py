"""A whole miniature round: fine-tune, features, regressors, bundle, score."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from deepbiq_training.backbones.caffenet_weights import load_caffenet
from deepbiq_training.backbones.efficientnet_lite0_weights import load_efficientnet_lite0
from deepbiq_training.checkpoint import CheckpointError, read_checkpoint
from deepbiq_training.families import FAMILIES
from deepbiq_training.finetuned import FOLDER, FineTuneSettings, train_finetuned
from deepbiq_training.finetuning.recipe import Recipe
from deepbiq_training.finetuning.resumable import BEST_FILE, STATE_FILE
from deepbiq_training.frozen import FrozenSettings, train_frozen
from tests.training.miniature import PICTURES

RECIPE = Recipe(crop_size=224, batch_size=4, epochs=1)


@pytest.fixture
def settings(miniature, tmp_path, packaged_weights):
    data = FrozenSettings(root=miniature, out=tmp_path / "run", weights=packaged_weights, validation_pictures=4)
    return FineTuneSettings(data, RECIPE, devices=1)


@pytest.mark.slow
def test_a_whole_round(settings, packaged_weights, samples, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")
    import deepbiq
    from deepbiq_export.bundling import export_bundle
    from deepbiq_export.from_pytorch import load_pytorch_checkpoint
    from deepbiq_export.golden import golden_pictures

    agreements = train_finetuned(settings)
    checkpoint = read_checkpoint(settings.data.out)
    told = checkpoint.description
    assert told["fine_tuning"]["recipe"]["crop_size"] == 224
    assert told["fine_tuning"]["steps"] == 2
    assert told["fine_tuning"]["best"]["epoch"] == 1
    assert told["weights"]["source"].endswith("fine-tuned on biq2021")
    assert told["weights"]["sha256"] == told["files"]["backbone.safetensors"]
    assert told["data_set"]["pictures"] == PICTURES
    assert len(agreements) == len(told["plans"]) == 4
    before, _ = load_efficientnet_lite0(packaged_weights)
    moved = [
        not np.array_equal(old.detach(), new.detach())
        for (name, old), new in zip(before.named_parameters(), checkpoint.backbone.parameters(), strict=True)
        if not name.startswith("classifier")
    ]
    assert all(moved)
    assert (settings.data.out / FOLDER / BEST_FILE).exists()
    export_bundle(
        load_pytorch_checkpoint(settings.data.out),
        tmp_path / "bundle",
        name="tuned",
        golden=golden_pictures(samples[0].parent),
    )
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["description"] == "Linear SVRs on fine-tuned features of efficientnet_lite0; data: biq2021"
    with deepbiq.load(tmp_path / "bundle") as scorer:
        assert 0 <= scorer(samples[0]).score <= 100


def test_an_interrupted_feature_extraction_does_not_fine_tune_again(settings, monkeypatch):
    whole = tuple(family for family in FAMILIES if family.name == "whole")
    monkeypatch.setattr("deepbiq_training.frozen.FAMILIES", whole)

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("deepbiq_training.frozen.fit_family", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_finetuned(settings)
    best = load_file(settings.data.out / FOLDER / BEST_FILE)
    monkeypatch.setattr("deepbiq_training.finetuning.resumable.read_batches", None)
    train_finetuned(settings)
    written = load_file(settings.data.out / "backbone.safetensors")
    assert all(np.array_equal(tensor, best[f"backbone.{name}"]) for name, tensor in written.items())
    (settings.data.out / FOLDER / STATE_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"holds a finished checkpoint .* epochs was 1, now it is 2"):
        train_finetuned(replace(settings, recipe=replace(RECIPE, epochs=2)))
    with pytest.raises(CheckpointError, match="training was fine-tuned, now it is frozen"):
        train_frozen(settings.data)


@pytest.mark.slow
def test_a_whole_round_of_caffenet(settings, caffenet_files, samples, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")
    import deepbiq
    from deepbiq_export.bundling import export_bundle
    from deepbiq_export.from_pytorch import load_pytorch_checkpoint
    from deepbiq_export.golden import golden_pictures

    data = replace(settings.data, backbone="caffenet", **caffenet_files)
    recipe = Recipe(loss="ordinal", crop_size=None, batch_size=8, epochs=1, learning_rate=1e-3)
    train_finetuned(replace(settings, data=data, recipe=recipe))
    (data.out / FOLDER / STATE_FILE).unlink()
    checkpoint = read_checkpoint(data.out)
    before, _ = load_caffenet(caffenet_files["weights"], caffenet_files["mean"])
    for layer in ("conv1", "conv2", "conv5", "fc6", "fc7"):
        # Biases are not decayed, so only a gradient moves them.
        tuned, start = (getattr(network, layer).bias.detach() for network in (checkpoint.backbone, before))
        assert tuned.shape == start.shape
        assert not np.array_equal(tuned, start), layer
    assert checkpoint.backbone.mean_bgr.tolist() == before.mean_bgr.tolist()
    model = load_pytorch_checkpoint(data.out)
    export_bundle(model, tmp_path / "bundle", name="caffenet", golden=golden_pictures(samples[0].parent))
    with deepbiq.load(tmp_path / "bundle", plan="random:5") as scorer:
        found = scorer(samples[0])
        assert 0 <= found.score <= 100
        assert len(found.crop_scores) == 5
        assert scorer.bundle.manifest["feature"]["size"] == 4096
    for graph in (tmp_path / "bundle").glob("*.onnx"):
        graph.unlink()
