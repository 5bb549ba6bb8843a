"""Fixtures of the calibration room: a miniature network in a bundle, and rated pictures to calibrate it on."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra deepbiq[calibrate]")
pytest.importorskip("matplotlib", reason="needs the extra deepbiq[calibrate]")

import cv2  # noqa: E402  # after the skips
import onnxruntime  # noqa: E402

import deepbiq  # noqa: E402
from deepbiq.bundle import write_bundle  # noqa: E402
from deepbiq.regression import LinearRegressor, regressors_to_npz  # noqa: E402
from tests.calibration.networks import DEPTH, SIZE, STRIDE, miniature  # noqa: E402

SIDE = 64
PICTURES = 60


def pictures(count: int, seed: int = 0, side: int = SIDE) -> list[np.ndarray]:
    """Smooth coloured noise of various brightness, contrast and coarseness, (side, side, 3) uint8."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        cells = int(rng.integers(3, 17))
        coarse = rng.normal(rng.uniform(60, 200), rng.uniform(10, 70), (cells, cells, 3)).astype(np.float32)
        found.append(
            np.clip(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
        )
    return found


def run(model, images, outputs=("features",), *, fused=True):
    """Runs a graph as anyone would, or with nothing joined."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model if isinstance(model, bytes) else model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(list(outputs), {"image": images})


def regressor_of(model) -> LinearRegressor:
    """A regressor under which the pictures score 50 plus or minus 15."""
    features = np.stack([run(model, picture[None])[0][0].mean(axis=(1, 2)) for picture in pictures(PICTURES)])
    weights = np.random.default_rng(5).normal(size=DEPTH) / (features.std(axis=0) + 1e-6)
    raw = features @ weights
    weights *= 15 / raw.std()
    return LinearRegressor(weights, float(50 - (features @ weights).mean()))


def write_miniature(folder: Path, model, **changes) -> Path:
    """Writes a bundle around a network."""
    head = regressor_of(model)
    heads = dict.fromkeys(("prediction", "feature-min", "feature-avg", "feature-max"), head)
    regressors = regressors_to_npz(heads)
    plans = {
        family: {"regressors": "regressors/all.npz", "pooling": "feature-avg"}
        for family in ("random", "grid", "dense", "whole")
    }
    encoded, png = cv2.imencode(".png", pictures(1, seed=9)[0])
    assert encoded
    manifest = {
        "schema": 1,
        "name": "miniature",
        "description": "for tests",
        "backbone": "miniature",
        "feature": {"layer": "head", "size": DEPTH, "stride": STRIDE, "outer_windows": 0},
        "input": {"name": "image", "size": SIZE, "layout": "NHWC", "dtype": "uint8", "colour_order": "BGR"},
        "training_scale": {"short_side": SIDE},
        "score": {"min": 0, "max": 100, "direction": "higher is better"},
        "graphs": {"fp32": {"file": "model.fp32.onnx", "output": "features", "score_output": "score"}},
        "plans": plans,
        "default": {"plan": "dense"},
        "licence": "Apache-2.0",
        "trained_on": "nothing",
        "metrics": [],
        "golden": [{"file": "golden/one.png", "scores": {"dense": 50.0, "random:5": 50.0}}],
        **changes,
    }
    data = model if isinstance(model, bytes) else model.SerializeToString()
    files = {"model.fp32.onnx": data, "regressors/all.npz": regressors, "golden/one.png": png.tobytes()}
    write_bundle(folder, manifest, files)
    return folder


@dataclass(frozen=True)
class Rated:
    """A folder of pictures with ratings.csv."""

    folder: Path
    paths: list[Path]
    mos: list[float]


def rate(folder: Path, bundle: Path) -> Rated:
    """Writes pictures that people are said to have rated as FP32 does, give or take five points."""
    rng = np.random.default_rng(3)
    folder.mkdir()
    paths, mos = [], []
    for index, picture in enumerate(pictures(PICTURES)):
        paths.append(folder / f"{index:02}.png")
        cv2.imwrite(str(paths[-1]), picture)
    with deepbiq.load(bundle) as scorer:
        mos = [float(np.clip(scorer(path).score + rng.normal(0, 5), 0, 100)) for path in paths]
    with (folder / "ratings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "mos", "group"])
        # Pairs of neighbours are one scene.
        writer.writerows(
            [path.name, score, f"scene{i // 2}"] for i, (path, score) in enumerate(zip(paths, mos, strict=True))
        )
    return Rated(folder, paths, mos)


@pytest.fixture(scope="session")
def network():
    return miniature()


@pytest.fixture(scope="session")
def inputs() -> list[np.ndarray]:
    """Calibration inputs: whole pictures and crops."""
    whole = [picture[None] for picture in pictures(12, seed=1)]
    crops = [np.stack([picture[:SIZE, :SIZE], picture[-SIZE:, -SIZE:]]) for picture in pictures(4, seed=2)]
    return [*whole, *crops]


@pytest.fixture
def bundle(tmp_path, network) -> Path:
    return write_miniature(tmp_path / "miniature", network)


@pytest.fixture(scope="session")
def rated(tmp_path_factory, network) -> Rated:
    folder = tmp_path_factory.mktemp("rated")
    return rate(folder / "pictures", write_miniature(folder / "bundle", network))


@pytest.fixture(scope="session")
def ranges_of(network, inputs):
    from deepbiq_calibration.flavours import is_symmetric, tensors_to_range
    from deepbiq_calibration.ranges import collect_ranges

    def collect(flavour, model=network):
        tensors = tensors_to_range(model, "features")
        return collect_ranges(model, tensors, inputs, "minmax", symmetric=is_symmetric(flavour))

    return collect
