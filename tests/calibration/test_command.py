"""`deepbiq calibrate` from end to end: what it hands over, and what it refuses without a trace."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

import deepbiq
from deepbiq.bundle import open_bundle, write_bundle
from deepbiq.cli.main import app
from deepbiq.golden import check_golden
from tests.calibration.conftest import write_miniature
from tests.calibration.networks import miniature, with_rectifiers

LOOSE = ["--max-plcc-drop", "1", "--max-srocc-drop", "1", "--max-shift", "50", "--max-flips", "100"]
IMPOSSIBLE = ["--max-shift", "0"]
QUICK = ["--method", "minmax", "--pictures", "12", "--held-back-pictures", "20", "--threads", "1"]


def calibrate(bundle, folder, report, *options):
    arguments = ["calibrate", bundle, "--images", folder, "--report", report, *QUICK, *options]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, network, rated):
    folder = tmp_path_factory.mktemp("calibrated")
    bundle = write_miniature(folder / "bundle", network)
    result = calibrate(bundle, rated.folder, folder / "report", "--plan", "random:5", *LOOSE)
    assert result.exit_code == 0, result.output
    return bundle, folder / "report", result


def test_both_graphs_are_in_the_bundle_and_score(calibrated, rated):
    bundle, _, result = calibrated
    assert result.stdout.strip().splitlines()[-1] == str(bundle)
    exact = deepbiq.load(bundle, precision="fp32")(rated.paths[0]).score
    for precision in ("int8", "int8-cpu", "int8-tensorrt"):
        for plan in ("dense", "random:5", "whole"):
            with deepbiq.load(bundle, precision=precision, plan=plan) as scorer:
                score = scorer(rated.paths[0]).score
        assert abs(score - exact) < 40  # plans differ; that it is the same network is the golden pictures' business


def test_golden_scores_are_those_of_each_graph(calibrated):
    bundle, _, _ = calibrated
    opened = open_bundle(bundle)
    for key in ("int8-cpu", "int8-tensorrt"):

        def score_of(data, plan, key=key):
            with deepbiq.load(bundle, precision=key, plan=plan) as scorer:
                return scorer(data).score

        checks = check_golden(opened, key, score_of)
        assert {check.plan for check in checks} == {"dense", "random:5"}
        for check in checks:
            assert check.score == pytest.approx(check.expected, abs=1e-3)


def test_the_manifest_says_how_the_graphs_were_made_and_what_they_cost(calibrated):
    bundle, _, _ = calibrated
    told = open_bundle(bundle).manifest["graphs"]["int8-cpu"]
    assert told["file"] == "model.int8-cpu.onnx"
    assert (told["output"], told["score_output"]) == ("features", "score")
    made = told["calibration"]
    assert made["step"] == "minmax ranges"
    assert made["method"] == "minmax"
    assert made["pictures"] == {"calibration": 12, "held_back": 20, "seed": 0}
    assert [cost["plan"] for cost in made["costs"]] == ["dense", "random:5"]
    assert all(cost["n"] == 20 for cost in made["costs"])


def test_everything_else_in_the_bundle_is_as_it_was(calibrated, tmp_path, network):
    bundle, _, _ = calibrated
    before, after = open_bundle(write_miniature(tmp_path / "before", network)), open_bundle(bundle)
    assert {name: after.files[name] for name in before.files} == dict(before.files)
    for name in before.manifest.keys() - {"graphs", "files"}:
        assert after.manifest[name] == before.manifest[name]
    assert after.manifest["graphs"]["fp32"] == before.manifest["graphs"]["fp32"]


def test_the_report_is_whole(calibrated, rated):
    _, report, _ = calibrated
    told = json.loads((report / "report.json").read_text())
    for flavour in ("cpu", "tensorrt"):
        found = told["flavours"][flavour]
        assert found["holds"]
        assert found["chosen"] == found["shown"] == found["steps"][0]["name"] == "minmax ranges"
        assert found["steps"][0]["bytes"] > 1000
        assert len(found["layers"]) == {"cpu": 10, "tensorrt": 6}[flavour]
        assert len(found["scores"]["dense"]["int8"]) == 20
        for name in ("layers", "scatter", "shifts"):
            assert (report / f"{flavour}-{name}.png").read_bytes().startswith(b"\x89PNG")
    page = (report / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "http" not in page


def test_pictures_of_one_scene_are_on_one_side(calibrated, rated):
    _, report, _ = calibrated
    entries = json.loads((report / "pictures.json").read_text())["pictures"]
    scenes = {
        role: {int(entry["path"][:2]) // 2 for entry in entries if entry["role"] == role}
        for role in ("calibration", "held back")
    }
    assert scenes["calibration"]
    assert not scenes["calibration"] & scenes["held back"]
    assert len({entry["path"] for entry in entries}) == 32


def test_a_budget_that_cannot_hold_changes_nothing(bundle, rated, tmp_path):
    before = digests(bundle)
    result = calibrate(bundle, rated.folder, tmp_path / "report", "--flavour", "tensorrt", *IMPOSSIBLE)
    assert result.exit_code == 4
    assert digests(bundle) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["miniature", "report"]
    message = result.stderr.strip().splitlines()[-1]
    assert re.search(r"tensorrt: the budget cannot be held: dense: mean score shift [\d.]+, allowed 0.00", message)
    assert "deepbiq train --qat" in message
    told = json.loads((tmp_path / "report" / "report.json").read_text())["flavours"]["tensorrt"]
    assert not told["holds"]
    assert [step["name"] for step in told["steps"]] == [
        "minmax ranges",
        "cross-layer equalisation",
        "rounding for the output",
        "bias correction",
        "1 layer left in float",
        "2 layers left in float",
        "3 layers left in float",
    ]
    assert "Refused" in (tmp_path / "report" / "report.html").read_text()


def test_a_network_that_was_fine_tuned_for_int8_gets_other_advice(network, rated, tmp_path):
    bundle = write_miniature(tmp_path / "tuned", network, trained_on={"name": "x", "qat": {"kept_step": 400}})
    result = calibrate(bundle, rated.folder, tmp_path / "report", "--flavour", "tensorrt", *IMPOSSIBLE)
    assert result.exit_code == 4
    assert "was fine-tuned for INT8 already" in result.stderr


def test_one_flavour_beyond_the_budget_keeps_the_other_back(bundle, rated, tmp_path):
    """Both or none: half a result would look like a whole one."""
    before = digests(bundle)
    # TensorRT's flavour keeps more in float: a bound between the two refuses one of them.
    told = {}
    for flavour in ("cpu", "tensorrt"):
        calibrate(bundle, rated.folder, tmp_path / flavour, "--flavour", flavour, *IMPOSSIBLE)
        steps = json.loads((tmp_path / flavour / "report.json").read_text())["flavours"][flavour]["steps"]
        told[flavour] = min(step["costs"][0]["shift"] for step in steps)
    assert told["cpu"] != told["tensorrt"]
    between = ["--max-shift", str(np.mean(list(told.values()))), *LOOSE[:4], *LOOSE[6:]]
    result = calibrate(bundle, rated.folder, tmp_path / "both", *between)
    assert result.exit_code == 4
    assert digests(bundle) == before


def test_another_bundle_is_written_with_out(bundle, rated, tmp_path):
    before = digests(bundle)
    options = ("--flavour", "cpu", "--out", tmp_path / "new" / "bundle", *LOOSE)
    assert calibrate(bundle, rated.folder, tmp_path / "report", *options).exit_code == 0
    assert digests(bundle) == before
    assert "int8-cpu" in open_bundle(tmp_path / "new" / "bundle").manifest["graphs"]


def test_pictures_without_scores_are_judged_by_shift_and_flips_alone(bundle, rated, tmp_path):
    folder = tmp_path / "unrated"
    folder.mkdir()
    for path in rated.paths[:30]:
        shutil.copy(path, folder)
    refused = calibrate(bundle, folder, tmp_path / "report", *LOOSE)
    assert refused.exit_code == 2
    assert "--without-scores" in refused.stderr
    done = calibrate(bundle, folder, tmp_path / "report", "--without-scores", "--flavour", "cpu", *LOOSE)
    assert done.exit_code == 0, done.output
    (cost,) = open_bundle(bundle).manifest["graphs"]["int8-cpu"]["calibration"]["costs"]
    assert cost["plcc_drop"] is None
    assert "not known" in (tmp_path / "report" / "report.html").read_text()


def test_scores_that_are_all_equal_judge_nothing(bundle, rated, tmp_path):
    folder = tmp_path / "equal"
    shutil.copytree(rated.folder, folder)
    rows = [f"{path.name},50" for path in rated.paths]
    (folder / "ratings.csv").write_text("\n".join(["path,mos", *rows]))
    before = digests(bundle)
    result = calibrate(bundle, folder, tmp_path / "report", *LOOSE)
    assert result.exit_code == 2
    assert "all held-back pictures have the score 50" in result.stderr
    assert "--without-scores" in result.stderr
    assert digests(bundle) == before


def test_a_list_decides_what_is_held_back(bundle, rated, tmp_path):
    listing = tmp_path / "list.txt"
    listing.write_text("\n".join(f"{i:02}.png" for i in range(0, 20, 2)))
    options = ("--held-back", listing, "--flavour", "cpu", *LOOSE)
    assert calibrate(bundle, rated.folder, tmp_path / "report", *options).exit_code == 0
    entries = json.loads((tmp_path / "report" / "pictures.json").read_text())["pictures"]
    back = {entry["path"] for entry in entries if entry["role"] == "held back"}
    assert back == set(listing.read_text().split())
    # The other picture of a held-back scene is not calibrated on, either.
    used = {entry["path"] for entry in entries if entry["role"] == "calibration"}
    assert not used & {f"{i:02}.png" for i in range(20)}


def test_unreadable_pictures_are_named(bundle, rated, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(rated.folder, folder)
    for path in folder.glob("*.png"):
        path.write_bytes(path.read_bytes()[:200])
    before = digests(bundle)
    result = calibrate(bundle, folder, tmp_path / "report", *LOOSE)
    assert result.exit_code == 3
    assert re.search(r"\d\d\.png: ", result.stderr)
    assert "cannot be read" in result.stderr
    assert digests(bundle) == before


def test_no_pictures_is_a_mistake_of_usage(bundle, tmp_path):
    (tmp_path / "empty").mkdir()
    result = calibrate(bundle, tmp_path / "empty", tmp_path / "report")
    assert result.exit_code == 2
    assert "holds no pictures" in result.stderr


@pytest.mark.parametrize(
    ("graph", "message"),
    [(b"", "is empty"), (miniature().SerializeToString()[:-500], "cut short")],
)
def test_a_broken_graph_ends_with_exit_code_4(bundle, rated, tmp_path, graph, message):
    opened = open_bundle(bundle)
    manifest = {key: value for key, value in opened.manifest.items() if key != "files"}
    write_bundle(bundle, manifest, {**opened.files, "model.fp32.onnx": graph})
    before = digests(bundle)
    result = calibrate(bundle, rated.folder, tmp_path / "report", *LOOSE)
    assert result.exit_code == 4
    assert message in result.stderr
    assert digests(bundle) == before


def test_a_bundle_without_fp32_is_refused(network, rated, tmp_path):
    graphs = {"fp16": {"file": "model.fp32.onnx", "output": "features"}}
    bundle = write_miniature(tmp_path / "other", network, graphs=graphs)
    result = calibrate(bundle, rated.folder, tmp_path / "report")
    assert result.exit_code == 4
    assert "holds no fp32 graph to calibrate, only fp16" in result.stderr


def test_a_zip_needs_another_place(bundle, rated, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", bundle)
    result = calibrate(archive, rated.folder, tmp_path / "report", *LOOSE)
    assert result.exit_code == 2
    assert "--out" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--headroom", "0"), "--headroom"),
        (("--max-flips", "-1"), "--max-flips"),
        (("--pictures", "0"), "calibration must be at least 1"),
        (("--plan", "odd"), "unknown plan 'odd'"),
        (("--threads", "0"), "--threads"),
    ],
)
def test_impossible_options_are_mistakes_of_usage(bundle, rated, tmp_path, options, words):
    result = calibrate(bundle, rated.folder, tmp_path / "report", *options)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize("inside", ["", "report"])
def test_a_report_inside_the_bundle_that_is_written_is_refused(bundle, rated, tmp_path, inside):
    before = digests(bundle)
    for out in ((), ("--out", bundle)):
        result = calibrate(bundle, rated.folder, bundle / inside, *out)
        assert result.exit_code == 2
        assert "lies in the bundle" in result.stderr
    assert digests(bundle) == before


def test_a_folder_that_is_no_bundle_is_refused_before_anything_is_computed(bundle, rated, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    result = calibrate(bundle, rated.folder, tmp_path / "report", "--out", foreign)
    assert result.exit_code == 4
    assert "exists and is not a bundle" in result.stderr
    assert not (tmp_path / "report").exists()


def test_a_calibration_that_fails_leaves_the_last_report_alone(bundle, tmp_path):
    report = tmp_path / "report"
    report.mkdir()
    (report / "report.json").write_text('{"bundle": "last"}')
    (tmp_path / "empty").mkdir()
    assert calibrate(bundle, tmp_path / "empty", report).exit_code == 2
    assert {path.name: path.read_text() for path in report.iterdir()} == {"report.json": '{"bundle": "last"}'}


def test_a_report_without_a_place_stops_before_anything_is_computed(bundle, rated, tmp_path):
    (tmp_path / "file").write_text("")
    result = calibrate(bundle, rated.folder, tmp_path / "file" / "report")
    assert result.exit_code == 2
    assert "the report cannot be written" in result.stderr


FULL_DISK = """
import importlib, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
module, name = importlib.import_module("deepbiq_calibration." + sys.argv[1]), sys.argv[2]
limit = int(sys.argv[3])
limited = getattr(module, name)
def write(*arguments, **options):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return limited(*arguments, **options)
setattr(module, name, write)
from deepbiq.cli.main import app
sys.argv = ["deepbiq", *sys.argv[4:]]
app()
"""


@pytest.mark.parametrize(
    ("module", "function", "limit", "message", "report"),
    [
        ("workshop", "collect_ranges", 4096, "a file of the calibration cannot be read or written", "last"),
        ("calibrating", "write_report", 16_384, "the report cannot be written", "last"),  # report.json fits
        ("installing", "write_bundle", 4096, "the bundle cannot be written", "new"),
    ],
)
def test_a_full_disk_leaves_bundle_and_report_whole(
    bundle, rated, tmp_path, module, function, limit, message, report
):
    """No file may grow beyond the limit from the moment the function is called: the system's own error."""
    before = digests(bundle)
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "report.json").write_text("last")
    arguments = ["calibrate", bundle, "--images", rated.folder, "--report", folder, *QUICK, *LOOSE]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, module, function, str(limit), *map(str, arguments), "--flavour", "cpu"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert digests(bundle) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["miniature", "report"]
    if report == "last":
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"report.json": "last"}
    else:
        assert {"report.json", "report.html", "pictures.json"} < {path.name for path in folder.iterdir()}


WITHOUT_TORCH = """
import sys
for name in ("torch", "torchvision", "sklearn", "scipy"):
    sys.modules[name] = None
from deepbiq.cli.main import app
sys.argv = ["deepbiq", *sys.argv[1:]]
app()
"""


def test_no_torch_is_needed(network, rated, tmp_path):
    bundle = write_miniature(tmp_path / "bundle", with_rectifiers())
    arguments = ["calibrate", bundle, "--images", rated.folder, "--report", tmp_path / "report", *QUICK, *LOOSE]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    graphs = open_bundle(bundle).manifest["graphs"]
    assert {"int8-cpu", "int8-tensorrt"} <= graphs.keys()
    model = onnx.load_model_from_string(open_bundle(bundle).read("model.int8-tensorrt.onnx"))
    assert "LRN" in {node.op_type for node in model.graph.node}
