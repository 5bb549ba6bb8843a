"""`deepbiq bench accuracy` on a miniature of BIQ2021 whose scores the tiny bundle predicts exactly."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy", reason="install deepbiq[bench]")
pytest.importorskip("matplotlib", reason="install deepbiq[bench]")

from typer.testing import CliRunner

from deepbiq.cli.main import app

BLUES = (0, 25, 51, 102, 153, 204, 255)


@pytest.fixture
def root(tmp_path):
    """Pictures whose MOS is their blue value / 255, four of ss01 and three of ss02, in the official layout."""
    root = tmp_path / "biq2021"
    (root / "Images").mkdir(parents=True)
    rows = ["Image Name,MOS"]
    for number, blue in enumerate(BLUES):
        name = f"ss0{1 + number // 4} ({number}).jpg"
        cv2.imwrite(str(root / "Images" / name), np.full((128, 128, 3), (blue, 0, 0), np.uint8))
        rows.append(f"{name},{blue / 255:.4f}")
    for split in ("Train", "Test"):
        (root / f"{split} (Images and MOS).csv").write_text("\n".join(rows))
    return root


@pytest.fixture
def bench(tiny_bundle):
    def invoke(*arguments):
        command = ["bench", "accuracy", "--bundle", str(tiny_bundle), *map(str, arguments)]
        return CliRunner().invoke(app, command)

    return invoke


def test_json_has_the_contracts_keys(bench, root):
    done = bench("--dataset", "biq2021", "--root", root, "--split", "test", "--plan", "grid:4", "--format", "json")
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert {
        "dataset", "split", "n", "plcc", "srocc", "krocc", "rmse", "mae", "plcc_ci95", "srocc_ci95", "plan",
        "engine", "precision", "model", "machine", "date", "subsets",
    } <= result.keys()  # fmt: skip
    assert (result["dataset"], result["split"], result["n"], result["plan"]) == ("biq2021", "test", 7, "grid:4")
    assert result["plcc"] == pytest.approx(1, abs=1e-4)
    assert result["srocc"] == pytest.approx(1)
    assert result["mae"] < 1.5  # what JPEG makes of pure blue
    assert {name: row["n"] for name, row in result["subsets"].items()} == {"ss01": 4, "ss02": 3}


def test_plot_and_results_file(bench, root, tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    plot = tmp_path / "scatter.png"
    done = bench("--root", root, "--plot", plot, "--results", results)
    assert done.exit_code == 0, done.stderr
    assert "PLCC" in done.stdout
    assert cv2.imread(str(plot)).shape[0] > 300
    (file,) = results.iterdir()
    assert file.name == "accuracy-biq2021-test-dense-onnxruntime-fp32.json"
    assert json.loads(file.read_text())["n"] == 7


def test_a_picture_that_cannot_be_scored_is_an_error_and_not_a_smaller_n(bench, root):
    (root / "Images" / "ss01 (2).jpg").write_bytes(b"")
    done = bench("--root", root)
    assert done.exit_code == 3
    assert "ss01 (2).jpg" in done.stderr
    assert done.stdout == ""


def test_ratings_of_ones_own_on_a_stated_scale(bench, root):
    rows = [f"Images/ss0{1 + i // 4} ({i}).jpg,{5 - 4 * blue / 255:.4f}" for i, blue in enumerate(BLUES)]
    (root / "ratings.csv").write_text("\n".join(["path,mos", *rows]))
    options = ("--dataset", "csv", "--root", root, "--format", "json")
    result = json.loads(bench(*options, "--rating-scale", "1..5:lower").stdout)
    assert (result["dataset"], result["split"], result["n"]) == ("csv", "all", 7)
    assert result["rating_scale"]["direction"] == "lower is better"
    assert result["plcc"] == pytest.approx(1, abs=1e-4)
    assert result["mae"] < 1.5
    assert json.loads(bench(*options).stdout)["plcc"] == pytest.approx(-1, abs=1e-4)


def test_a_data_set_of_another_room_by_its_name(bench, tmp_path):
    root = tmp_path / "tid2013"
    (root / "distorted_images").mkdir(parents=True)
    names = [f"i0{1 + i % 2}_{i // 4:02d}_{i}.bmp" for i in range(len(BLUES))]
    for name, blue in zip(names, BLUES, strict=True):
        cv2.imwrite(str(root / "distorted_images" / name), np.full((128, 128, 3), (blue, 0, 0), np.uint8))
    (root / "mos_with_names.txt").write_text(
        "\n".join(f"{9 * blue / 255:.5f} {name.upper()}" for name, blue in zip(names, BLUES, strict=True))
    )
    (root / "mos_std.txt").write_text("0.1\n" * len(BLUES))
    done = bench("--dataset", "tid2013", "--root", root)
    assert done.exit_code == 0, done.stderr
    heading, _, every, *subsets = done.stdout.splitlines()
    assert heading.startswith("tid2013 all")
    assert every.split()[:3] == ["all", "7", "1.000"]
    assert [line.split()[:2] for line in subsets] == [["00", "4"], ["01", "3"]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dataset", "koniq"], "use biq2021, csiq, csv"),
        (["--dataset", "tid2013", "--split", "test"], "use all"),
        (["--rating-scale", "0..1"], "has its own scale"),
        (["--split", "validation"], "validation"),
        (["--plot", "no/such/folder/plot.png"], "plot.png"),
        (["--plot", "plot.xyz"], "plot.xyz"),
        (["--results", "no/such/folder"], "no/such/folder"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error(bench, root, options, words):
    done = bench("--root", root, *options)
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_folder_of_another_layout(bench, tmp_path):
    done = bench("--root", tmp_path)
    assert done.exit_code == 2
    assert "official layout" in done.stderr
