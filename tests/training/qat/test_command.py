from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from deepbiq.errors import OptionError
from deepbiq.extras import MissingExtraError
from deepbiq_training.command import train
from tests.command_results import refused


@pytest.fixture
def run(tmp_path):
    app = typer.Typer(add_completion=False)
    app.command()(train)
    folders = ("--root", str(tmp_path / "data"), "--out", str(tmp_path / "run"))
    return lambda *arguments: CliRunner().invoke(app, [*folders, *arguments])


def test_options_of_other_trainings_are_refused_with_qat(run, tmp_path):
    options = ("--frozen", "--recipe", "default", "--loss", "both", "--backbone", "caffenet", "--features", "x")
    result = run("--qat", str(tmp_path), *options)
    refused(result, OptionError, "--frozen, --recipe, --loss, --backbone, --features: not for --qat")


def test_options_of_qat_are_refused_without_it(run):
    refused(run("--flavour", "cpu", "--steps", "8"), OptionError, "--flavour, --steps: for --qat only")
    refused(run("--frozen", "--steps", "8"), OptionError, "--steps: for --qat only")


@pytest.mark.parametrize(
    ("option", "value", "match"),
    [
        ("--flavour", "npu", "unknown flavour 'npu': use tensorrt, cpu"),
        ("--steps", "5", "steps must be a multiple of the 4 rounds, got 5"),
        ("--learning-rate", "0", "learning-rate must be above 0"),
    ],
)
def test_settings_that_are_not_offered_are_refused(run, tmp_path, option, value, match):
    refused(run("--qat", str(tmp_path), option, value), OptionError, match)


def test_a_missing_package_names_the_extra(run, tmp_path, monkeypatch):
    monkeypatch.setattr("deepbiq.extras.find_spec", lambda module: None if module == "torchao" else object())
    refused(run("--qat", str(tmp_path)), MissingExtraError, "needs torchao: install the extra with  pip install")


def test_rounds_are_printed_and_the_folder(run, tmp_path, monkeypatch):
    from deepbiq_training.qat.comparison import Comparison
    from deepbiq_training.qat.rounds import Round

    costs = Comparison(
        n=600, plcc=0.86, srocc=0.87, plcc_drop=0.001, srocc_drop=0.0025, mean_shift=0.4, flips=0.015
    )
    seen = []

    def trained(settings):
        seen.append(settings)
        return [Round(0, costs, costs), Round(100, costs, costs)]

    monkeypatch.setattr("deepbiq_training.quantised.train_quantised", trained)
    options = ("--flavour", "cpu", "--steps", "100", "--crop-size", "256", "--validation-pictures", "300")
    result = run("--qat", str(tmp_path / "finished"), *options)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'run'}\n"
    assert "0.0025" in result.stderr
    (settings,) = seen
    assert (settings.recipe.flavour, settings.recipe.steps, settings.recipe.crop_size) == ("cpu", 100, 256)
    assert (settings.checkpoint, settings.validation_pictures) == (tmp_path / "finished", 300)
