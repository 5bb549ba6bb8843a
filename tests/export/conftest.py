"""Fixtures of the export room: a checkpoint of a random network, exported once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepbiq.regression import LinearRegressor, regressors_to_npz

SIZE = 1280


def random_regressors(crops: int) -> bytes:
    generator = np.random.default_rng(crops)
    sizes = {
        "prediction": SIZE,
        "feature-min": SIZE,
        "feature-avg": SIZE,
        "feature-max": SIZE,
        "concat": crops * SIZE,
    }
    heads = {name: LinearRegressor(generator.normal(size=size) / size, 50.0) for name, size in sizes.items()}
    return regressors_to_npz(heads)


def description() -> dict:
    files = {"random": "crops", "grid": "crops", "dense": "dense", "whole": "whole"}
    return {
        "backbone": "efficientnet_lite0",
        "weights": {"source": "random", "sha256": "0" * 64, "licence": "unknown"},
        "data_set": {"name": "biq2021", "split": "train", "pictures": 12},
        "validation": {"pictures": 4, "seed": 0},
        "training_scale": {"short_side": 512},
        "plans": {
            plan: {"regressors": f"regressors/{file}.npz", "pooling": "feature-avg"} for plan, file in files.items()
        },
        "metrics": [{"plan": "dense", "pooling": "feature-avg", "n": 4, "plcc": 0.8, "srocc": 0.79}],
    }


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    torch = pytest.importorskip("torch", reason="needs the extra deepbiq[export]")
    pytest.importorskip("safetensors", reason="needs the extra deepbiq[export]")
    from deepbiq_training.backbones import EfficientNetLite0
    from deepbiq_training.checkpoint import write_checkpoint

    torch.manual_seed(1)
    network = EfficientNetLite0()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.2, 0.5)
            torch.nn.init.uniform_(module.bias, -0.3, 0.6)
    folder = tmp_path_factory.mktemp("checkpoint")
    regressors = {
        f"regressors/{name}.npz": random_regressors(n) for name, n in (("crops", 25), ("dense", 25), ("whole", 1))
    }
    write_checkpoint(folder, description(), network, regressors)
    return folder


@pytest.fixture(scope="session")
def model(checkpoint):
    pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")
    from deepbiq_export.from_pytorch import load_pytorch_checkpoint

    return load_pytorch_checkpoint(checkpoint)


@pytest.fixture(scope="session")
def regressor(model):
    from deepbiq_export.score_output import dense_regressor

    return dense_regressor(model.description["plans"], model.regressors)


@pytest.fixture(scope="session")
def features_graph(model):
    from deepbiq_export.graph import clean_graph

    return clean_graph(model.raw_graph, "efficientnet_lite0")


@pytest.fixture(scope="session")
def graph(features_graph, regressor):
    from deepbiq_export.graph import FEATURES, seal_graph
    from deepbiq_export.score_output import add_score

    return seal_graph(add_score(features_graph, FEATURES, regressor), {"name": "tested"})
