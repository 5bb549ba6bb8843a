"""`bench parity` finds what was planted: variants of the tiny bundle whose differences have a closed form."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pytest

pytest.importorskip("onnx", reason="variants are made with onnx: install deepbiq[export]")

import onnx
from typer.testing import CliRunner

from deepbiq.bundle import write_bundle
from deepbiq.cli.main import app
from deepbiq.cuda import has_driver
from deepbiq.labels import label_of
from deepbiq_benchmarks.parity import VARIANTS, window_cosines
from tests.conftest import tiny_files, tiny_manifest
from tests.tiny_model import mean_colour_graph

BLUES = (10, 40, 80, 101, 150, 200, 240)
GREENS = (90, 10, 70, 30, 60, 20, 50)
SCORES = np.array(BLUES) * 100 / 255
ONE_POINT = 2.55  # of blue


def colours_mixed(model, matrix, offset=(0, 0, 0)):
    """The graph with features `matrix @ (blue, green, red) + offset` in place of the mean colours."""
    parsed = onnx.load_model_from_string(model)
    for node in parsed.graph.node:
        node.output[:] = ["mean" if name == "features" else name for name in node.output]
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    kernel = np.array(matrix, np.float32).reshape(3, 3, 1, 1)
    parsed.graph.initializer.extend(
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(np.array(offset, np.float32), "offset"),
        ]
    )
    parsed.graph.node.append(helper.make_node("Conv", ["mean", "kernel", "offset"], ["features"]))
    onnx.checker.check_model(parsed)
    return parsed.SerializeToString()


@pytest.fixture
def make_bundle(tmp_path):
    """Writes the tiny bundle with other graphs: a model by precision."""

    def make(name, manifest=None, **models):
        graphs, files = {}, tiny_files()
        for precision, model in models.items():
            key = precision.replace("_", "-")
            graphs[key] = {"file": f"{key}.onnx", "output": "features"}
            files[f"{key}.onnx"] = model
        del files["features.onnx"]
        write_bundle(tmp_path / name, {**tiny_manifest(), **(manifest or {}), "graphs": graphs}, files)
        return tmp_path / name

    return make


@pytest.fixture
def pictures(tmp_path):
    """One-colour pictures, in the order of their names."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, (blue, green) in enumerate(zip(BLUES, GREENS, strict=True)):
        assert cv2.imwrite(str(folder / f"{number}.png"), np.full((128, 160, 3), (blue, green, 0), np.uint8))
    return folder


@pytest.fixture
def data_set(pictures):
    rows = [f"pictures/{number}.png,{score:.4f}" for number, score in enumerate(SCORES)]
    (pictures.parent / "ratings.csv").write_text("\n".join(["path,mos", *rows]))
    return pictures.parent


def bench(*arguments, engine="onnxruntime"):
    words = ["bench", "parity", *map(str, arguments), "--reference-engine", engine]
    return CliRunner().invoke(app, words)


def measured(*arguments):
    done = bench(*arguments, "--format", "json")
    assert done.exit_code in (0, 1), done.stderr
    result = json.loads(done.stdout)
    assert done.exit_code == (0 if result["within_budget"] else 1)
    return result


def row_of(result, precision, plan="dense", engine="onnxruntime"):
    (row,) = (
        row for row in result["rows"] if (row["engine"], row["precision"], row["plan"]) == (engine, precision, plan)
    )
    return row


def test_the_same_graph_twice_differs_in_nothing(make_bundle, pictures):
    bundle = make_bundle("same", fp32=mean_colour_graph(), fp16=mean_colour_graph())
    result = measured(bundle, "--images", pictures)
    assert result["within_budget"]
    assert [row["plan"] for row in result["rows"] if row["precision"] == "fp16" and row["reason"] is None] == [
        "dense", "random:25", "grid:25", "whole",
    ]  # fmt: skip
    for plan in ("dense", "random:25", "grid:25", "whole"):
        row = row_of(result, "fp16", plan)
        assert row["n"] == len(BLUES)
        assert row["shift_max"] == row["flips_percent"] == 0
        assert row["cosine_worst"] == pytest.approx(1, abs=1e-12)
        assert row["plcc"] is row["srocc_drop"] is None
        assert row["graph_bytes"] == len(mean_colour_graph())


@pytest.mark.parametrize("plan", ["dense", "random:3", "grid:4", "whole"])
def test_a_planted_difference_is_found_with_its_size(make_bundle, pictures, plan):
    planted = colours_mixed(mean_colour_graph(), np.eye(3), offset=(0.5 * ONE_POINT, 30, 0))
    bundle = make_bundle("planted", fp32=mean_colour_graph(), fp16=planted)
    row = row_of(measured(bundle, "--images", pictures, "--plan", plan), "fp16", plan)
    for figure in ("shift_mean", "shift_p99", "shift_max"):
        assert row[figure] == pytest.approx(0.5, abs=1e-3)
    flips = [label_of(score) != label_of(score + 0.5) for score in SCORES]
    assert any(flips)
    assert row["flips_percent"] == pytest.approx(100 * np.mean(flips))
    plain = np.stack([BLUES, GREENS], 1).astype(float)
    moved = plain + np.array([0.5 * ONE_POINT, 30])
    cosines = (plain * moved).sum(1) / np.linalg.norm(plain, axis=1) / np.linalg.norm(moved, axis=1)
    assert row["cosine_mean"] == pytest.approx(cosines.mean(), abs=1e-6)
    assert row["cosine_worst"] == pytest.approx(cosines.min(), abs=1e-6)
    assert row["beyond"] == ["flips_percent"]


def test_the_picture_that_moved_most_is_named(make_bundle, pictures):
    brighter = colours_mixed(mean_colour_graph(), np.diag([1.01, 1, 1]))
    bundle = make_bundle("scaled", fp32=mean_colour_graph(), fp16=brighter)
    row = row_of(measured(bundle, "--images", pictures), "fp16")
    assert row["shift_max_picture"] == "6.png"
    assert row["shift_max"] == row["shift_p99"] == pytest.approx(0.01 * SCORES[-1], abs=1e-3)
    assert row["shift_mean"] == pytest.approx(0.01 * SCORES.mean(), abs=1e-3)


def test_correlations_drop_as_much_as_they_do(make_bundle, data_set):
    mixed = colours_mixed(mean_colour_graph(), [[0.7, 0.8, 0], [0, 1, 0], [0, 0, 1]])
    bundle = make_bundle("mixed", fp32=mean_colour_graph(), fp16=mixed)
    result = measured(bundle, "--root", data_set, "--dataset", "csv", "--plan", "dense")
    row = row_of(result, "fp16")
    scores = (0.7 * np.array(BLUES) + 0.8 * np.array(GREENS)) * 100 / 255
    assert row["plcc"] == pytest.approx(np.corrcoef(scores, SCORES)[0, 1], abs=1e-5)
    assert row["plcc_drop"] == pytest.approx(1 - row["plcc"], abs=1e-5)
    ranks = scores.argsort().argsort()
    assert row["srocc"] == pytest.approx(np.corrcoef(ranks, range(len(ranks)))[0, 1])
    assert row["srocc_drop"] == pytest.approx(1 - row["srocc"])
    assert row["beyond"] == ["shift_mean", "flips_percent", "plcc_drop", "srocc_drop"]
    assert (result["dataset"], result["split"], result["n"]) == ("csv", "all", 7)
    assert result["reference"]["agreement"]["dense"]["srocc"] == pytest.approx(1)


def test_another_bundle_as_the_reference(make_bundle, pictures):
    original = make_bundle("original", fp32=mean_colour_graph())
    rounded = colours_mixed(mean_colour_graph(), np.eye(3), offset=(0.2 * ONE_POINT, 0, 0))
    compact = make_bundle("compact", fp32=rounded)
    options = ("--images", pictures, "--plan", "dense", "--reference", original)
    result = measured(compact, *options)
    row = row_of(result, "fp32")
    assert row["shift_max"] == pytest.approx(0.2, abs=1e-3)
    assert row["beyond"] == ["shift_max"]
    assert result["reference"]["model"] != result["model"]
    assert bench(compact, *options, "--max-fp32-shift", 0.3).exit_code == 0


def test_json_has_the_same_keys_in_every_row_and_says_why_rows_did_not_run(make_bundle, pictures):
    bundle = make_bundle("two", fp32=mean_colour_graph(), int8_cpu=mean_colour_graph())
    result = measured(bundle, "--images", pictures, "--plan", "dense")
    assert {
        "benchmark",
        "model",
        "dataset",
        "split",
        "n",
        "reference",
        "budget",
        "rows",
        "machine",
    } <= result.keys()
    assert result["reference"].keys() == {"engine", "version", "precision", "model", "agreement"}
    assert len(result["rows"]) == len(VARIANTS) - 1  # ONNX Runtime FP32 is the reference here
    keys = {
        "engine", "precision", "plan", "graph_bytes", "n", "cosine_mean", "cosine_worst", "shift_mean", "shift_p99",
        "shift_max", "shift_max_picture", "flips_percent", "plcc", "srocc", "plcc_drop", "srocc_drop", "beyond",
        "reason",
    }  # fmt: skip
    assert {frozenset(row) for row in result["rows"]} == {frozenset(keys)}
    assert row_of(result, "fp16")["reason"] == "the bundle has no fp16 graph"
    assert row_of(result, "fp16")["n"] is None
    assert row_of(result, "int8-cpu")["reason"] is None
    if not has_driver():
        assert row_of(result, "fp32", engine="tensorrt")["reason"]


def test_filters_choose_rows(make_bundle, pictures):
    graph = mean_colour_graph()
    bundle = make_bundle("all", fp32=graph, fp16=graph, int8_cpu=graph, int8_tensorrt=graph)
    options = (bundle, "--images", pictures, "--plan", "whole", "--engine", "onnxruntime")
    chosen = {
        precision: [row["precision"] for row in measured(*options, "--precision", precision)["rows"]]
        for precision in ("int8", "int8-tensorrt", "fp16")
    }
    assert chosen == {"int8": ["int8-cpu"], "int8-tensorrt": ["int8-tensorrt"], "fp16": ["fp16"]}


def test_text_plot_and_results_file(make_bundle, data_set, tmp_path):
    planted = colours_mixed(mean_colour_graph(), np.eye(3), offset=(2 * ONE_POINT, 0, 0))
    bundle = make_bundle("planted", fp32=mean_colour_graph(), fp16=planted)
    (tmp_path / "results").mkdir()
    done = bench(
        bundle, "--root", data_set, "--dataset", "csv", "--plan", "dense", "--plan", "grid:4",
        "--plot", tmp_path / "parity.png", "--results", tmp_path / "results",
    )  # fmt: skip
    assert done.exit_code == 1, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.split()[:3] == ["dense", "onnxruntime", "fp16"])
    assert "2.000" in line
    assert "beyond: shift, flips" in line
    assert "not run: onnxruntime int8-cpu: the bundle has no int8-cpu graph" in done.stdout
    assert "reference, grid:4: PLCC 1.0000, SROCC 1.0000" in done.stdout
    assert cv2.imread(str(tmp_path / "parity.png")).shape[1] > 600
    (file,) = (tmp_path / "results").iterdir()
    assert file.name == "parity-csv-all-dense-grid4.json"
    result = json.loads(file.read_text())
    assert row_of(result, "fp16", "grid:4")["shift_mean"] == pytest.approx(2, abs=1e-3)
    assert str(tmp_path) not in file.read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "either --root"),
        (["--images", "{pictures}", "--root", "."], "either --root"),
        (["--images", "{empty}"], "no pictures in folder"),
        (["--images", "{pictures}/nothing*.png"], "nothing matches"),
        (["--images", "{pictures}", "--engine", "armnn"], "compares onnxruntime, rounded-fp16, tensorrt"),
        (["--images", "{pictures}", "--precision", "int4"], "unknown precision 'int4'"),
        (["--images", "{pictures}", "--precision", "fp32", "--engine", "onnxruntime"], "nothing to compare"),
        (["--images", "{pictures}", "--plan", "random"], "random:25"),
        (["--images", "{pictures}", "--max-drop", "-1"], "--max-drop is a bound"),
        (["--images", "{pictures}", "--max-flips", "nan"], "--max-flips is a bound"),
        (["--images", "{pictures}", "--results", "no/such/folder"], "no/such/folder"),
        (["--images", "{pictures}", "--plot", "no/such/folder/plot.png"], "plot.png"),
        (["--images", "{pictures}", "--plot", "plot.xyz"], "plot.xyz"),
        (["--root", "{empty}", "--dataset", "koniq"], "unknown data set"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error(make_bundle, pictures, tmp_path, options, words):
    bundle = make_bundle("bundle", fp32=mean_colour_graph(), fp16=mean_colour_graph())
    (tmp_path / "empty").mkdir()
    done = bench(bundle, *(option.format(pictures=pictures, empty=tmp_path / "empty") for option in options))
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_pictures_that_cannot_be_read_are_all_named(make_bundle, pictures):
    for name in ("1.png", "4.png"):
        (pictures / name).write_bytes(b"")
    done = bench(make_bundle("b", fp32=mean_colour_graph(), fp16=mean_colour_graph()), "--images", pictures)
    assert done.exit_code == 3
    assert re.search(r"2 of \d+ pictures: cannot be scored", done.stderr)
    assert "1.png" in done.stderr
    assert "4.png" in done.stderr


def test_folders_are_searched_to_the_bottom(make_bundle, pictures, tmp_path):
    (tmp_path / "nest").mkdir()
    pictures.rename(tmp_path / "nest" / "deeper")
    bundle = make_bundle("b", fp32=mean_colour_graph(), fp16=mean_colour_graph())
    result = measured(bundle, "--images", tmp_path / "nest", "--plan", "dense")
    assert row_of(result, "fp16")["n"] == len(BLUES)


def test_two_rated_pictures_are_too_few(make_bundle, data_set):
    rows = (data_set / "ratings.csv").read_text().splitlines()
    (data_set / "ratings.csv").write_text("\n".join(rows[:3]))
    bundle = make_bundle("b", fp32=mean_colour_graph(), fp16=mean_colour_graph())
    done = bench(bundle, "--root", data_set, "--dataset", "csv")
    assert done.exit_code == 2
    assert "at least 3" in done.stderr


def test_ratings_that_are_all_equal_judge_nothing(make_bundle, data_set):
    rows = [f"pictures/{number}.png,50" for number in range(len(BLUES))]
    (data_set / "ratings.csv").write_text("\n".join(["path,mos", *rows]))
    bundle = make_bundle("b", fp32=mean_colour_graph(), fp16=mean_colour_graph())
    done = bench(bundle, "--root", data_set, "--dataset", "csv")
    assert done.exit_code == 2
    assert "all pictures have the score 50" in done.stderr


def test_a_reference_that_cannot_run_is_never_replaced(make_bundle, pictures):
    bundle = make_bundle("b", fp32=mean_colour_graph(), fp16=mean_colour_graph())
    done = bench(bundle, "--images", pictures, engine="no-such-engine")
    assert done.exit_code == 4
    assert "no-such-engine" in done.stderr
    assert "--reference-engine onnxruntime" in done.stderr


def test_a_graph_that_onnx_runtime_refuses_is_a_fault_and_no_missing_row(make_bundle, pictures):
    bundle = make_bundle("b", fp32=mean_colour_graph(), fp16=mean_colour_graph()[:-40])
    done = bench(bundle, "--images", pictures)
    assert done.exit_code == 4
    assert "cannot load the graph" in done.stderr


def test_comparing_nothing_is_an_error(make_bundle, pictures):
    done = bench(make_bundle("b", fp32=mean_colour_graph()), "--images", pictures, "--engine", "onnxruntime")
    assert done.exit_code == 4
    assert "nothing can be compared" in done.stderr
    assert "int8-tensorrt: the bundle has no int8-tensorrt graph" in done.stderr


def test_a_reference_that_looks_at_pictures_in_another_way(make_bundle, pictures):
    other = make_bundle("other", {"training_scale": {"short_side": 100}}, fp32=mean_colour_graph())
    done = bench(make_bundle("b", fp32=mean_colour_graph()), "--images", pictures, "--reference", other)
    assert done.exit_code == 2
    assert "another training scale (100)" in done.stderr


def test_cosines_of_windows():
    left, right = np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.float32)  # two features, 2x3 windows
    left[:, 0, 0], right[:, 0, 0] = (3, 4), (6, 8)
    left[:, 0, 1], right[:, 0, 1] = (1, 0), (0, 1)
    left[:, 0, 2], right[:, 0, 2] = (1, 0), (-2, 0)
    left[:, 1, 0] = (1, 1)  # and zero on the other side
    expected = np.array([[1, 0, -1], [0, 1, 1]])
    assert window_cosines(left, right) == pytest.approx(expected)
    crops = window_cosines(left.reshape(2, -1).T, right.reshape(2, -1).T)  # the same windows as crops
    assert crops == pytest.approx(expected.reshape(-1))


def test_the_worst_window_counts_and_not_the_worst_picture(make_bundle, tmp_path):
    picture = np.zeros((96, 320, 3), np.uint8)
    picture[:, :160, 0], picture[:, 160:, 0] = 20, 240
    assert cv2.imwrite(str(tmp_path / "halves.png"), picture)
    greener = colours_mixed(mean_colour_graph(), np.eye(3), offset=(0, 30, 0))
    bundle = make_bundle("greener", fp32=mean_colour_graph(), fp16=greener)
    row = row_of(measured(bundle, "--images", tmp_path / "halves.png", "--plan", "dense"), "fp16")
    assert row["cosine_worst"] == pytest.approx(20 / np.hypot(20, 30), abs=1e-6)
    assert row["cosine_mean"] > 0.8
