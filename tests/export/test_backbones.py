"""The graphs of the networks with fully connected layers: real operators, and torch's values."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[export]")
onnx = pytest.importorskip("onnx", reason="needs the extra deepbiq[export]")
pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")

import deepbiq  # noqa: E402  # after the skip
from deepbiq.regression import LinearRegressor, regressors_from_npz, regressors_to_npz  # noqa: E402
from deepbiq_export.bundling import export_bundle  # noqa: E402
from deepbiq_export.export_error import ExportError  # noqa: E402
from deepbiq_export.from_pytorch import load_pytorch_checkpoint  # noqa: E402
from deepbiq_export.golden import golden_pictures  # noqa: E402
from deepbiq_export.graph import FEATURES, clean_graph, operator_counts  # noqa: E402
from deepbiq_export.manifest import default_name  # noqa: E402
from deepbiq_export.parity import FP32, check_parity  # noqa: E402
from deepbiq_export.score_output import add_score, dense_regressor  # noqa: E402
from deepbiq_training.backbones import AlexNet, CaffeNet  # noqa: E402
from deepbiq_training.checkpoint import write_checkpoint  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.export.conftest import description  # noqa: E402

EXPECTED = 1e-5
"""Share of the largest value: another library's order of additions."""
WRITTEN_BY_HAND = {"Transpose": 1, "Cast": 1, "Sub": 1, "Conv": 7, "Relu": 7, "MaxPool": 3}
"""Five convolutions, and two fully connected layers as convolutions."""
SIZE = 4096


def regressors(crops):
    generator = np.random.default_rng(crops)
    sizes = {
        "prediction": SIZE,
        "feature-min": SIZE,
        "feature-avg": SIZE,
        "feature-max": SIZE,
        "concat": crops * SIZE,
    }
    heads = {name: LinearRegressor(generator.normal(size=n) / n, 50.0) for name, n in sizes.items()}
    return regressors_to_npz(heads)


def trained(network, folder):
    """Makes a checkpoint and reads it for export; 240 MB that are removed at once."""
    files = {f"regressors/{name}.npz": regressors(n) for name, n in (("crops", 25), ("dense", 25), ("whole", 1))}
    write_checkpoint(folder, {**description(), "backbone": network.spec.name}, network, files)
    model = load_pytorch_checkpoint(folder)
    (folder / "backbone.safetensors").unlink()
    return model


@pytest.fixture(scope="module")
def caffenet(tmp_path_factory):
    torch.manual_seed(0)
    return trained(CaffeNet(7, mean_bgr=(104.0, 117.0, 123.0)), tmp_path_factory.mktemp("caffenet"))


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory):
    torch.manual_seed(0)
    return trained(AlexNet(7), tmp_path_factory.mktemp("alexnet"))


@pytest.fixture(scope="module")
def caffenet_graph(caffenet):
    return clean_graph(caffenet.raw_graph, "caffenet")


def parity(graph, model, reference):
    regressor = dense_regressor(model.description["plans"], model.regressors)
    fused = add_score(graph, FEATURES, regressor)
    return check_parity(fused, reference, regressor, (model.input_size, model.stride), FP32)


def attributes(graph, operator):
    return [
        {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        for node in onnx.load_model_from_string(graph).graph.node
        if node.op_type == operator
    ]


def test_caffenet_keeps_lrn_as_an_operator(caffenet_graph):
    assert operator_counts(onnx.load_model_from_string(caffenet_graph)) == {**WRITTEN_BY_HAND, "LRN": 2}
    expected = {"alpha": pytest.approx(1e-4), "beta": 0.75, "bias": 1.0, "size": 5}
    assert attributes(caffenet_graph, "LRN") == [expected] * 2


def test_caffenet_pools_by_caffes_rule(caffenet_graph):
    assert [found["ceil_mode"] for found in attributes(caffenet_graph, "MaxPool")] == [1, 1, 1]


def test_caffenet_gives_torchs_values(caffenet, caffenet_graph):
    """On crops of 227 pixels and pictures of 227 plus multiples of 32."""
    seen = []

    def reference(images):
        seen.append(images.shape[1:3])
        return caffenet.reference(images)

    assert parity(caffenet_graph, caffenet, reference).features <= EXPECTED
    assert set(seen) == {(227, 227), (515, 515), (387, 643), (259, 707)}


def test_a_graph_with_another_lrn_is_refused(caffenet, caffenet_graph):
    loaded = onnx.load_model_from_string(caffenet_graph)
    for node in loaded.graph.node:
        for attribute in node.attribute:
            if node.op_type == "LRN" and attribute.name == "alpha":
                attribute.f *= 5  # what forgetting the division by the number of channels would do
    with pytest.raises(ExportError, match="differs from PyTorch"):
        parity(loaded.SerializeToString(), caffenet, caffenet.reference)


def test_alexnet_gives_torchs_values_and_needs_no_other_operators(alexnet):
    graph = clean_graph(alexnet.raw_graph, "alexnet")
    assert operator_counts(onnx.load_model_from_string(graph)) == WRITTEN_BY_HAND
    assert parity(graph, alexnet, alexnet.reference).features <= EXPECTED


def test_each_backbone_has_its_own_operators(caffenet):
    with pytest.raises(ExportError, match="'LRN': 2"):
        clean_graph(caffenet.raw_graph, "alexnet")


@pytest.mark.slow
def test_a_caffenet_bundle_scores_as_the_network_does(caffenet, tmp_path):
    assert default_name(caffenet) == "caffenet-frozen-biq2021"
    export_bundle(caffenet, tmp_path / "bundle", name="tested", golden=golden_pictures(ROOT / "samples"))
    picture = np.random.default_rng(0).integers(0, 256, (227, 259, 3), dtype=np.uint8)
    features = caffenet.reference(picture[None])[0].reshape(SIZE, 2).T
    head = regressors_from_npz(caffenet.regressors["regressors/dense.npz"], name="dense")["prediction"]
    with deepbiq.load(tmp_path / "bundle", plan="dense", pool="prediction-avg") as scorer:
        found = scorer(picture)
        manifest = scorer.bundle.manifest
    for graph in (tmp_path / "bundle").glob("*.onnx"):
        graph.unlink()
    np.testing.assert_allclose(found.crop_scores, head.predict(features), atol=1e-3)
    assert manifest["input"]["size"] == 227
    assert manifest["input"]["normalisation"] == {
        "mean": [123.0, 117.0, 104.0],
        "std": [1.0] * 3,
        "inside_graph": True,
    }
