from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra deepbiq[export]")

import deepbiq  # after the skip
from deepbiq.bundle import MANIFEST, open_bundle
from deepbiq.errors import BundleError
from deepbiq_export.bundling import export_bundle
from deepbiq_export.export_error import ExportError
from deepbiq_export.golden import GOLDEN_PLANS, golden_pictures
from deepbiq_export.manifest import compose_manifest
from tests.conftest import ROOT

SAMPLES = ROOT / "samples"


@pytest.fixture(scope="module")
def bundle(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "made" / "here"
    export_bundle(model, folder, name="tested", golden=golden_pictures(SAMPLES))
    return folder


def test_the_manifest_tells_what_a_user_must_know(bundle):
    manifest = open_bundle(bundle).manifest
    assert manifest["name"] == "tested"
    assert manifest["feature"] == {
        "layer": "head convolution after ReLU6, averaged over a crop's cells",
        "size": 1280,
        "stride": 32,
        "outer_windows": 3,
    }
    assert manifest["input"]["normalisation"] == {"mean": [127.0] * 3, "std": [128.0] * 3, "inside_graph": True}
    assert manifest["training_scale"] == {"short_side": 512}
    assert set(manifest["plans"]) == {"random", "grid", "dense", "whole"}
    assert manifest["default"] == {"plan": "dense"}
    assert manifest["licence"]["weights"] == "unknown"
    assert manifest["trained_on"]["name"] == "biq2021"
    assert manifest["metrics"][0] == {
        "dataset": "biq2021",
        "split": "validation (scene-disjoint)",
        "plan": "dense",
        "pooling": "feature-avg",
        "n": 4,
        "plcc": 0.8,
        "srocc": 0.79,
    }


def test_the_manifest_says_what_quantisation_aware_fine_tuning_did(model):
    told = {"flavour": "cpu", "steps": 3}
    tuned = dataclasses.replace(model, description={**model.description, "qat": told})
    scores = {"fp32": {}, "fp16": {}}
    assert compose_manifest(tuned, "tuned", scores, half_weights=False)["trained_on"]["qat"] == told
    assert "qat" not in compose_manifest(model, "plain", scores, half_weights=False)["trained_on"]


def test_golden_pictures_score_as_promised(bundle):
    opened = open_bundle(bundle)
    assert len(opened.manifest["golden"]) == 4
    for plan in GOLDEN_PLANS:
        with deepbiq.load(bundle, plan=plan) as scorer:
            for golden in opened.manifest["golden"]:
                assert scorer(opened.read(golden["file"])).score == pytest.approx(golden["scores"][plan], abs=1e-3)


def test_scores_agree_with_the_trained_network(bundle, model):
    """The scorer on a crop, against the network and the regressor by hand."""
    picture = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    from deepbiq.regression import regressors_from_npz

    head = regressors_from_npz(model.regressors["regressors/crops.npz"], name="crops")["prediction"]
    expected = head.predict(model.reference(picture[None])[:, :, 3, 3])[0]
    with deepbiq.load(bundle, plan="grid:1", pool="prediction-avg") as scorer:
        assert scorer(picture).score == pytest.approx(expected, abs=1e-3)


def test_exporting_again_replaces_the_bundle(bundle, model):
    before = (bundle / MANIFEST).read_bytes()
    export_bundle(model, bundle, name="tested", golden=golden_pictures(SAMPLES))
    assert json.loads((bundle / MANIFEST).read_bytes()) == json.loads(before)


def test_a_wrong_graph_leaves_the_old_bundle(bundle, model):
    wrong = dataclasses.replace(model, reference=lambda images: 2 * model.reference(images))
    before = (bundle / MANIFEST).read_bytes()
    with pytest.raises(ExportError, match="differs from PyTorch"):
        export_bundle(wrong, bundle, name="wrong", golden=golden_pictures(SAMPLES))
    assert (bundle / MANIFEST).read_bytes() == before
    open_bundle(bundle)


def test_a_folder_of_something_else_is_not_replaced(model, tmp_path):
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(BundleError, match="not a bundle"):
        export_bundle(model, tmp_path, name="tested", golden=golden_pictures(SAMPLES))
    assert (tmp_path / "precious.txt").read_text() == "keep me"
