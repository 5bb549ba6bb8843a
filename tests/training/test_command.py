from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from deepbiq.cli.exit_codes import USAGE
from deepbiq.errors import OptionError
from deepbiq.extras import MissingExtraError
from deepbiq_training.command import train
from tests.command_results import refused


@pytest.fixture
def run():
    app = typer.Typer(add_completion=False)
    app.command()(train)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, list(arguments))


def test_help_needs_no_torch():
    code = (
        "import sys, typer; sys.modules.update(torch=None, sklearn=None, scipy=None);"
        "from deepbiq_training.command import train; app = typer.Typer(); app.command()(train); app(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--frozen" in done.stdout


def test_settings_of_the_fine_tuning_are_refused_with_frozen(run, tmp_path):
    options = ("--loss", "both", "--recipe", "default", "--crop-size", "256")
    result = run("--frozen", *options, "--root", str(tmp_path), "--out", str(tmp_path / "run"))
    refused(result, OptionError, "--recipe, --loss, --crop-size: for fine-tuning only")


@pytest.mark.parametrize(
    ("option", "value", "match"),
    [
        ("--loss", "mse", "unknown loss 'mse': use classes"),
        ("--recipe", "best", "unknown recipe 'best'"),
        ("--crop-size", "250", "crop-size must be one of 224, 256"),
        ("--batch-size", "1", "batch-size must be at least 2, got 1"),
    ],
)
def test_settings_that_are_not_offered_are_refused(run, tmp_path, packaged_weights, option, value, match):
    pytest.importorskip("lightning_fabric", reason="needs the extra deepbiq[train]")
    refused(run(option, value, "--root", str(tmp_path), "--out", str(tmp_path / "run")), OptionError, match)


def test_fine_tuning_names_the_extra(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "deepbiq.extras.find_spec", lambda module: None if module == "lightning_fabric" else object()
    )
    result = run("--root", str(tmp_path), "--out", str(tmp_path / "run"))
    refused(
        result, MissingExtraError, "needs lightning_fabric: install the extra with  pip install 'deepbiq[train]'"
    )


def test_a_validation_part_without_a_correlation_is_refused(run, tmp_path):
    folders = ("--root", str(tmp_path), "--out", str(tmp_path / "run"))
    result = run("--frozen", "--validation-pictures", "2", *folders)
    assert result.exit_code == USAGE
    assert "2 is not in the range x>=3" in result.output


def test_an_unknown_data_set_is_refused(run, tmp_path):
    result = run("--frozen", "--dataset", "koniq", "--root", str(tmp_path), "--out", str(tmp_path / "run"))
    refused(result, OptionError, "unknown data set 'koniq': use biq2021, csiq, csv, koniq10k")


def test_a_scale_for_a_data_set_that_has_its_own_is_refused(run, tmp_path):
    result = run("--frozen", "--rating-scale", "1..5", "--root", str(tmp_path), "--out", str(tmp_path / "run"))
    refused(result, OptionError, "biq2021 has its own scale")


def test_a_package_that_only_the_data_set_needs_names_the_extra(run, tmp_path, monkeypatch):
    monkeypatch.setattr("deepbiq.extras.find_spec", lambda module: None if module == "openpyxl" else object())
    result = run("--frozen", "--dataset", "spaq", "--root", str(tmp_path), "--out", str(tmp_path / "run"))
    refused(result, MissingExtraError, "needs openpyxl: install the extra with  pip install 'deepbiq[train]'")


def test_an_unknown_backbone_is_refused(run, tmp_path):
    pytest.importorskip("torch", reason="needs the extra deepbiq[train]")
    result = run("--frozen", "--backbone", "vgg", "--root", str(tmp_path), "--out", str(tmp_path / "run"))
    refused(result, OptionError, "unknown backbone 'vgg': use efficientnet_lite0, caffenet, alexnet")


def test_a_package_inside_a_missing_one_is_missing(run, tmp_path, monkeypatch):
    def without_google(module):
        if module == "google.protobuf":
            raise ModuleNotFoundError("No module named 'google'")
        return object()

    monkeypatch.setattr("deepbiq.extras.find_spec", without_google)
    result = run("--frozen", "--root", str(tmp_path), "--out", str(tmp_path / "run"))
    refused(result, MissingExtraError, r"this needs google.protobuf")


def test_a_missing_package_names_the_extra(run, tmp_path, monkeypatch):
    monkeypatch.setattr("deepbiq.extras.find_spec", lambda module: None if module == "sklearn" else object())
    result = run("--frozen", "--root", str(tmp_path), "--out", str(tmp_path / "run"))
    refused(result, MissingExtraError, "pip install 'deepbiq[train]'")


def test_a_place_that_cannot_be_written_is_one_line(run, miniature, tmp_path, packaged_weights):
    (tmp_path / "file").write_text("")
    result = run("--frozen", "--root", str(miniature), "--out", str(tmp_path / "file" / "run"))
    refused(result, OptionError, "cannot write the checkpoint")


def test_a_training_prints_its_folder_and_its_table(run, miniature, tmp_path, packaged_weights, monkeypatch):
    from deepbiq_training.families import FAMILIES

    monkeypatch.setattr("deepbiq_training.frozen.FAMILIES", FAMILIES[1:2])
    out = tmp_path / "run"
    result = run("--frozen", "--root", str(miniature), "--out", str(out), "--validation-pictures", "4")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}\n"
    assert "prediction-avg" in result.stderr
