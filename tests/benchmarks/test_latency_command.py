"""`deepbiq bench latency` runs for real, on tiny counts; its figures are for results files, not for tests."""

import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from deepbiq.cli.main import app
from deepbiq.cuda import NoDeviceError, find_device
from deepbiq_benchmarks.latency_device import machine_name
from deepbiq_benchmarks.processes import peak_memory_mb, run_process

FAST = ["--n", "3", "--warm-up", "1", "--cold-starts", "0"]


def latency(*arguments):
    return CliRunner().invoke(app, ["bench", "latency", *map(str, arguments)])


def has_device():
    try:
        find_device()
    except NoDeviceError:
        return False
    return True


def test_the_object_of_the_contract(samples, tmp_path):
    done = latency(
        samples[0], "--format", "json", "--n", 4, "--warm-up", 1, "--cold-starts", 1, "--threads", 1,
        "--engine", "onnxruntime", "--precision", "fp32", "--plan", "dense", "--results", tmp_path,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    contract = {"plan", "engine", "precision", "image", "n", "p50_ms", "p90_ms", "p99_ms", "mean_ms", "stages"}
    assert contract | {"threads", "machine", "p95_ms", "warm_up", "pictures_per_s", "disturbed"} <= set(result)
    assert (result["plan"], result["engine"], result["precision"]) == ("dense", "onnxruntime", "fp32")
    assert (result["image"], result["image_wh"]) == (samples[0].name, [512, 512])
    assert (result["n"], result["warm_up"], result["batch"], result["concurrency"], result["threads"]) == (
        4, 1, 1, 1, 1
    )  # fmt: skip
    assert list(result["stages"]) == ["decode", "sample", "infer", "regress", "total"]
    for figures in (result, *result["stages"].values()):
        rising = [figures[f"{name}_ms"] for name in ("min", "p50", "p90", "p95", "p99", "max")]
        assert rising == sorted(rising)
        assert rising[0] <= figures["mean_ms"] <= rising[-1]
    assert 0 < result["pictures_per_s"] <= 1000 / result["mean_ms"] * 1.001  # one caller: requests do not overlap
    cold = result["cold_start"]
    assert cold["total_ms"] == pytest.approx(cold["import_ms"] + cold["load_ms"] + cold["first_score_ms"], abs=0.01)
    assert cold["process_ms"] > cold["total_ms"] > 0
    assert cold["n"] == 1
    assert 50 < result["peak_memory_mb"] < 2000
    assert ("nvidia" in result) == has_device()
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text()) == result
    assert str(file) in done.stderr


def test_a_results_file_is_named_after_what_it_measured(tiny_bundle, tmp_path):
    options = ["--bundle", tiny_bundle, "--plan", "grid:2", "--engine", "onnxruntime", "--precision", "fp32", *FAST]
    others = ["--scale", "128", "--batch", 2, "--concurrency", 2, "--threads", 1, "--sweep", "crops", "--at", "1"]
    results = tmp_path / "results"
    results.mkdir()
    for more in ([], others):
        assert latency(*options, *more, "--results", results).exit_code == 0
    plain, special = sorted((path.stem for path in results.iterdir()), key=len)
    assert plain.startswith("latency-")
    made, load = plain.split("-onnxruntime-fp32-grid2-")[1].rsplit("-n3-", 1)
    assert made.startswith("tiny")
    assert load == "warmup1"
    assert special == plain.replace("-n3-warmup1", "-scale128-threads1-batch2-concurrency2-n3-warmup1-bycrops")


def test_the_text_states_what_was_measured_and_how(tiny_bundle):
    done = latency(
        "--bundle", tiny_bundle, *FAST, "--batch", 2, "--sweep", "threads", "--at", "1", "--cold-starts", 1
    )
    assert done.exit_code == 0, done.stderr
    assert "n = 3 after 1 for warm-up, batch 2, concurrency 1" in done.stdout
    assert "made in memory: 512x512" in done.stdout
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    assert lines["ms"] == ["ms", "p50", "p90", "p95", "p99", "mean"]
    for name in ("decode", "sample", "infer", "regress", "total", "request", "1"):
        assert len([float(cell) for cell in lines[name][1:6]]) == 5
    assert {"throughput", "cold", "peak", "variation", "threads"} <= set(lines)


@pytest.mark.parametrize("sweep", [[], ["--sweep", "crops", "--at", "1,2"]])
def test_it_plots(tiny_bundle, tmp_path, sweep):
    pytest.importorskip("matplotlib", reason="install deepbiq[bench]")
    target = tmp_path / "latency.svg"
    assert latency("--bundle", tiny_bundle, *FAST, *sweep, "--plot", target).exit_code == 0
    drawn = target.read_text()
    assert drawn.startswith("<?xml")
    assert drawn.count('id="axes_') == (2 if sweep else 1)


def test_a_disturbed_run_says_so_in_the_result_and_on_stderr(tiny_bundle):
    command = [sys.executable, "-m", "deepbiq", "bench", "latency", "--bundle", str(tiny_bundle), *FAST]
    done = subprocess.run(
        [*command, "--max-variation", "0", "--format", "json"], capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    assert result["disturbed"] is True
    assert len(result["variation_of_runs"]) == 2
    assert result["variation"] == min(result["variation_of_runs"])
    assert done.stderr.count("deepbiq: disturbed: ") == 2


def test_no_extra_is_needed_but_for_the_plot(tiny_bundle, tmp_path):
    without = "import sys; sys.modules.update(dict.fromkeys(('matplotlib', 'scipy', 'torch', 'onnx'))); "
    script = f"{without} from deepbiq.cli.main import main; main()"
    command = [sys.executable, "-c", script, "bench", "latency", "--bundle", str(tiny_bundle), *FAST]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plotted = subprocess.run(
        [*command, "--plot", str(tmp_path / "plot.png")], capture_output=True, text=True, check=False
    )
    assert plotted.returncode == 2
    assert "pip install 'deepbiq[bench]'" in plotted.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.jpg"], 3, "no such file"),
        (["--engine", "nothing"], 4, "unknown engine 'nothing'"),
        (["--bundle", "missing"], 4, "missing"),
        (["--plan", "random"], 2, "needs a number of crops"),
        (["--n", "0"], 2, "--n"),
        (["--at", "1"], 2, "choose one by --sweep"),
        (["--sweep", "crops", "--at", "none"], 2, "whole numbers of crops"),
        (["--sweep", "crops", "--at", "100000"], 2, "got 100000"),
        (["--sweep", "megapixels", "--at", "1000"], 2, "cannot be scored at 1000 megapixels"),
        (["--sweep", "megapixels", "--at", "0.000001"], 2, "cannot be scored at 1e-06 megapixels"),
        (["--max-variation", "nan"], 2, "--max-variation is a number from 0 on, got nan"),
        (["--results", "missing"], 2, "there is no folder"),
        (["--plot", "missing/plot.png"], 2, "there is no folder"),
        (["--plot", "plot.docx"], 2, "plot.docx: its ending is none of"),
    ],
)
def test_bad_input(tmp_path, monkeypatch, arguments, code, words):
    if "--plot" in arguments:
        pytest.importorskip("matplotlib", reason="install deepbiq[bench]")
    monkeypatch.chdir(tmp_path)
    done = latency(*FAST, *arguments)
    assert done.exit_code == code
    assert words in done.stderr
    assert not done.stdout


@pytest.mark.skipif(has_device(), reason="there is an NVIDIA device")
def test_a_machine_without_the_engine():
    done = latency(*FAST, "--engine", "tensorrt")
    assert done.exit_code == 4
    assert "engine tensorrt: no NVIDIA driver" in done.stderr


def test_a_file_that_is_no_picture(tmp_path):
    file = tmp_path / "noise.jpg"
    file.write_bytes(np.random.default_rng(0).bytes(1000))
    assert latency(file, *FAST).exit_code == 3


def test_memory_is_that_of_the_process_alone():
    held = np.ones(200_000_000, np.uint8)  # this process is large, its child is not
    small = peak_memory_mb([sys.executable, "-c", ""])
    large = peak_memory_mb([sys.executable, "-c", "data = b'x' * 100_000_000"])
    assert held.nbytes / 1e6 > 190 > small
    assert 80 < large - small < 120


def test_a_process_that_fails_is_named():
    from deepbiq.errors import EngineError

    failing = [sys.executable, "-c", "raise SystemExit(7)"]
    for run in (run_process, peak_memory_mb):
        with pytest.raises(EngineError, match="ended with exit code 7"):
            run(failing)


def test_fresh_processes_may_keep_the_bytecode_of_what_they_import(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    told = run_process([sys.executable, "-c", "import sys; print(sys.dont_write_bytecode)"])
    assert told == "False\n"


def test_machines_are_named_by_their_board_if_they_have_one(tmp_path):
    board = tmp_path / "model"
    assert machine_name(None, "AMD EPYC, 2 cores (avx2)", board) == "AMD EPYC, 2 cores"
    board.write_bytes(b"NVIDIA Jetson Orin Nano Developer Kit\0")
    assert machine_name(None, "ARM, 6 cores (asimd)", board) == "NVIDIA Jetson Orin Nano Developer Kit"
