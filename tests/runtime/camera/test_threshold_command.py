import json
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest
import tomlkit
import typer
from typer.testing import CliRunner

from deepbiq.camera.config import DecisionSection
from deepbiq.cli.threshold import threshold
from deepbiq.errors import OptionError


@pytest.fixture
def fit(tiny_bundle):
    """Runs the command with the tiny bundle; returns its exit code, stdout and stderr."""
    app = typer.Typer()
    app.command()(threshold)

    def invoke(*arguments):
        done = CliRunner().invoke(app, ["--bundle", str(tiny_bundle), *map(str, arguments)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    return invoke


@pytest.fixture
def pictures(tmp_path):
    """Forty pictures that the tiny bundle scores 0, 2, ..., 78."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(40):
        bgr = np.zeros((64, 64, 3), np.uint8)
        bgr[..., 0] = round(number * 2 * 2.55)
        assert cv2.imwrite(str(folder / f"{number:02d}.png"), bgr)
    return folder


def labels_of(folder, border, *, name="labels.csv"):
    rows = [
        f"{path.name},{'accepted' if int(path.stem) >= border else 'rejected'}" for path in folder.glob("*.png")
    ]
    file = folder / name
    file.write_text("\n".join(["path,verdict", *rows]))
    return file


def test_fits_a_reject_rate_as_toml(fit, pictures):
    code, stdout, stderr = fit("--reject-rate", "0.1", "--warn-rate", "0.2", pictures)
    assert (code, stderr) == (0, "")
    section = DecisionSection(**tomlkit.parse(stdout)["decision"])
    assert 6 < section.reject < 8
    assert 22 < section.accept < 24
    assert "# 40 pictures; 0 could not be read\n# of them accepted 70.0%, warned 20.0%, rejected 10.0%" in stdout


def test_fits_to_labels_as_json_with_a_plot(fit, pictures, tmp_path):
    labels, drawn = labels_of(pictures, 20), tmp_path / "plot.svg"
    code, stdout, stderr = fit("--labels", labels, "--format", "json", "--plot", drawn)
    found = json.loads(stdout)
    assert (code, stderr) == (0, "")
    assert 38 < found["border"]["score"] < 40
    assert found["reject"] <= found["border"]["score"] <= found["accept"]
    assert (found["n"], found["unreadable"], found["border"]["auc"]) == (40, 0, 1.0)
    assert "accepted (20)" in [text.text for text in ET.parse(drawn).iter("{http://www.w3.org/2000/svg}text")]


def test_takes_earlier_scores_instead_of_pictures(fit, tmp_path):
    scores = tmp_path / "scores.jsonl"
    scores.write_text("\n".join(json.dumps({"path": f"p{n}", "score": n}) for n in range(100)))
    code, stdout, _ = fit("--reject-rate", "0.05", "--scores", scores, "--format", "json")
    assert (code, json.loads(stdout)["reject"]) == (0, 4.95)
    labels = tmp_path / "labels.csv"
    labels.write_text("path,verdict\n" + "\n".join(f"p{n},{int(n >= 30)}" for n in range(0, 60)))
    code, stdout, _ = fit("--labels", labels, "--scores", scores)
    assert code == 0
    assert "# 30 were accepted by people, 30 rejected; AUC 1.000\n# border 29.5 (95 % interval" in stdout


def test_unreadable_pictures_are_named_counted_and_told_by_the_exit_code(fit, pictures):
    (pictures / "41.png").write_bytes(b"no picture")
    code, stdout, stderr = fit("--reject-rate", "0.1", pictures)
    assert code == 3
    assert "41.png" in stderr
    assert "# 40 pictures; 1 could not be read" in stdout


def test_says_what_is_wrong_with_the_pictures(fit, pictures):
    with pytest.raises(OptionError, match="1 scores are too few"):
        fit("--reject-rate", "0.1", pictures / "01.png")
    with pytest.raises(OptionError, match="40 accepted and 0 rejected"):
        fit("--labels", labels_of(pictures, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either --reject-rate or --labels"),
        (["--reject-rate", "0.1", "--labels", "x.csv"], "either --reject-rate or --labels"),
        (["--reject-rate", "0.1"], "name PICTURES, or --scores"),
        (["--labels", "x.csv", "a.png"], "leave out PICTURES"),
        (["--reject-rate", "0.1", "--scores", "x.jsonl", "a.png"], "leave out PICTURES"),
    ],
)
def test_refuses_contradicting_options(fit, arguments, message):
    with pytest.raises(OptionError, match=message):
        fit(*arguments)


def test_a_plot_that_cannot_be_written_is_said(fit, pictures, tmp_path):
    with pytest.raises(OptionError, match="plot cannot be written"):
        fit("--reject-rate", "0.1", pictures, "--plot", tmp_path / "nowhere" / "plot.svg")
