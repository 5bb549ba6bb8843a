"""Every command of docs/training.md runs as it stands there, on miniature data and with fewer epochs and splits."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from typer.testing import CliRunner

from deepbiq.cli.main import app
from deepbiq.datasets import dataset_names
from tests.conftest import ROOT
from tests.training.datasets.miniatures import WRITERS
from tests.training.miniature import write_miniature_biq2021

TEXT = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
LINES = "".join(re.findall(r"^```console\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)).splitlines()
PLACE = re.compile(r"PATH/TO/\S+")
SMALL_TRAINING = ("--crop-size", "224", "--batch-size", "4", "--epochs", "1")
SMALL_EXPERIMENT = {
    "pretrained": ("--splits", "2"),
    "pooling": ("--splits", "2", "--max-crops", "5"),
    "finetuned": ("--splits", "2", "--epochs", "1", "--batch-size", "4", "--plan", "random:5"),
    "synthetic": ("--splits", "2", "--plan", "random:5"),
    "unseen": (),
    "summary": (),
}


def commands(verb):
    return [line for line in LINES if line.startswith(f"deepbiq {verb} ")]


@pytest.fixture
def run(tmp_path, packaged_weights, monkeypatch):
    pytest.importorskip("lightning_fabric", reason="needs the extra deepbiq[train]")
    monkeypatch.chdir(tmp_path)

    def run(line, *more):
        words = [*shlex.split(line)[1:], *more]
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result

    return run


def data_set_of(line):
    return re.search(r"--dataset (\S+)", line).group(1)


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in commands("train") if "--qat" not in line])
def test_trainings_run(run, tmp_path, monkeypatch, line):
    from deepbiq_training.families import FAMILIES

    monkeypatch.setattr("deepbiq_training.frozen.FAMILIES", FAMILIES[1:2])
    root = tmp_path / "data" / "ratings.csv" if data_set_of(line) == "csv" else tmp_path / "data"
    WRITERS[data_set_of(line)](root)
    more = () if "--frozen" in line else SMALL_TRAINING
    result = run(PLACE.sub(str(root), line), "--validation-pictures", "4", *more)
    assert (tmp_path / result.stdout.strip() / "checkpoint.json").exists()


@pytest.mark.slow
def test_a_quantisation_aware_training_runs_on_a_finished_one(run, tmp_path, monkeypatch):
    from deepbiq_training.families import FAMILIES

    pytest.importorskip("torchao", reason="needs the extra deepbiq[train]")
    monkeypatch.setattr("deepbiq_training.frozen.FAMILIES", FAMILIES[:1])
    write_miniature_biq2021(tmp_path / "biq2021")
    run("deepbiq train --frozen --root biq2021 --out runs/tuned --validation-pictures 4")
    (line,) = [line for line in commands("train") if "--qat" in line]
    result = run(PLACE.sub("biq2021", line), "--steps", "4", "--batch-size", "2", "--validation-pictures", "3")
    told = json.loads((tmp_path / result.stdout.strip() / "checkpoint.json").read_text())
    assert told["qat"]["recipe"]["flavour"] == "cpu"


def test_every_reader_has_a_command():
    assert {data_set_of(line) for line in commands("train")} == set(dataset_names())


@pytest.mark.slow
def test_experiments_run_one_after_the_other(run, tmp_path):
    write_miniature_biq2021(tmp_path / "biq2021", pictures=30)
    lines = commands("experiment")
    assert [line.split()[2] for line in lines if "--checkpoint" not in line] == [
        "pretrained",
        "pooling",
        "finetuned",
        "unseen",
        "summary",
        "synthetic",
    ]  # fmt: skip
    for line in lines:
        name = line.split()[2]
        if name == "synthetic":
            continue
        result = run(PLACE.sub(str(tmp_path / "biq2021"), line), *SMALL_EXPERIMENT[name])
        assert result.stdout.startswith("| ")
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert written == {
        f"experiment-{name}{ending}"
        for name in (
            "pretrained-biq2021",
            "pooling-biq2021-efficientnet_lite0",
            "finetuned-biq2021-efficientnet_lite0",
            "unseen-biq2021-dense",
            "summary-biq2021",
        )
        for ending in (".json", ".md", ".png")
    }


@pytest.mark.slow
def test_the_synthetic_protocol_runs_with_the_network_of_a_checkpoint(run, tmp_path, monkeypatch):
    from deepbiq_training.families import FAMILIES

    monkeypatch.setattr("deepbiq_training.frozen.FAMILIES", FAMILIES[1:2])
    write_miniature_biq2021(tmp_path / "biq2021")
    run(commands("train")[0].replace("PATH/TO/BIQ2021", "biq2021"), "--validation-pictures", "4", *SMALL_TRAINING)
    WRITERS["tid2013"](tmp_path / "tid2013")
    lines = [line for line in commands("experiment") if line.split()[2] == "synthetic"]
    for line in lines:
        result = run(PLACE.sub(str(tmp_path / "tid2013"), line), *SMALL_EXPERIMENT["synthetic"])
        assert result.stdout.startswith("| method |")
    reports = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("*.json")]
    assert len(reports) == len(lines) == 2
    for report in reports:
        assert report["material"]["split_by"] == "reference picture"
        assert len(report["splits"]) == 2
