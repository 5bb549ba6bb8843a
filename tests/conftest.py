"""Shared fixtures: a bundle small enough to check by hand, the sample pictures, the data set if it is there."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from deepbiq.bundle import write_bundle
from deepbiq.regression import LinearRegressor, regressors_to_npz
from tests.browser import CHROMIUM, QUIET
from tests.tiny_model import SIZE, STRIDE, mean_colour_graph

ROOT = Path(__file__).parents[1]
BIQ2021 = Path(os.environ.get("DEEPBIQ_BIQ2021", ROOT.parent / "shared" / "data" / "biq2021"))

# What was tuned or built on this machine must not decide what tests see; commands that tests start inherit it.
os.environ["DEEPBIQ_CACHE"] = tempfile.mkdtemp(prefix="deepbiq-tests-")
atexit.register(shutil.rmtree, os.environ["DEEPBIQ_CACHE"], ignore_errors=True)

hypothesis.settings.register_profile("deterministic", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "deterministic"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the slowest tests first: no process is left with minutes of them when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def samples() -> list[Path]:
    return sorted((ROOT / "samples").glob("*.jpg"))


@pytest.fixture(scope="session")
def biq2021() -> Path:
    if not BIQ2021.is_dir():
        pytest.skip("BIQ2021 is not on this machine: set DEEPBIQ_BIQ2021 to its folder")
    return BIQ2021


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def tiny_manifest() -> dict:
    plans = {
        family: {"regressors": f"regressors/{file}.npz", "pooling": "prediction-avg"}
        for family, file in (("random", "many"), ("grid", "many"), ("dense", "many"), ("whole", "whole"))
    }
    return {
        "schema": 1,
        "name": "tiny",
        "description": "mean colours, for tests",
        "backbone": "mean_colour",
        "feature": {"layer": "mean", "size": 3, "stride": STRIDE},
        "input": {"name": "image", "size": SIZE, "layout": "NHWC", "dtype": "uint8", "colour_order": "BGR"},
        "training_scale": {"short_side": 256},
        "score": {"min": 0, "max": 100, "direction": "higher is better"},
        "graphs": {"fp32": {"file": "features.onnx", "output": "features"}},
        "plans": plans,
        "default": {"plan": "dense"},
        "licence": "Apache-2.0",
        "trained_on": "nothing",
        "metrics": [],
        "golden": [],
    }


def tiny_files() -> dict[str, bytes]:
    """The score of a crop is its mean blue value times 100 / 255."""
    blue = LinearRegressor(np.array([100 / 255, 0, 0]), 0.0)
    concat = LinearRegressor(np.tile([100 / 255 / 25, 0, 0], 25), 0.0)
    heads = dict.fromkeys(("prediction", "feature-min", "feature-avg", "feature-max"), blue)
    return {
        "features.onnx": mean_colour_graph(),
        "regressors/many.npz": regressors_to_npz({**heads, "concat": concat}),
        "regressors/whole.npz": regressors_to_npz({**heads, "concat": blue}),
    }


def reseal(folder: Path, change: Callable[[dict], object]) -> None:
    """Edits the manifest and seals it again, as somebody who wants to deceive would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    text = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(text)
    (folder / "manifest.json.sha256").write_text(f"{hashlib.sha256(text).hexdigest()}  manifest.json\n")


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Path:
    """A bundle whose features are mean colours, so that every score has a closed form."""
    folder = tmp_path / "tiny"
    write_bundle(folder, tiny_manifest(), tiny_files())
    return folder
